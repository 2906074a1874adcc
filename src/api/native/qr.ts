/** QR codes as SVG, drawn here. */
import { encode } from 'uqr';
import { type Html, html } from './html.ts';

/** Light squares around the code that readers need. */
const QUIET_ZONE = 4;

/** The dark squares as one path, one unit each, in a square of `size` units. */
export function qrPath(text: string): { readonly size: number; readonly path: string } {
  const { data, size } = encode(text, { ecc: 'M', border: QUIET_ZONE });
  const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  return { size, path };
}

export function qrImage(text: string, label: string): Html {
  const { size, path } = qrPath(text);
  return html`<svg id="qr" role="img" aria-label="${label}" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges"><path d="${path}" fill="currentColor"/></svg>`;
}
