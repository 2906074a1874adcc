// The part of a page that asks for a passkey, as its script finds it.
import { hiddenFields, type Visit } from '../support/visitor.ts';

const unescaped = (text: string): string =>
  text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&');

export interface Part {
  readonly options: { readonly challenge: string; readonly allowCredentials?: { readonly id: string }[] };
  readonly fields: Record<string, string>;
}
/** The part of a page that asks for a passkey and sends to `action`. */
export function partOf(page: Visit, action: string): Part {
  for (const [, options = '', of] of page.text.matchAll(
    /data-options="([^"]+)"[^>]*>\s*<form method="post" action="([^"]+)">/g,
  )) {
    if (of === action) return { options: JSON.parse(unescaped(options)), fields: hiddenFields(page, action) };
  }
  throw new Error(`no passkey for ${action}: ${page.status} ${page.text}`);
}
