import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Addr, formatAddr, parseAddr } from '../../src/kernel/netip/index.ts';
import { reachesAcross } from '../../src/policy/engine/visibility.ts';
import {
  createPolicyEngine,
  DEFAULT_SETTINGS,
  explain,
  type Place,
  parsePolicy,
} from '../../src/policy/index.ts';
import { deviceChange, networkChange, policyText, startChanges } from './policy-arbitraries.ts';
import { ADDRESSES, filterAccepts, TRAFFIC } from './policy-packet.ts';

const RUNS = process.env.HOLDFAST_LONG === '1' ? 2_000 : 300;
const settings = { ...DEFAULT_SETTINGS, domains: ['a.test'] };

describe('explain', () => {
  it('says what the filter of the receiving device does, and why', () => {
    const seen = { allowed: 0, denied: 0, routed: 0 };
    fc.assert(
      fc.property(
        policyText,
        startChanges,
        fc.array(fc.oneof(deviceChange, networkChange), { maxLength: 8 }),
        (text, start, more) => {
          const engine = createPolicyEngine({ settings, policy: parsePolicy(text) });
          engine.applyAll([...start, ...more]);
          const ids = [...engine.core.devices.keys()];
          const devices: Place[] = ids.map((id) => ({ kind: 'device', id }));
          const others: Place[] = ADDRESSES.filter((_, i) => i % 4 === 0).map((addr) => ({
            kind: 'selector',
            text: formatAddr(addr),
          }));
          for (const source of [...devices, ...others.slice(0, 2)]) {
            for (const target of [...devices, ...others]) {
              for (const traffic of TRAFFIC.slice(0, 4)) {
                const explanation = explain(engine, { source, target, ...traffic });
                for (const one of explanation.verdicts) {
                  const { path } = one;
                  const to = path === undefined ? undefined : parseAddr(path.address);
                  const from =
                    to && sourceAddress(explanation.source.addresses, one.sourceDevice, engine, to.family);
                  const cut = [one.sourceDevice, path?.receiver].some(
                    (id) => id !== undefined && engine.core.devices.get(id)?.active === false,
                  );
                  // A device of another organization is nobody's peer but of those that are shared with it.
                  const [sender, receiver] = [one.sourceDevice, path?.receiver].map((id) =>
                    id === undefined ? undefined : engine.core.devices.get(id),
                  );
                  const isForeign = receiver?.profile.external !== undefined;
                  const isStranger =
                    sender !== undefined &&
                    receiver !== undefined &&
                    sender.profile.external !== undefined &&
                    (isForeign || !reachesAcross(sender.profile, receiver.profile));
                  const passes =
                    path !== undefined &&
                    !isStranger &&
                    to !== undefined &&
                    from !== undefined &&
                    !cut &&
                    (sender === undefined ||
                      sender.profile.external !== undefined ||
                      isForeign ||
                      leadsTo(engine, sender.id, path, to)) &&
                    (isForeign
                      ? // What stands in maps decides: the filter is another organization's.
                        sender !== undefined && mapHolds(engine, sender.id, path)
                      : filterAccepts(engine.filter(path.receiver).rules, { from, to, ...traffic }));
                  if (from === undefined && to !== undefined) continue;
                  const context = JSON.stringify({ source, target, traffic, one });
                  // What a device routes itself it reaches without the network.
                  expect(one.itself, context).toBe(sender !== undefined && sender === receiver);
                  if (one.itself) continue;
                  expect(one.allowed, context).toBe(passes);
                  if (one.allowed) {
                    seen.allowed++;
                    if (path?.route !== undefined) seen.routed++;
                    expect(one.by.length, context).toBeGreaterThan(0);
                  } else {
                    seen.denied++;
                    for (const rule of one.closest) expect(rule.lacks.length, context).toBeGreaterThan(0);
                    if (cut) expect(one.problems.length, context).toBeGreaterThan(0);
                  }
                }
              }
            }
          }
        },
      ),
      { numRuns: RUNS },
    );
    expect(seen.allowed).toBeGreaterThan(RUNS);
    expect(seen.denied).toBeGreaterThan(RUNS);
    expect(seen.routed).toBeGreaterThan(RUNS / 10);
  }, 600_000);
});

type Engine = ReturnType<typeof createPolicyEngine>;

/** Whether a device's map leads packets to another one, as the holder of the address or by a route. */
function leadsTo(
  engine: Engine,
  viewer: number,
  { receiver, route }: { readonly receiver: number; readonly route: string | undefined },
  to: Addr,
): boolean {
  if (!engine.sees(viewer, receiver)) return false;
  const wanted = route ?? `${formatAddr(to)}/${to.family === 4 ? 32 : 128}`;
  return engine.view(viewer, receiver).allowedIPs.includes(wanted);
}

/** Whether a device's map leads to one that is shared with its person, or through it. */
function mapHolds(
  engine: Engine,
  viewer: number,
  { receiver, route }: { readonly receiver: number; readonly route: string | undefined },
): boolean {
  const [own, other] = [viewer, receiver].map((id) => engine.core.devices.get(id)?.profile);
  if (own?.recipient === undefined || !other?.audience?.has(own.recipient)) return false;
  if (!engine.sees(viewer, receiver)) return false;
  return route === undefined || engine.view(viewer, receiver).allowedIPs.includes(route);
}

const textsOf = (
  fallback: readonly string[],
  device: number | undefined,
  engine: Engine,
): readonly string[] =>
  fallback.length === 1 || device === undefined
    ? fallback
    : (engine.core.devices.get(device)?.addresses.map(({ text }) => text) ?? []);

function sourceAddress(
  fallback: readonly string[],
  device: number | undefined,
  engine: Engine,
  family: 4 | 6,
) {
  return textsOf(fallback, device, engine)
    .map((text) => parseAddr(text)!)
    .find((addr) => addr.family === family);
}
