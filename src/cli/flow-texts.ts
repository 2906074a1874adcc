/** Traffic that opens or closes, in lines for a person: what is the same at several places stands in one line. */
import type { NamedFlow } from '../effective-policy/policy-impact.ts';
import { listed } from './listed.ts';
import { placeTexts } from './place-texts.ts';

const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  58: 'icmpv6',
  132: 'sctp',
};
const ANY_LAST = 65_535;
const OWN = 'its own address';

interface Span {
  readonly protocol: number;
  readonly first: number;
  readonly last: number;
}

function spanText({ protocol, first, last }: Span): string {
  const isAny = first === 0 && last === ANY_LAST;
  const ports = first === last ? String(first) : `${first}-${last}`;
  const name = PROTOCOL_NAMES[protocol] ?? `protocol ${protocol}`;
  // ICMP has no ports.
  return isAny ? `${name}${name.startsWith('icmp') ? '' : ' any port'}` : `${name} ${ports}`;
}

/** What a rule without protocols and ports opens. */
const EVERYTHING = [6, 17, 1, 58].map((protocol) => spanText({ protocol, first: 0, last: ANY_LAST }));

/** Flows are cut wherever one of them begins or ends; at one place many of the cuts mean nothing. */
function joined(spans: readonly Span[]): Span[] {
  const out: Span[] = [];
  for (const span of spans) {
    const at = out.findIndex(({ protocol, last }) => protocol === span.protocol && last + 1 === span.first);
    const before = out[at];
    if (before === undefined) out.push(span);
    else out[at] = { ...before, last: span.last };
  }
  return out;
}

function spanTexts(spans: readonly Span[]): string[] {
  const texts = joined(spans).map(spanText);
  if (!EVERYTHING.every((text) => texts.includes(text))) return texts;
  return ['everything', ...texts.filter((text) => !EVERYTHING.includes(text))];
}

/** `told`: the device that is said to be the way there. */
export function flowTexts(flows: readonly NamedFlow[], told?: string): string[] {
  const byPlace = new Map<string, Span[]>();
  for (const { protocol, first, last, own, places } of flows) {
    for (const place of [...(own ? [OWN] : []), ...places.flatMap((place) => placeTexts(place, told))]) {
      const spans = byPlace.get(place) ?? [];
      spans.push({ protocol, first, last });
      byPlace.set(place, spans);
    }
  }
  const placesOf = new Map<string, string[]>();
  for (const [place, spans] of byPlace) {
    for (const text of spanTexts(spans)) {
      const places = placesOf.get(text) ?? [];
      places.push(place);
      placesOf.set(text, places);
    }
  }
  return [...placesOf].map(([text, places]) =>
    places.length === 1 && places[0] === OWN ? text : `${text} at ${listed(places)}`,
  );
}
