// SSH logins that a check rule covers: what the device that is logged in to is told, before and after the person decides.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSshChecks } from '../../src/domain/ssh-checks/ssh-check-service.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import type { TestDevice } from '../client/index.ts';
import { type ControlServer, startControlServer } from '../support/control-server.ts';
import { ENGINES } from '../support/engines.ts';
import { insertPolicy } from '../support/seeds.ts';

interface Action {
  readonly accept?: boolean;
  readonly reject?: boolean;
  readonly message?: string;
  readonly holdAndDelegate?: string;
}

const LINK = /\/login\/ssh\/(?<id>\S+)/u;

describe.each(ENGINES)('an SSH login that asks for a sign-in, on %s', (engine) => {
  let server: ControlServer;
  let laptop: TestDevice;
  let target: TestDevice;
  const ids = { laptop: 0, target: 0 };
  const checks = () => createSshChecks({ store: server.store, clock: systemClock, random: systemRandom });
  const ada = () => ({ org: server.organization.id, membership: server.owner.id, name: 'ada@acme.test' });

  const save = (ssh: unknown): Promise<void> =>
    server.write((tx) =>
      insertPolicy(tx, server.organization.id, {
        tagOwners: { 'tag:db': [] },
        grants: [{ src: ['*'], dst: ['*'], ip: ['*'] }],
        ssh,
      }),
    );
  const CHECK = {
    action: 'check',
    src: ['autogroup:member'],
    dst: ['tag:db'],
    users: ['root'],
    checkPeriod: '1h',
  };

  /** What the policy tells the device to ask, with the client's own values. */
  const question = (user = 'root', from = ids.laptop): string => {
    const rules = target.netmap().sshPolicy?.rules ?? [];
    const url = rules[0]?.action.holdAndDelegate ?? '';
    return new URL(
      url
        .replace('$SRC_NODE_ID', String(from))
        .replace('$DST_NODE_ID', String(ids.target))
        .replace('$SSH_USER', user)
        .replace('$LOCAL_USER', user),
    ).toString();
  };
  const asked = async (url: string, by = target): Promise<{ status: number; action: Action }> => {
    const { pathname, search } = new URL(url);
    const { status, body } = await by.send('GET', `${pathname}${search}`);
    return { status, action: status === 200 ? (JSON.parse(body.toString('utf8')) as Action) : {} };
  };
  const linkOf = (action: Action): string => LINK.exec(action.message ?? '')?.groups?.id ?? '';

  beforeEach(async () => {
    server = await startControlServer(engine);
    await save([CHECK]);
    laptop = await server.joined('laptop');
    target = await server.joined('db', { authKey: await server.authKey({ tags: ['tag:db'] }) });
    ids.laptop = (await server.row(laptop)).id;
    ids.target = (await server.row(target)).id;
  });
  afterEach(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  it('shows the person a link, is held until they decide, and then let in', async () => {
    const first = await asked(question());
    expect(first.action.accept).toBeUndefined();
    const id = linkOf(first.action);
    expect(id).not.toBe('');
    const held = asked(first.action.holdAndDelegate ?? '');
    await checks().decide(id, ada(), 'allowed');
    expect((await held).action).toMatchObject({ accept: true });
  });

  it('asks nothing again within the period of the rule, and again when it is over', async () => {
    const id = linkOf((await asked(question())).action);
    await checks().decide(id, ada(), 'allowed');
    expect((await asked(question())).action.accept).toBe(true);
    await server.write(async (tx) => {
      const org = server.organization.id;
      const past = tx.now - 3_600_001;
      await tx.put('sshProof', { org, device: ids.laptop, membership: server.owner.id, at: past });
    });
    expect((await asked(question())).action.accept).toBeUndefined();
  });

  it('is refused when the person refuses', async () => {
    const first = await asked(question());
    await checks().decide(linkOf(first.action), ada(), 'denied');
    expect((await asked(first.action.holdAndDelegate ?? '')).action).toMatchObject({ reject: true });
    expect((await asked(question())).action.accept).toBeUndefined();
  });

  it.each([
    ['for a user that no rule names', () => question('operator')],
    ['for a user named like a property of every object', () => question('constructor')],
    ['from a device that no rule means', () => question('root', ids.target)],
    ['from a device that there is not', () => question('root', 4_000_000)],
  ])('is rejected at once %s', async (_, url) => {
    expect((await asked(url())).action).toMatchObject({ reject: true });
  });

  it('is no other machine’s to ask about', async () => {
    expect((await asked(question(), laptop)).status).toBe(404);
    const foreign = question().replace(/organization=\d+/u, `organization=${server.organization.id + 1}`);
    expect((await asked(foreign)).status).toBe(404);
  });

  it('is rejected when its rule has gone meanwhile', async () => {
    const first = await asked(question());
    const held = asked(first.action.holdAndDelegate ?? '');
    await save([]);
    await target.waitFor(({ sshPolicy }) => sshPolicy?.rules.length === 0, 5_000);
    await checks().decide(linkOf(first.action), ada(), 'allowed');
    expect((await held).action).toMatchObject({ reject: true });
  });

  it('is nobody else’s to decide', async () => {
    const id = linkOf((await asked(question())).action);
    const other = { ...ada(), membership: server.owner.id + 1 };
    expect(await checks().waiting(id, other)).toBeUndefined();
    await expect(checks().decide(id, other, 'allowed')).rejects.toMatchObject({ code: 'conflict' });
    const elsewhere = { ...ada(), org: server.organization.id + 1 };
    expect(await checks().waiting(id, elsewhere)).toBeUndefined();
    await expect(checks().decide('x', ada(), 'allowed')).rejects.toMatchObject({ code: 'conflict' });
  });

  it('is decided once', async () => {
    const id = linkOf((await asked(question())).action);
    await checks().decide(id, ada(), 'denied');
    await expect(checks().decide(id, ada(), 'allowed')).rejects.toMatchObject({ code: 'conflict' });
  });

  it('does not pile up: the oldest question gives way', async () => {
    for (let attempt = 0; attempt < 8; attempt += 1) await asked(question());
    expect(await server.store.count('sshCheck', server.organization.id)).toBe(5);
  });
});
