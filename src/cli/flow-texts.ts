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

const ownText = (family: NamedFlow['ownFamily']): string =>
  family === null ? OWN : `its own IPv${family} address`;

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
const EVERYTHING = [6, 17, 1, 58];

/** Where more ports than this are missing, it is no longer everything. */
const MAX_MISSING = 1_024;

/** What is missing between spans of one protocol. */
function gapsOf(protocol: number, spans: readonly Span[]): Span[] {
  const out: Span[] = [];
  let next = 0;
  for (const { first, last } of [...spans].sort((a, b) => a.first - b.first)) {
    if (first > next) out.push({ protocol, first: next, last: first - 1 });
    next = last + 1;
  }
  if (next <= ANY_LAST) out.push({ protocol, first: next, last: ANY_LAST });
  return out;
}

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

function spanTexts(some: readonly Span[]): string[] {
  const spans = joined(some);
  const usual = spans.filter(({ protocol }) => EVERYTHING.includes(protocol));
  const byProtocol = Map.groupBy(usual, ({ protocol }) => protocol);
  const gaps = [...byProtocol].flatMap(([protocol, own]) => gapsOf(protocol, own));
  const missing = gaps.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  const isMost = gaps.length < usual.length && missing <= MAX_MISSING;
  if (byProtocol.size < EVERYTHING.length || !isMost) return spans.map(spanText);
  const but = gaps.length === 0 ? '' : ` but ${gaps.map(spanText).join(', ')}`;
  const others = spans.filter(({ protocol }) => !EVERYTHING.includes(protocol));
  return [`everything${but}`, ...others.map(spanText)];
}

/** `told`: the device that is said to be the way there. */
export function flowTexts(flows: readonly NamedFlow[], told?: string): string[] {
  const byPlace = new Map<string, Span[]>();
  for (const { protocol, first, last, own, ownFamily, places } of flows) {
    const itself = own ? [ownText(ownFamily)] : [];
    for (const place of [...itself, ...places.flatMap((place) => placeTexts(place, told))]) {
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
