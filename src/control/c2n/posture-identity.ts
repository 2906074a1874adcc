/** Serial numbers, where the organization collects them or trusts devices by them (client source, tailcfg/c2ntypes.go). */
import { z } from 'zod';
import type { PostureIdentity } from '../../domain/devices/posture-identity.ts';
import type { ClientQuestion } from './client-facts.ts';
import { readAnswer } from './raw-http.ts';

const MAX_SERIALS = 16;
const MAX_SERIAL = 128;
const CALL = { method: 'GET', path: '/posture/identity' } as const;

const answer = z.object({
  SerialNumbers: z.array(z.string().max(MAX_SERIAL)).max(MAX_SERIALS).nullish(),
  PostureDisabled: z.boolean().nullish(),
});

export const postureIdentityQuestion = (identity: PostureIdentity): ClientQuestion => ({
  concerns: new Set(['setting', 'serialNumber']),
  version: (snapshot) => {
    const wanted = snapshot.settings().posture_identity_collection || snapshot.table('serialNumber').size > 0;
    return wanted ? 'wanted' : undefined;
  },
  take: async ({ device }, ask) => {
    const told = readAnswer(answer, await ask(CALL));
    await identity.report(device, told.PostureDisabled ? [] : (told.SerialNumbers ?? []));
  },
});
