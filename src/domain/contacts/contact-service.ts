/**
 * Whom to write to about an organization. An address counts at once, and is verified by a mail; until then the one before
 * it, which was, is kept as a fallback.
 */
import { AppError, invalid } from '../../kernel/errors.ts';
import { sameDigest, sha256Hex } from '../../kernel/hash.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { queueMail, requireMail } from '../mail/mail-bounds.ts';
import type { Row } from '../model/entities.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Reader, Store } from '../ports/store.ts';

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
  /**
   * Setting the present address again changes nothing and sends nothing; going back to the proven one sends nothing.
   * Errors: `invalid`.
   */
  set(actor: Actor, kind: ContactKind, email: string, origin: AuditOrigin): Promise<Contact>;
  /** What a link of a mail is about; undefined when it was used or the address is another by now. */
  waiting(link: string): Promise<Contact | undefined>;
  /** The address counts as proven, and the one before it is forgotten. Undefined as above. */
  verify(link: string): Promise<Contact | undefined>;
  /** Errors: `invalid` when nothing waits for verification. */
  resendVerification(actor: Actor, kind: ContactKind, origin: AuditOrigin): Promise<void>;
}

/** The path of the page; `<organization>-<kind>-<secret>` follows. */
export const CONTACT_PATH = '/verify/contact/';
const LINK = /^([1-9]\d{0,15})-(account|support|security)-([A-Za-z0-9_-]{43})$/u;

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
  const mailOf = (kind: ContactKind) => ({ template: 'verify-contact', contact: kind });

  const waiting = async (reader: Reader, link: string): Promise<Row<'contact'> | undefined> => {
    const [, org, name, secret] = LINK.exec(link) ?? [];
    const kind = CONTACT_KINDS.find((one) => one === name);
    if (kind === undefined || secret === undefined) return undefined;
    const row = await reader.get('contact', Number(org), { kind });
    const fits =
      row?.verifiedAt === null && row.tokenHash !== null && sameDigest(row.tokenHash, sha256Hex(secret));
    return fits ? row : undefined;
  };

  return {
    waiting: async (link) => {
      const row = await waiting(store, link);
      return row && shown(row);
    },
    verify: async (link) => {
      const found = await waiting(store, link);
      if (found === undefined) return undefined;
      const { org, kind } = found;
      const by = { kind: 'system', id: '', name: found.email } as const;
      return store.write({ orgs: [org], by, origin: 'native-api' }, async (tx) => {
        const row = await waiting(tx, link);
        if (row === undefined) return undefined;
        const after = { ...row, verifiedAt: tx.now, fallbackEmail: null, tokenHash: null };
        await tx.put('contact', after);
        tx.audit(org, {
          verb: 'verify',
          objectKind: 'contact',
          objectId: kind,
          objectName: kind,
          field: 'email',
          after: row.email,
        });
        return shown(after);
      });
    },
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
        const proven = before.verifiedAt === null ? before.fallbackEmail : before.email || null;
        const isProven = email === proven;
        const after = {
          org,
          kind,
          email,
          verifiedAt: isProven ? tx.now : null,
          fallbackEmail: isProven ? null : proven,
          tokenHash: null,
        };
        if (!isProven) await queueMail(tx, org, email, mailOf(kind));
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
        await requireMail(tx, org, before.email, mailOf(kind));
        tx.audit(org, { verb: 'resend', objectKind: 'contact', objectId: kind, objectName: kind });
      });
    },
  };
}
