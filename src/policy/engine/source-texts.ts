import { formatSet, type IpSet, setOfAddrs, subtractSets, unionSets } from '../../kernel/netip/index.ts';
import { spelledLiterals } from '../compile/selectors.ts';
import type { SourceSpec } from '../compile/unit.ts';
import type { DeviceState } from './device-state.ts';
import { ANY_ATOM, type Program } from './program.ts';

/** The SrcIPs of a rule. Equal content is the same object; `id` stands for it in comparisons. */
export interface SourceText {
  readonly id: number;
  readonly texts: readonly string[];
}

/** What `*` lists now: the address blocks of devices, and each enabled subnet route. */
export interface WildTexts {
  readonly blocks: IpSet;
  readonly routes: readonly string[];
}

/** The source lists of rules: computed when asked for, then kept up to date address by address. */
export interface SourceTexts {
  /** The list of a source now and, until all are forgotten, whenever it is asked for again. */
  follow(source: SourceSpec): () => SourceText;
  /** Devices that a source lists by address, in force of its conditions. */
  devicesOf(source: SourceSpec): DeviceState[];
  intern(texts: readonly string[]): SourceText;
  /** A device that a source lists (or listed) has other addresses now, or came, or went. */
  replace(source: SourceSpec, before: DeviceState | undefined, after: DeviceState | undefined): void;
  forget(source: SourceSpec): void;
  forgetAll(): void;
}

export interface SourceTextsInput {
  program(): Program;
  device(id: number): DeviceState | undefined;
  devices(): Iterable<DeviceState>;
  wild(): WildTexts;
}

/** A list as it is kept: device addresses in text order, and the finished SrcIPs, each while they are good. */
interface Entry {
  addresses: readonly string[] | undefined;
  text: SourceText | undefined;
}

const EVERYTHING = ['*'];
/** With conditions it is a list, without the devices that fail. */
const isEverything = ({ danger, posture }: SourceSpec): boolean => danger && posture === undefined;
/** Different lists kept for sharing by content; more are forgotten, which costs sharing only. */
const MAX_INTERNED = 16_384;

export function createSourceTexts(input: SourceTextsInput): SourceTexts {
  const entries = new Map<string, Entry>();
  const intern = createInterner();

  function devicesOf(source: SourceSpec): DeviceState[] {
    const { atoms } = input.program();
    const gate = source.posture?.key;
    const seen = new Set<number>();
    const out: DeviceState[] = [];
    const keys = source.any && gate !== undefined ? [...source.atoms, ANY_ATOM] : source.atoms;
    for (const key of keys) {
      for (const id of atoms.get(key)?.devices ?? []) {
        if (seen.has(id)) continue;
        seen.add(id);
        const device = input.device(id);
        if (device !== undefined && !(gate !== undefined && device.profile.failed.has(gate)))
          out.push(device);
      }
    }
    return out;
  }

  /** Literal sources without the devices in them that fail the conditions. */
  function literalTexts(source: SourceSpec): readonly string[] {
    const gate = source.posture?.key;
    if (gate === undefined || source.literals.length === 0) return spelledLiterals(source);
    const failing: IpSet[] = [];
    for (const device of input.devices()) {
      if (device.profile.failed.has(gate)) failing.push(setOfAddrs(device.addresses.map(({ addr }) => addr)));
    }
    return formatSet(subtractSets(unionSets(source.literals), unionSets(failing)));
  }

  function finish(source: SourceSpec, addresses: readonly string[]): readonly string[] {
    if (isEverything(source)) return EVERYTHING;
    const extra = literalTexts(source).filter((text) => find(addresses, text) < 0);
    if (!source.any) return extra.length === 0 ? addresses : [...extra, ...addresses];
    const wild = input.wild();
    const blocks = source.posture === undefined ? formatSet(wild.blocks) : [];
    const listed = [...new Set([...wild.routes, ...blocks, ...extra])];
    return [...listed, ...addresses];
  }

  function entryOf(source: SourceSpec): Entry {
    const known = entries.get(source.key);
    if (known !== undefined) return known;
    const fresh: Entry = { addresses: undefined, text: undefined };
    entries.set(source.key, fresh);
    return fresh;
  }

  return {
    intern,
    devicesOf,
    follow(source) {
      const entry = entryOf(source);
      return () => {
        if (entry.text === undefined) {
          entry.addresses ??= isEverything(source) ? [] : addressTexts(devicesOf(source));
          entry.text = intern(finish(source, entry.addresses));
        }
        return entry.text;
      };
    },
    replace(source, before, after) {
      const entry = entries.get(source.key);
      if (entry?.addresses === undefined) return;
      entry.text = undefined;
      const addresses = [...entry.addresses];
      for (const { text } of before?.addresses ?? []) {
        const at = find(addresses, text);
        if (at >= 0) addresses.splice(at, 1);
      }
      for (const { text } of after?.addresses ?? []) {
        const at = find(addresses, text);
        if (at < 0) addresses.splice(-at - 1, 0, text);
      }
      entry.addresses = addresses;
    },
    forget(source) {
      const entry = entries.get(source.key);
      if (entry === undefined) return;
      entry.addresses = undefined;
      entry.text = undefined;
    },
    forgetAll: () => entries.clear(),
  };
}

/** Addresses one by one in text order; neighbours are not joined to ranges. */
export const addressTexts = (devices: readonly DeviceState[]): string[] =>
  devices.flatMap((device) => device.addresses.map(({ text }) => text)).sort(compareTexts);

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Where a text is in a sorted list; if it is not, -1 minus where it would be. */
function find(sorted: readonly string[], text: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const candidate = sorted[middle] ?? '';
    if (candidate === text) return middle;
    if (candidate < text) low = middle + 1;
    else high = middle;
  }
  return -low - 1;
}

/** Gives equal lists one object. Lists are told apart by a few samples before they are compared in full. */
function createInterner(): (texts: readonly string[]) => SourceText {
  let buckets = new Map<string, SourceText[]>();
  let size = 0;
  let nextId = 1;
  return (texts) => {
    const sample = `${texts.length}|${texts[0] ?? ''}|${texts[texts.length >> 1] ?? ''}|${texts.at(-1) ?? ''}`;
    if (size >= MAX_INTERNED) {
      buckets = new Map();
      size = 0;
    }
    const bucket = buckets.get(sample) ?? [];
    const known = bucket.find((candidate) => equalLists(candidate.texts, texts));
    if (known !== undefined) return known;
    const fresh = { id: nextId++, texts };
    bucket.push(fresh);
    buckets.set(sample, bucket);
    size++;
    return fresh;
  };
}

function equalLists(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
