/**
 * How many mails an organization sends to an address. Whoever may invite people chooses the address, and could otherwise have
 * somebody buried in mails: by inviting them again and again, or by taking the invitation back in between.
 */
import { HOUR, SECOND } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import { normalizeKey } from '../../kernel/text.ts';
import type { OutboxEntry, Tx } from '../ports/store.ts';

const MAX_MAILS = 5;
const WINDOW = HOUR;
/** What ended is removed by the mails that follow, a few with each. */
const REMOVED_AT_ONCE = 10;

/** What follows a plus reaches the same person. Hashed: who was written to is no business of whoever reads the database later. */
const keyOf = (email: string): string => sha256Hex(normalizeKey(email).replace(/\+[^@]*(?=@)/u, ''));

async function removeEnded(tx: Tx, org: number): Promise<void> {
  const ended = await tx.list('mailing', org, {
    filters: [{ column: 'lastAt', operator: '<=', value: tx.now - WINDOW }],
    limit: REMOVED_AT_ONCE,
  });
  for (const { address } of ended) await tx.remove('mailing', org, { address });
}

/** Queues a mail. Returns 0; or, when none was queued, the milliseconds until one may be. */
export async function queueMail(
  tx: Tx,
  org: number,
  email: string,
  payload: OutboxEntry['payload'],
): Promise<number> {
  await removeEnded(tx, org);
  const address = keyOf(email);
  const present = await tx.get('mailing', org, { address });
  const sentAt = (present?.sentAt ?? []).filter((at) => at > tx.now - WINDOW);
  const [oldest] = sentAt;
  if (oldest !== undefined && sentAt.length >= MAX_MAILS) return oldest + WINDOW - tx.now;
  await tx.put('mailing', { org, address, sentAt: [...sentAt, tx.now], lastAt: tx.now });
  tx.enqueue(org, { kind: 'mail', target: email, payload });
  return 0;
}

/** The same for a mail that somebody asked for in so many words. Errors: `rate_limited`. */
export async function requireMail(
  tx: Tx,
  org: number,
  email: string,
  payload: OutboxEntry['payload'],
): Promise<void> {
  const wait = await queueMail(tx, org, email, payload);
  if (wait === 0) return;
  throw new AppError('rate_limited', `more than ${MAX_MAILS} mails to this address in an hour`, {
    details: { retryAfterSeconds: Math.ceil(wait / SECOND) },
  });
}
