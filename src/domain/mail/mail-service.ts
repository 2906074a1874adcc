/** What the mails of the outbox say. A mail that has become pointless since it was queued is none. */
import type { Clock } from '../../kernel/clock.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import { CONTACT_KINDS, type ContactKind } from '../contacts/contact-service.ts';
import type { Organization } from '../model/people.ts';
import type { ClaimedOutbox } from '../ports/outbox.ts';
import { INSTALLATION, type Store, type Tx } from '../ports/store.ts';
import { shareCode } from '../shares/share-code.ts';
import { isOpen } from '../shares/share-service.ts';
import type { MailSecrets } from './mail-secrets.ts';

export type Mail =
  | {
      readonly kind: 'invitation';
      readonly organization: Organization;
      readonly secret: string;
      /** Milliseconds since 1970. */
      readonly expiresAt: number;
      readonly inviter: string;
    }
  | {
      readonly kind: 'device-share';
      readonly organization: Organization;
      readonly device: string;
      /** What stands in the link, whole. */
      readonly code: string;
      readonly expiresAt: number;
      readonly sharer: string;
    }
  | {
      readonly kind: 'verify-contact';
      readonly organization: Organization;
      readonly contact: ContactKind;
      readonly secret: string;
    };

export interface MailService {
  /**
   * The mail of an outbox row, its secret's hash stored beforehand, so that the link is good when it arrives. Undefined:
   * there is nothing to send any more.
   */
  prepare(row: Pick<ClaimedOutbox, 'org' | 'target' | 'payload'>): Promise<Mail | undefined>;
}

const BY = { kind: 'system', id: '', name: 'holdfast' } as const;

export function createMailService({
  store,
  clock,
  secrets,
}: {
  readonly store: Store;
  readonly clock: Clock;
  readonly secrets: MailSecrets;
}): MailService {
  const write = <T>(org: number, work: (tx: Tx) => Promise<T>): Promise<T> =>
    store.write({ orgs: [org], by: BY, origin: 'system' }, work);

  const invitation = async (
    organization: Organization,
    id: number,
    email: string,
  ): Promise<Mail | undefined> => {
    const org = organization.id;
    return write(org, async (tx) => {
      const found = await tx.get('invitation', org, id);
      if (found?.status !== 'pending' || found.expiresAt <= tx.now || found.email !== email) return undefined;
      const secret = secrets.invitation(found);
      const tokenHash = sha256Hex(secret);
      if (found.tokenHash !== tokenHash) {
        await tx.update('invitation', org, id, { tokenHash, lastSentAt: tx.now });
        tx.audit(org, {
          verb: 'update',
          objectKind: 'invitation',
          objectId: id,
          objectName: email,
          field: 'mail',
        });
      }
      return { kind: 'invitation', organization, secret, expiresAt: found.expiresAt, inviter: found.byName };
    });
  };

  const deviceShare = async (
    organization: Organization,
    id: number,
    email: string,
  ): Promise<Mail | undefined> => {
    const org = organization.id;
    const share = await store.get('deviceShare', org, id);
    const device = share && (await store.get('device', org, share.device));
    if (share === undefined || device === undefined || share.email !== email) return undefined;
    if (!isOpen(share, await store.count('shareAccept', org, { where: { share: id } }), clock.now()))
      return undefined;
    const code = shareCode(secrets, share);
    const { expiresAt, byName: sharer } = share;
    return { kind: 'device-share', organization, device: device.label, code, expiresAt, sharer };
  };

  const verifyContact = async (
    organization: Organization,
    contact: ContactKind,
    email: string,
  ): Promise<Mail | undefined> => {
    const org = organization.id;
    return write(org, async (tx) => {
      const found = await tx.get('contact', org, { kind: contact });
      if (found === undefined || found.verifiedAt !== null || found.email !== email) return undefined;
      const secret = secrets.contact(org, contact, email);
      const tokenHash = sha256Hex(secret);
      if (found.tokenHash !== tokenHash) {
        await tx.put('contact', { ...found, tokenHash });
        tx.audit(org, {
          verb: 'update',
          objectKind: 'contact',
          objectId: contact,
          objectName: contact,
          field: 'mail',
        });
      }
      return { kind: 'verify-contact', organization, contact, secret };
    });
  };

  return {
    prepare: async ({ org, target, payload }) => {
      const organization = await store.get('organization', INSTALLATION, org);
      if (organization === undefined) return undefined;
      const asked = payload as {
        template?: unknown;
        invitation?: unknown;
        contact?: unknown;
        share?: unknown;
      } | null;
      if (asked?.template === 'invitation' && typeof asked.invitation === 'number') {
        return invitation(organization, asked.invitation, target);
      }
      if (asked?.template === 'device-share' && typeof asked.share === 'number') {
        return deviceShare(organization, asked.share, target);
      }
      const contact = CONTACT_KINDS.find((kind) => kind === asked?.contact);
      if (asked?.template === 'verify-contact' && contact !== undefined) {
        return verifyContact(organization, contact, target);
      }
      throw new Error(`there is no mail "${String(asked?.template)}"`);
    },
  };
}
