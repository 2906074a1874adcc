import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Change,
  createPolicyEngine,
  DEFAULT_SETTINGS,
  EMPTY_CONTEXT,
  type PolicyEngine,
  parsePolicy,
  validatePolicy,
} from '../../src/policy/index.ts';
import {
  deviceChange,
  locatedDevice,
  networkChange,
  policyText,
  primary,
  startChanges,
} from './policy-arbitraries.ts';

const RUNS = process.env.HOLDFAST_LONG === '1' ? 10_000 : 1_000;
const settings = { ...DEFAULT_SETTINGS, domains: ['a.test'] };

/** A policy travels as text, so that a counterexample can be read. */
type Step = Change | { readonly kind: 'policy-text'; readonly text: string };

function changeOf(step: Step): Change {
  if (step.kind !== 'policy-text') return step;
  const policy = parsePolicy(step.text);
  validatePolicy(policy, EMPTY_CONTEXT);
  return { kind: 'policy', policy };
}

/** The last of the devices are plain clients behind a gateway: nobody's peers, and without outputs of their own. */
const FIRST_CLIENT = 5;
function withClients(change: Change): Change {
  if (change.kind !== 'device' || change.device.id < FIRST_CLIENT) return change;
  const { id, owner, authorized, attributes } = change.device;
  return {
    kind: 'device',
    device: {
      id,
      owner: owner.kind === 'membership' ? owner : { kind: 'tags' },
      tags: [],
      addresses: [`198.18.0.${id}`],
      advertised: [],
      approved: [],
      attributes,
      class: 'edge-only',
      authorized,
      behind: 1,
    },
  };
}

const policyStep: fc.Arbitrary<Step> = policyText.map((text) => ({ kind: 'policy-text', text }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: deviceChange.map(withClients) },
  { weight: 3, arbitrary: networkChange },
  { weight: 1, arbitrary: policyStep },
);

/** Everything that the engine gives out, in one comparable form. */
interface Outputs {
  readonly filters: Map<number, string>;
  readonly ssh: Map<number, string>;
  readonly principals: Map<number, string>;
  readonly self: Map<number, string>;
  readonly views: Map<number, Map<number, string>>;
  readonly classes: Map<number, number>;
}

/** Neither the order of rules nor that of lists in them means anything. */
const sortedText = (value: unknown): string =>
  JSON.stringify(value, (_, inner) =>
    Array.isArray(inner) ? inner.map((item) => JSON.stringify(item)).sort() : inner,
  );

/** A rule that names a person by login is the same while their devices come and go. */
const toldSsh = (engine: PolicyEngine, id: number): string =>
  JSON.stringify(
    engine.ssh(id).rules.map((rule) => ({
      ...rule,
      principals: rule.everyDeviceOf === undefined ? rule.principals : [],
    })),
  );

function outputsOf(engine: PolicyEngine): Outputs {
  const out: Outputs = {
    filters: new Map(),
    ssh: new Map(),
    principals: new Map(),
    self: new Map(),
    views: new Map(),
    classes: new Map(),
  };
  const devices = [...engine.core.devices.values()].filter(({ input }) => input.behind === undefined);
  for (const { id } of devices.sort((a, b) => a.id - b.id)) {
    out.filters.set(id, sortedText(engine.filter(id)));
    out.ssh.set(id, toldSsh(engine, id));
    out.principals.set(
      id,
      engine
        .ssh(id)
        .rules.map((rule) => rule.principals.map(({ nodeIP }) => nodeIP).join())
        .join(';'),
    );
    out.self.set(id, sortedText(engine.self(id)));
    out.views.set(id, new Map(engine.peers(id).map((peer) => [peer, sortedText(engine.view(id, peer))])));
    out.classes.set(id, engine.viewerClass(id));
  }
  return out;
}

const keysThatDiffer = <V>(before: ReadonlyMap<number, V>, after: ReadonlyMap<number, V>): number[] =>
  [...after.keys()].filter((id) => before.get(id) !== after.get(id));

/** Half of the devices carry one prefix, and all are somewhere: changes are about who is where, and who is there. */
const CARRIERS = 3;
const contested = (change: Change): Change =>
  change.kind !== 'device' || change.device.id > CARRIERS
    ? change
    : {
        kind: 'device',
        device: { ...change.device, advertised: ['10.1.0.0/16'], approved: ['10.1.0.0/16'] },
      };
const regionStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: locatedDevice.map((device): Change => contested({ kind: 'device', device })) },
  { weight: 2, arbitrary: primary },
  { weight: 1, arbitrary: policyStep },
);

describe('the engine after any sequence of changes', () => {
  it.each([
    ['of all kinds', startChanges.map((changes) => changes.map(withClients)), step],
    ['of where carriers of a route are', startChanges.map((changes) => changes.map(contested)), regionStep],
  ])(
    '%s gives what a fresh engine gives, and tells exactly whose outputs each change made different',
    (_kinds, starts, steps) => {
      fc.assert(
        fc.property(
          policyStep,
          starts,
          fc.array(steps, { minLength: 1, maxLength: 8 }),
          (first, start, more) => {
            const engine = createPolicyEngine({ settings });
            const history: Change[] = [changeOf(first), ...start];
            engine.applyAll(history);
            let before = outputsOf(engine);
            for (const next of more) {
              const one = changeOf(next);
              history.push(one);
              const changes = engine.apply(one);
              const told = {
                filters: new Set(changes.filters),
                ssh: new Set(changes.ssh),
                self: new Set(changes.self),
                viewers: new Set(changes.viewers),
                subjects: new Map(
                  [...changes.subjects()].map(({ subject, viewers }) => [subject, new Set(viewers)]),
                ),
              };
              const after = outputsOf(engine);

              for (const name of ['filters', 'ssh', 'self'] as const) {
                for (const id of keysThatDiffer(before[name], after[name])) {
                  expect(told[name].has(id), `${name} of ${id} after ${JSON.stringify(next)}`).toBe(true);
                }
              }
              for (const [viewer, views] of after.views) {
                const old = before.views.get(viewer) ?? new Map<number, string>();
                for (const peer of new Set([...views.keys(), ...old.keys()])) {
                  if (views.get(peer) === old.get(peer)) continue;
                  const known = told.viewers.has(viewer) || told.subjects.get(peer)?.has(viewer);
                  expect(known, `${viewer} sees ${peer} after ${JSON.stringify(next)}`).toBe(true);
                }
              }
              before = after;
            }

            const fresh = createPolicyEngine({ settings });
            fresh.applyAll(history);
            const expected = outputsOf(fresh);
            const got = outputsOf(engine);
            expect({ ...got, classes: null }).toEqual({ ...expected, classes: null });
            checkClasses(got);
            checkPairs(engine);
          },
        ),
        { numRuns: RUNS },
      );
    },
    600_000,
  );
});

/** Devices of one class see every third device alike. */
function checkClasses(outputs: Outputs): void {
  const ids = [...outputs.classes.keys()];
  for (const a of ids) {
    for (const b of ids) {
      if (a === b || outputs.classes.get(a) !== outputs.classes.get(b)) continue;
      for (const third of ids) {
        if (third === a || third === b) continue;
        expect(outputs.views.get(a)?.get(third)).toBe(outputs.views.get(b)?.get(third));
      }
    }
  }
}

/** The answer for one pair is that of the list, and symmetric. */
function checkPairs(engine: PolicyEngine): void {
  const ids = [...engine.core.devices.keys()];
  for (const a of ids) {
    const peers = new Set(engine.peers(a));
    for (const b of ids) {
      expect(engine.sees(a, b)).toBe(peers.has(b));
      expect(engine.sees(a, b)).toBe(engine.sees(b, a));
    }
  }
}
