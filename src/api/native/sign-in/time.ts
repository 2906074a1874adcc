import { type Html, html } from '../html.ts';

/** A time for people, in UTC to the minute: pages without scripts do not know where the reader is. */
export function timeOf(at: number): Html {
  const text = new Date(at).toISOString();
  return html`<time datetime="${text}">${text.slice(0, 16).replace('T', ' ')} UTC</time>`;
}
