/** A credential whose secret is a token: row and text are made together, and the text is shown once. */
import { SECOND } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import type { Credential } from '../model/credentials.ts';
import type { Tx } from '../ports/store.ts';
import { type NewCredential, newCredential } from './new-credential.ts';
import { createToken } from './token.ts';

type Derived = 'id' | 'publicId' | 'secretHash' | 'createdAt' | 'expirySeconds' | 'description';
/** The description is the name unless it is given. */
type Given = Omit<NewCredential, Derived> & { readonly description?: string };

/** Checks and the audit event are the caller's. */
export async function insertToken(
  tx: Tx,
  random: Random,
  given: Given,
): Promise<{ readonly credential: Credential; readonly token: string }> {
  const id = tx.newId();
  const { token, publicId, secretHash } = createToken(random, given.kind, id);
  const { expiresAt = null } = given;
  const credential = await tx.insert(
    'credential',
    newCredential({
      description: given.name,
      ...given,
      id,
      publicId,
      secretHash,
      createdAt: tx.now,
      expirySeconds: expiresAt === null ? null : Math.floor((expiresAt - tx.now) / SECOND),
    }),
  );
  return { credential, token };
}
