/**
 * The link of an invitation that its maker is shown. It names its row by an id that cannot be guessed, and proves with a
 * signature by a key of the installation, so that it can be shown again and lies nowhere. It is another than the one in the
 * mail: whoever has it has shown nothing about an address.
 */
import { sameDigest } from '../../kernel/hash.ts';
import type { Invitation } from '../model/people.ts';
import type { KeyedTexts } from '../ports/keyed-texts.ts';
import type { Reader, Store } from '../ports/store.ts';
import { type OpenedInvitation, openInvitationOf, withMember } from './invitation-acceptance.ts';

/** The path of the page; the link's text follows. */
export const JOIN_PATH = '/login/join/';

/** `<organization>-<invitation>-<signature>`. */
const LINK = /^([1-9]\d{0,15})-([a-z0-9]{26})-([0-9a-f]{64})$/u;

/** Wrong tries after which an invitation can only be made anew. */
export const MAX_TRIES = 5;

const signatureOf = (texts: Pick<KeyedTexts, 'sign'>, { org, id, epoch }: Invitation): string =>
  texts.sign('invitation-link', [org, id, epoch]);

/** Whether an invitation's link opens it. Links open what was made in the dialect that shows them. */
export const opensByLink = (invitation: Invitation, now: number): boolean =>
  invitation.madeBy === 'tailscale' &&
  (invitation.email === null) === (invitation.membership === null) &&
  invitation.status === 'pending' &&
  invitation.expiresAt > now &&
  invitation.tries < MAX_TRIES;

export const inviteLinkOf = (texts: Pick<KeyedTexts, 'sign'>, invitation: Invitation): string =>
  `${invitation.org}-${invitation.nano}-${signatureOf(texts, invitation)}`;

/** The invitation that a link opens. `wrong`: the link names one, and does not open it. */
export async function readInviteLink(
  reader: Pick<Reader, 'find'>,
  texts: Pick<KeyedTexts, 'sign'>,
  link: string,
  now: number,
): Promise<{ readonly open?: Invitation; readonly wrong?: Invitation }> {
  const [, org = '', nano = '', signature = ''] = LINK.exec(link) ?? [];
  if (signature === '') return {};
  const [invitation] = await reader.find('invitation', Number(org), { nano }, 1);
  if (invitation === undefined || !opensByLink(invitation, now)) return {};
  return sameDigest(signature, signatureOf(texts, invitation)) ? { open: invitation } : { wrong: invitation };
}

/** What a link of either kind opens: the one that came by mail or was handed over, or the one that its maker is shown. */
export async function openedBy(
  reader: Reader,
  texts: Pick<KeyedTexts, 'sign'>,
  link: string,
  now: number,
): Promise<OpenedInvitation | undefined> {
  const { open } = await readInviteLink(reader, texts, link, now);
  return open === undefined ? openInvitationOf(reader, link, now) : withMember(reader, open);
}

/** Counts a wrong code or link against its invitation. */
export async function countTry(store: Store, { org, id, email }: Invitation): Promise<void> {
  const by = { kind: 'system', id: '', name: 'invitations' } as const;
  await store.write({ orgs: [org], by, origin: 'system' }, async (tx) => {
    const present = await tx.get('invitation', org, id);
    if (present === undefined || present.tries >= MAX_TRIES) return;
    await tx.update('invitation', org, id, { tries: present.tries + 1 });
    tx.audit(org, {
      verb: 'update',
      objectKind: 'invitation',
      objectId: id,
      objectName: email ?? `link-${id}`,
      field: 'tries',
    });
  });
}
