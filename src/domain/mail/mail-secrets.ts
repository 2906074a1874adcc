/**
 * Secrets that go out by mail. They are computed from a key of the installation, so that a mail that has to be sent twice
 * holds the same one, and so that none lies in the outbox; the database has their hashes.
 */
import type { ContactKind } from '../contacts/contact-service.ts';
import type { Invitation } from '../model/people.ts';
import type { ShareSecrets } from '../shares/share-code.ts';

export interface MailSecrets extends ShareSecrets {
  /** Good until the invitation is renewed. */
  invitation(invitation: Pick<Invitation, 'org' | 'id' | 'epoch'>): string;
  /** Good for one address. */
  contact(org: number, kind: ContactKind, email: string): string;
}
