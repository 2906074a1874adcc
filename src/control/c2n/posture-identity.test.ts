import { describe, expect, it } from 'vitest';
import { createSnapshot, type Snapshot } from '../../domain/snapshot/snapshot.ts';
import { postureIdentityQuestion, postureInterval } from './posture-identity.ts';

const MINUTE_MS = 60_000;

function rig(collects = true) {
  const state = { now: 1_000_000, collects };
  const question = postureIdentityQuestion({
    identity: { report: async () => undefined },
    clock: { now: () => state.now },
  });
  const snapshot = createSnapshot({ id: 1 } as never);
  const seen = {
    ...snapshot,
    settings: () => ({ ...snapshot.settings(), posture_identity_collection: state.collects }),
  } as Snapshot;
  const version = (id: number, connected = 1) =>
    question.version(seen, { device: { id } } as never, connected);
  return { state, question, seen, version };
}

describe('the question for serial numbers', () => {
  it('comes again about once a minute, for each device at its own time', () => {
    const { state, version } = rig();
    const devices = Array.from({ length: 100 }, (_, index) => index * 10);
    let last = devices.map((id) => version(id));
    const asked: number[] = [];
    for (let second = 0; second < 180; second += 3) {
      state.now += 3_000;
      const now = devices.map((id) => version(id));
      asked.push(now.filter((one, index) => one !== last[index]).length);
      last = now;
    }
    const total = asked.reduce((sum, count) => sum + count, 0);
    expect(total).toBeGreaterThanOrEqual(2 * devices.length);
    expect(total).toBeLessThanOrEqual(3 * devices.length);
    expect(Math.max(...asked)).toBeLessThanOrEqual(15);
  });

  it('comes less often where many devices are connected, and at once to nobody when one more is', () => {
    expect([1, 1_200, 1_201, 2_400, 10_000].map(postureInterval)).toEqual(
      [1, 1, 2, 2, 16].map((minutes) => minutes * MINUTE_MS),
    );
    const { version } = rig();
    const before = version(7, 1_200);
    expect(version(7, 1_201)).toBe(before);
    expect(version(7, 1_200)).toBe(before);
  });

  it('is none where nobody collects them', () => {
    const { state, question, seen, version } = rig(false);
    expect([version(1), question.changesSilently(seen)]).toEqual([undefined, 'none']);
    state.collects = true;
    expect([typeof version(1), question.changesSilently(seen)]).toEqual(['string', 'all']);
  });
});
