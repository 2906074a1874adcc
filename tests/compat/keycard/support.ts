/** The dialect on a server of its own. */
import type { FastifyPluginAsync } from 'fastify';
import { createKeycardApi, createKeycardServices } from '../../../src/api/keycard/index.ts';
import { createSessions } from '../../../src/auth/sessions.ts';
import type { Membership } from '../../../src/domain/model/people.ts';
import { INSTALLATION } from '../../../src/domain/ports/store.ts';
import { type ApiParts, type ApiServer, createApiServer, type EngineName } from '../../support/api-server.ts';
import { seed } from '../../support/seeds.ts';

export const keycardDialect = (parts: ApiParts): FastifyPluginAsync[] => [
  createKeycardApi({
    services: createKeycardServices({ ...parts, onUse: parts.usage.record }),
    authenticate: parts.authenticator.authenticate,
    clock: parts.clock,
    publishedKeys: parts.signingKeys.published,
    publicUrl: undefined,
    onError: parts.onError,
  }),
];

export const createKeycardServer = (engine: EngineName): Promise<ApiServer> =>
  createApiServer(engine, keycardDialect);

/** A session of the member, opened by an identity that is good everywhere, or in the member's organization alone. */
export async function signInAs(
  { store, random, clock }: Pick<ApiParts, 'store' | 'random' | 'clock'>,
  member: Membership,
  { everywhere = true }: { readonly everywhere?: boolean } = {},
): Promise<string> {
  const identity = await seed(store, member.org, (tx) => {
    const id = tx.newId();
    return tx.insert('identity', {
      org: everywhere ? INSTALLATION : member.org,
      id,
      account: member.account,
      kind: 'passkey',
      issuer: 'passkey',
      subject: String(id),
      email: member.email,
      emailVerified: true,
      secretHash: null,
      sealed: null,
      data: {},
      createdAt: tx.now,
      lastUsed: null,
    });
  });
  const sessions = createSessions({ store, random, clock });
  const { token } = await sessions.open({ member, identity }, { name: 'test', origin: 'native-api' });
  return token;
}
