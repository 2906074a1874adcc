/**
 * What the domain of the installation's devices looks like to the public DNS: challenges of certificate authorities, and
 * nothing else. Names of organizations and devices all seem to be there, without records, whether or not they are: a
 * resolver may take an answer of "no such name" for all names below (RFC 8020), and strangers learn nothing of who is there.
 */
import { CHALLENGE_LABEL } from '../../domain/certificates/certificate-names.ts';

/** Long enough for the places from which an authority asks, short enough for a second try. Seconds. */
const RECORD_TTL = 5;
const APEX_TTL = 3_600;

export interface Zone {
  /** Lower case, without trailing dot. The installation may get another one. */
  readonly domain: string;
  /** As the delegation of the domain names them, outside of it. */
  readonly nameServers: readonly string[];
  /** The challenges at a full name in lower case. */
  valuesAt(name: string): Promise<readonly string[]>;
}

export interface Question {
  readonly name: string;
  /** `TXT`, `SOA`, …, `UNKNOWN_65`. */
  readonly type: string;
  readonly class: string;
}

export type ZoneRecord =
  | { readonly type: 'TXT'; readonly name: string; readonly ttl: number; readonly data: string }
  | { readonly type: 'NS'; readonly name: string; readonly ttl: number; readonly data: string }
  | { readonly type: 'SOA'; readonly name: string; readonly ttl: number; readonly data: Soa };

interface Soa {
  readonly mname: string;
  readonly rname: string;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  /** How long an answer that there is nothing may be kept (RFC 2308). */
  readonly minimum: number;
}

export interface ZoneAnswer {
  readonly code: 'ok' | 'no-such-name' | 'refused';
  readonly answers: readonly ZoneRecord[];
  readonly authorities: readonly ZoneRecord[];
}

const REFUSED: ZoneAnswer = { code: 'refused', answers: [], authorities: [] };
/** The whole zone, which is given to nobody. */
const TRANSFERS: ReadonlySet<string> = new Set(['AXFR', 'IXFR']);
/** Nothing keeps a copy of this zone, so nothing compares them. */
const SERIAL = 1;

const soaOf = ({ domain, nameServers }: Zone, ttl: number): ZoneRecord => ({
  type: 'SOA',
  name: domain,
  ttl,
  data: {
    mname: nameServers[0] ?? domain,
    rname: `hostmaster.${domain}`,
    serial: SERIAL,
    refresh: 3_600,
    retry: 600,
    expire: 86_400,
    minimum: RECORD_TTL,
  },
});

type Found = 'nothing' | 'no-such-name' | readonly ZoneRecord[];

/** @param labels those before the zone's own, in lower case */
async function find(zone: Zone, labels: readonly string[], asked: Question): Promise<Found> {
  const wants = (type: string): boolean => asked.type === type || asked.type === 'ANY';
  const [first] = labels;
  switch (labels.length) {
    case 0: {
      const servers = zone.nameServers.map(
        (data): ZoneRecord => ({ type: 'NS', name: asked.name, ttl: APEX_TTL, data }),
      );
      const records = [
        ...(wants('SOA') ? [{ ...soaOf(zone, APEX_TTL), name: asked.name }] : []),
        ...(wants('NS') ? servers : []),
      ];
      return records.length > 0 ? records : 'nothing';
    }
    case 1:
    case 2:
      return first === CHALLENGE_LABEL ? 'no-such-name' : 'nothing';
    case 3: {
      if (first !== CHALLENGE_LABEL) return 'no-such-name';
      const values = await zone.valuesAt([...labels, zone.domain].join('.'));
      if (values.length === 0) return 'no-such-name';
      if (!wants('TXT')) return 'nothing';
      // The name as it was asked for: resolvers hide chance in its capitals.
      return values.map((data): ZoneRecord => ({ type: 'TXT', name: asked.name, ttl: RECORD_TTL, data }));
    }
    default:
      return 'no-such-name';
  }
}

export async function answerOf(zone: Zone, question: Question): Promise<ZoneAnswer> {
  const name = question.name.toLowerCase();
  const isApex = name === zone.domain;
  if (!isApex && !name.endsWith(`.${zone.domain}`)) return REFUSED;
  if (question.class !== 'IN' || TRANSFERS.has(question.type)) return REFUSED;
  const labels = isApex ? [] : name.slice(0, -zone.domain.length - 1).split('.');
  const found = await find(zone, labels, question);
  if (found === 'nothing' || found === 'no-such-name') {
    return {
      code: found === 'nothing' ? 'ok' : found,
      answers: [],
      authorities: [soaOf(zone, RECORD_TTL)],
    };
  }
  return { code: 'ok', answers: found, authorities: [] };
}
