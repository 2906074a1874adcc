import { describe, expect, it } from 'vitest';
import { unless } from '../support/requirements.ts';
import { answer, comparable, RECORDED_FILE, type Recorded, recordedCases } from './recorded.ts';
import { renamed } from './rename.ts';

const cases = recordedCases();
const whyNot =
  cases.length === 0 ? `${RECORDED_FILE.pathname}, with recorded answers, is not here` : undefined;
const where = unless(whyNot, { optional: true });

/**
 * Cases whose recording contradicts itself: addresses in it were replaced after the service had answered, so a literal
 * address now belongs to a device that it did not belong to then.
 */
const CONTRADICTORY = new Map([
  [
    'policytest-allpass-grants-only-tag-src-ipv6-literal-dst',
    'the destination was nobody’s address when it was recorded',
  ],
]);

async function agrees(recorded: Recorded): Promise<void> {
  const got = await answer(recorded);
  const { status, message, nodes = {} } = recorded.expect;
  if (status === 500) {
    // The service failed on this one; refusing it is as good.
    expect(got.status).not.toBe(200);
    return;
  }
  expect({ status: got.status, message: got.message }).toEqual({
    status,
    message: status === 400 ? message : undefined,
  });
  if (status !== 200) return;
  for (const [name, node] of Object.entries(nodes)) {
    expect({ [name]: comparable(got.nodes?.[name], node) }).toEqual({ [name]: comparable(node, node) });
  }
}

describe('recorded answers of the real service', where, () => {
  it('are all there', () => {
    expect(cases.length).toBeGreaterThanOrEqual(510);
  });

  const usable = cases.filter((one) => !CONTRADICTORY.has(one.id));
  it.each(usable.map((one) => [one.id, one] as const))('%s', async (_, one) => agrees(one));

  it.each([...CONTRADICTORY])('%s differs from its recording: %s', async (id) => {
    const one = cases.find((candidate) => candidate.id === id);
    await expect(agrees(one as Recorded)).rejects.toThrow();
  });
});

describe('the same with everything renamed', where, () => {
  const usable = cases.filter((one) => !CONTRADICTORY.has(one.id));
  it.each(usable.map((one) => [one.id, one] as const))('%s', async (_, one) => agrees(renamed(one)));
});

/** The order of the addresses in the SSH rules of a case. */
const principalOrders = ({ expect: { nodes = {} } }: Recorded): string[] =>
  Object.values(nodes).flatMap(({ sshRules }) =>
    (sshRules ?? []).map((rule) =>
      (rule.principals as readonly { readonly nodeIP?: string }[]).map(({ nodeIP }) => nodeIP).join(' '),
    ),
  );

describe('the order of SSH principals', where, () => {
  // Two recordings of one network and one rule, whose logins alone differ. They show why principals are compared as a set:
  // the service sorts addresses, and the recordings hold others than those that it sorted.
  const [a, b] = ['ssh-malformed-user-localpart-empty', 'ssh-malformed-user-localpart-no-glob'].map((id) =>
    cases.find((one) => one.id === id),
  );

  it('follows from nothing that a case says', () => {
    const without = (one: Recorded | undefined): unknown => {
      const { policy, ...network } = one?.input ?? {};
      const { ssh, ...rest } = JSON.parse(String(policy)) as { ssh: { users: unknown }[] };
      return { network, rest, ssh: ssh.map(({ users: _, ...rule }) => rule) };
    };
    expect(without(a)).toEqual(without(b));
    const [first, second] = [a, b].map((one) => (one === undefined ? [] : principalOrders(one)));
    expect(first).not.toEqual(second);
    expect(first?.map((order) => order.split(' ').sort())).toEqual(
      second?.map((order) => order.split(' ').sort()),
    );
  });
});
