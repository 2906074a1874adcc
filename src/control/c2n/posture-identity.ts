/** Serial numbers, where the organization collects them or trusts devices by them (client source, tailcfg/c2ntypes.go). */
import { z } from 'zod';
import type { PostureIdentity } from '../../domain/devices/posture-identity.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import { type Clock, MINUTE, SECOND } from '../../kernel/clock.ts';
import type { ClientQuestion } from './client-facts.ts';
import { readAnswer } from './raw-http.ts';

const MAX_SERIALS = 16;
const MAX_SERIAL = 128;
const CALL = { method: 'GET', path: '/posture/identity' } as const;

/**
 * A client does not say when its person switches `--posture-checking` on or off (client source, ipn/ipnlocal: nothing in its
 * host info follows from it), so it is asked this often.
 */
const ASKED_EVERY_MS = MINUTE;
/** Half as often, and half again, where this many questions a second would not do for all devices of an organization. */
const MAX_QUESTIONS_A_SECOND = 20;

const answer = z.object({
  SerialNumbers: z.array(z.string().max(MAX_SERIAL)).max(MAX_SERIALS).nullish(),
  PostureDisabled: z.boolean().nullish(),
});

/** The first of these pauses is another part of a whole one for each device, so that not all are asked at once. */
const PARTS = 1_000;
/** Beyond this many devices all are forgotten, and asked once more. */
const MAX_KNOWN = 100_000;

/** Milliseconds between two questions to a device. */
export const postureInterval = (connected: number): number => {
  const needed = (connected / MAX_QUESTIONS_A_SECOND) * SECOND;
  return ASKED_EVERY_MS * 2 ** Math.max(0, Math.ceil(Math.log2(needed / ASKED_EVERY_MS)));
};

const isWanted = (snapshot: Snapshot): boolean =>
  snapshot.settings().posture_identity_collection || snapshot.table('serialNumber').size > 0;

export interface PostureIdentityQuestionParts {
  readonly identity: PostureIdentity;
  readonly clock: Clock;
}

export function postureIdentityQuestion({ identity, clock }: PostureIdentityQuestionParts): ClientQuestion {
  /** From when on the present answer of each device holds. */
  const since = new Map<number, number>();

  return {
    concerns: new Set(['setting', 'serialNumber']),
    changesSilently: (snapshot) => (isWanted(snapshot) ? 'all' : 'none'),
    version: (snapshot, { device: { id } }, connected) => {
      if (!isWanted(snapshot)) {
        since.delete(id);
        return undefined;
      }
      const now = clock.now();
      const interval = postureInterval(connected);
      let from = since.get(id);
      if (from === undefined || now - from >= interval) {
        if (since.size >= MAX_KNOWN) since.clear();
        from = from === undefined ? now - Math.floor(((id % PARTS) / PARTS) * interval) : now;
        since.set(id, from);
      }
      return String(from);
    },
    take: async ({ device }, ask) => {
      const told = readAnswer(answer, await ask(CALL));
      await identity.report(device, told.PostureDisabled ? [] : (told.SerialNumbers ?? []));
    },
  };
}
