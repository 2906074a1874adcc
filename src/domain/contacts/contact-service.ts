/**
 * Whom to write to about an organization. An address counts at once, and is verified by a mail; until then the one before
 * it, which was, is kept as a fallback.
 */
import { AppError, invalid } from '../../kernel/errors.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { Row } from '../model/entities.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Reader, Store, Tx } from '../ports/store.ts';

export const CONTACT_KINDS = ['account', 'support', 'security'] as const;
export type ContactKind = (typeof CONTACT_KINDS)[number];

export interface Contact {
  readonly kind: ContactKind;
  readonly email: string;
  readonly fallbackEmail: string | null;
  readonly verified: boolean;
}

export interface ContactService {
  /** All kinds; one that was never set is the owner's address. */
  read(actor: Actor): Promise<readonly Contact[]>;
  /** Setting the present address again changes nothing and sends nothing. Errors: `invalid`. */
  set(actor: Actor, kind: ContactKind, email: string, origin: AuditOrigin): Promise<Contact>;
  /** Errors: `invalid` when nothing waits for verification. */
  resendVerification(actor: Actor, kind: ContactKind, origin: AuditOrigin): Promise<void>;
}

const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,189}$/u;

export function createContactService({ store }: { readonly store: Store }): ContactService {
  const ownersAddress = async (reader: Reader, org: number): Promise<string> => {
    const [owner] = await reader.find('membership', org, { role: 'owner' });
    return owner?.email ?? '';
  };
  const current = async (reader: Reader, org: number, kind: ContactKind): Promise<Row<'contact'>> =>
    (await reader.get('contact', org, { kind })) ?? {
      org,
      kind,
      email: await ownersAddress(reader, org),
      verifiedAt: 0,
      fallbackEmail: null,
      tokenHash: null,
    };
  const shown = (row: Row<'contact'>): Contact => ({
    kind: row.kind,
    email: row.email,
    fallbackEmail: row.fallbackEmail,
    verified: row.verifiedAt !== null,
  });
  /** The mail makes the secret that proves the address; nothing but its hash is ever stored. */
  const sendVerification = (tx: Tx, org: number, kind: ContactKind, email: string): void =>
    tx.enqueue(org, { kind: 'mail', target: email, payload: { template: 'verify-contact', contact: kind } });

  return {
    read: async (actor) => {
      authorize(actor, 'contacts:read');
      return Promise.all(CONTACT_KINDS.map(async (kind) => shown(await current(store, actor.org, kind))));
    },
    set: async (actor, kind, text, origin) => {
      authorize(actor, 'contacts:write');
      const email = text.trim();
      if (!EMAIL.test(email)) throw invalid('email: expected an e-mail address', 'email');
      return store.write(contextOf(actor, origin), async (tx) => {
        const { org } = actor;
        const before = await current(tx, org, kind);
        if (before.email === email) return shown(before);
        const after = {
          org,
          kind,
          email,
          verifiedAt: null,
          fallbackEmail: before.verifiedAt === null ? before.fallbackEmail : before.email || null,
          tokenHash: null,
        };
        sendVerification(tx, org, kind, email);
        await tx.put('contact', after);
        tx.audit(org, {
          verb: 'update',
          objectKind: 'contact',
          objectId: kind,
          objectName: kind,
          field: 'email',
          before: before.email,
          after: email,
        });
        return shown(after);
      });
    },
    resendVerification: async (actor, kind, origin) => {
      authorize(actor, 'contacts:write');
      await store.write(contextOf(actor, origin), async (tx) => {
        const { org } = actor;
        const before = await current(tx, org, kind);
        if (before.verifiedAt !== null) {
          throw new AppError('invalid', `the ${kind} contact has no pending verification`);
        }
        sendVerification(tx, org, kind, before.email);
        tx.audit(org, { verb: 'resend', objectKind: 'contact', objectId: kind, objectName: kind });
      });
    },
  };
}
