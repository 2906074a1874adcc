/** Credentials of machines that end soon: what uses them stops then, and nobody is there to notice. */
import type { CredentialKind } from '../domain/model/credentials.ts';
import type { Store } from '../domain/ports/store.ts';
import { type Clock, DAY } from '../kernel/clock.ts';
import { eachOrganization } from './each-organization.ts';
import type { Finding } from './finding.ts';

const CHECK = 'credentials';
const SOON_MS = 14 * DAY;
/** Named; of the rest only that there are more. */
const SHOWN = 5;
/** Kinds that somebody put somewhere. The others are renewed by whoever uses them. */
const KEPT: readonly CredentialKind[] = [
  'api',
  'pat',
  'oauth-client',
  'federated',
  'sa-credential',
  'auth-key',
  'service-key',
];

/** Looks at every organization, one indexed question each. */
export async function lookAtCredentials(store: Store, clock: Clock): Promise<Finding> {
  const now = clock.now();
  const ending: string[] = [];
  for await (const { id: org, label } of eachOrganization(store)) {
    if (ending.length > SHOWN) break;
    const found = await store.list('credential', org, {
      where: { kind: KEPT, revokedAt: null },
      filters: [
        { column: 'expiresAt', operator: '>', value: now },
        { column: 'expiresAt', operator: '<=', value: now + SOON_MS },
      ],
      orderBy: [{ column: 'expiresAt' }],
      limit: SHOWN + 1,
    });
    for (const { kind, description, publicId, expiresAt } of found) {
      const day = new Date(expiresAt ?? now).toISOString().slice(0, 10);
      ending.push(`${kind} ${description || publicId} of ${label} on ${day}`);
    }
  }
  if (ending.length === 0) return { check: CHECK, state: 'ok', says: 'none ends within 14 days' };
  const more = ending.length > SHOWN ? ', and more' : '';
  return {
    check: CHECK,
    state: 'warning',
    says: `these end soon: make others in their place: ${ending.slice(0, SHOWN).join('; ')}${more}`,
  };
}
