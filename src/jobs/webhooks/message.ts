/** What an endpoint is sent: events as JSON with a signature, or their messages in the form of a chat. */
import { createHmac } from 'node:crypto';
import { SECOND } from '../../kernel/clock.ts';

/** An event in the form of the API whose webhooks these are. */
export interface EncodedEvent {
  readonly type: string;
  /** One sentence for people. */
  readonly message: string;
  /** The whole event as JSON text. */
  readonly json: string;
}

const SIGNATURE_HEADER = 'tailscale-webhook-signature';

/** HMAC-SHA256 over `<t>.<body>` with the secret's text as key; receivers refuse a time that is five minutes off. */
export function signatureHeader(
  secret: string,
  body: string | Uint8Array,
  now: number,
): Record<string, string> {
  const seconds = Math.floor(now / SECOND);
  const mac = createHmac('sha256', secret).update(`${seconds}.`).update(body).digest('hex');
  return { [SIGNATURE_HEADER]: `t=${seconds},v1=${mac}` };
}

interface Chat {
  /** What its service takes in one message, in UTF-16 units. */
  readonly limit: number;
  /** Takes from a text what the service would act on: device names come from devices. */
  readonly plain: (text: string) => string;
  readonly body: (text: string) => object;
}

const escapeAngles = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
/** A blank that is not seen parts the sign from the word that it would make a mention. */
const breakMentions = (text: string): string => text.replace(/(?<!\S)@(?=\S)/gu, '@\u200b');

const CHATS: Readonly<Record<string, Chat>> = {
  slack: { limit: 40_000, plain: escapeAngles, body: (text) => ({ text }) },
  mattermost: { limit: 16_000, plain: breakMentions, body: (text) => ({ text }) },
  googlechat: {
    limit: 4_000,
    plain: (text) => text.replaceAll('<', '‹').replaceAll('>', '›'),
    body: (text) => ({ text }),
  },
  discord: {
    limit: 2_000,
    plain: (text) => text,
    body: (content) => ({ content, allowed_mentions: { parse: [] } }),
  },
};

/** A body for as many of the entries as fit; the rest is for the next. */
export interface Body {
  readonly text: string;
  readonly entries: number;
}

/** In UTF-16 units; an entry that is longer goes alone. */
const MAX_JSON_LENGTH = 1_000_000;

/** `entries`: the events of each row of the queue. At least one is taken, and none in part. */
export function bodyOf(providerType: string, entries: readonly (readonly EncodedEvent[])[]): Body {
  const chat = CHATS[providerType];
  const [open, close, between, limit] =
    chat === undefined ? (['[', ']', ',', MAX_JSON_LENGTH] as const) : (['', '', '\n', chat.limit] as const);
  const textOf = (event: EncodedEvent): string =>
    chat === undefined ? event.json : chat.plain(event.message);
  const texts: string[] = [];
  let length = 0;
  for (const events of entries) {
    const text = events.map(textOf).join(between);
    if (texts.length > 0 && length + between.length + text.length > limit) break;
    length += between.length + text.length;
    texts.push(text);
  }
  const joined = `${open}${texts.join(between)}${close}`;
  const text = chat === undefined ? joined : JSON.stringify(chat.body(cut(joined, chat.limit)));
  return { text, entries: texts.length };
}

const ELLIPSIS = '…';
const cut = (text: string, limit: number): string =>
  text.length <= limit ? text : `${text.slice(0, limit - ELLIPSIS.length).toWellFormed()}${ELLIPSIS}`;
