/**
 * Forms: read, and held against forgery. A form is taken only from a page of this very origin, and only with the token of
 * the session it was made for (or of the browser, before there is one).
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError, invalid } from '../../../kernel/errors.ts';
import { sameDigest, sha256Hex } from '../../../kernel/hash.ts';
import { type Random, randomSecret } from '../../../kernel/random.ts';
import { type Html, html } from '../html.ts';
import type { Cookies } from './cookies.ts';

export const MAX_FORM_BYTES = 16 * 1024;
const MAX_FIELDS = 50;
const TOKEN_FIELD = 'csrf';

export type Fields = Readonly<Record<string, string>>;

export interface Forms {
  /** The hidden field that every form holds; makes the cookie that it is bound to, if there is none. */
  tokenField(request: FastifyRequest, reply: FastifyReply): Html;
  /** Something that this browser alone has, and that says nothing of its session. Throws `forbidden` without any. */
  browserOf(request: FastifyRequest): string;
  /** The same, made now if there is none. */
  ensureBrowser(request: FastifyRequest, reply: FastifyReply): string;
  /** Throws `forbidden` unless the request comes from a form of ours in this browser. */
  require(request: FastifyRequest): void;
}

export interface FormsParts {
  readonly cookies: Cookies;
  readonly random: Random;
  readonly publicUrl: string | undefined;
}

/** The fields of a form's body. A field that is given twice is refused: one reader would see the first, another the last. */
export function parseForm(body: string): Fields {
  const fields: Record<string, string> = Object.create(null);
  let count = 0;
  for (const [name, value] of new URLSearchParams(body)) {
    count += 1;
    if (count > MAX_FIELDS) throw new AppError('too_large', 'the form has too many fields');
    if (name in fields) throw invalid('is given twice', name);
    fields[name] = value;
  }
  return fields;
}

/** The fields that the plugin's parser made; none for a request without a form. */
export const fieldsOf = ({ body }: FastifyRequest): Fields =>
  typeof body === 'object' && body !== null ? (body as Fields) : {};

const REFUSED = 'This form is not from a page of ours, or it is too old. Load the page again.';

const hostOf = (origin: string): string | undefined =>
  URL.canParse(origin) ? new URL(origin).host : undefined;

export function createForms({ cookies, random, publicUrl }: FormsParts): Forms {
  /** From a session's token or a browser's secret, which it does not tell. */
  const tokenOf = (secret: string): string => sha256Hex(`form ${secret}`);
  const secretOf = (request: FastifyRequest): string | undefined =>
    cookies.read(request, 'session') ?? cookies.read(request, 'form');

  const isOurs = ({ headers, host }: FastifyRequest): boolean => {
    const { origin } = headers;
    // Browsers say where a form was sent from; what does not is no browser, or hides it.
    if (origin === undefined) return headers['sec-fetch-site'] === 'same-origin';
    const from = hostOf(origin);
    return from !== undefined && (from === host || (publicUrl !== undefined && from === hostOf(publicUrl)));
  };

  /** One page may ask several times, and must put one cookie. */
  const made = new WeakMap<FastifyRequest, string>();
  const ensure = (request: FastifyRequest, reply: FastifyReply): string => {
    const present = secretOf(request) ?? made.get(request);
    if (present !== undefined) return present;
    const secret = randomSecret(random);
    made.set(request, secret);
    cookies.write(request, reply, 'form', secret);
    return secret;
  };
  const browser = (secret: string): string => sha256Hex(`browser ${secret}`);

  return {
    tokenField: (request, reply) =>
      html`<input type="hidden" name="${TOKEN_FIELD}" value="${tokenOf(ensure(request, reply))}">`,
    ensureBrowser: (request, reply) => browser(ensure(request, reply)),
    browserOf: (request) => {
      const secret = secretOf(request);
      // Forms are not looked at without one, and pages with a form make it first.
      if (secret === undefined) throw new AppError('forbidden', REFUSED);
      return browser(secret);
    },
    require: (request) => {
      const secret = secretOf(request);
      const given = fieldsOf(request)[TOKEN_FIELD] ?? '';
      if (!isOurs(request) || secret === undefined || !sameDigest(given, tokenOf(secret)))
        throw new AppError('forbidden', REFUSED);
    },
  };
}
