/** The parts that pages with passkeys share. Without the script (or in a browser that has no passkeys) they stay hidden. */
import { isIP } from 'node:net';
import type { Prepared, RelyingParty } from '../../../auth/passkeys/ceremony.ts';
import { AppError } from '../../../kernel/errors.ts';
import { type Html, html } from '../html.ts';

export const PASSKEY_SCRIPT = '/app/passkey.js';

/** Passkeys belong to a host name, and browsers have them over TLS alone, or on the machine itself. */
export function relyingParty(origin: string): RelyingParty | undefined {
  const { protocol, hostname } = new URL(origin);
  const local = hostname === 'localhost' || hostname.endsWith('.localhost');
  const named = isIP(hostname.replace(/^\[(.*)\]$/u, '$1')) === 0;
  return named && (protocol === 'https:' || local) ? { id: hostname, origin } : undefined;
}

/** Errors: `conflict`. */
export function requireParty(origin: string): RelyingParty {
  const rp = relyingParty(origin);
  if (rp === undefined) throw new AppError('conflict', 'passkeys need a host name and TLS');
  return rp;
}

/** What a page needs of the script: nothing, where there are no passkeys. */
export const scriptFor = (rp: RelyingParty | undefined): { readonly script?: string } =>
  rp === undefined ? {} : { script: PASSKEY_SCRIPT };

export interface PasskeyPart {
  readonly ceremony: 'create' | 'get';
  readonly prepared: Prepared;
  readonly action: string;
  /** Hidden fields, the token of the form among them. */
  readonly fields: Html;
  /** What is asked beside the passkey. */
  readonly more?: Html;
  readonly label: string;
  readonly quiet?: boolean;
}

export const passkeyPart = ({
  ceremony,
  prepared,
  action,
  fields,
  more,
  label,
  quiet,
}: PasskeyPart): Html => html`<div data-passkey="${ceremony}" data-options="${prepared.options}" hidden>
        <form method="post" action="${action}">
          ${fields}
          <input type="hidden" name="passkey" value="${prepared.state}">
          <input type="hidden" name="credential" value="">
          ${more}
          <div class="actions"><button type="submit"${quiet === true ? html` class="quiet"` : undefined}>${label}</button></div>
          <p class="error" role="alert"></p>
        </form>
      </div>`;
