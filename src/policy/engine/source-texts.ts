import {
  compareAddr,
  formatSet,
  type IpSet,
  isEmptySet,
  setOfAddrs,
  subtractSets,
  unionSets,
} from '../../kernel/netip/index.ts';
import type { SourceSpec } from '../compile/unit.ts';
import type { DeviceState } from './device-state.ts';
import { ANY_ATOM, type Program } from './program.ts';

/** The SrcIPs of a rule. Equal content is the same object; `id` stands for it in comparisons. */
export interface SourceText {
  readonly id: number;
  readonly texts: readonly string[];
}

/** Addresses one by one in ascending order, IPv4 first; neighbours are not joined to ranges. */
export function addressTexts(devices: readonly DeviceState[]): string[] {
  const all = devices.flatMap((device) => device.addresses);
  return all.sort((a, b) => compareAddr(a.addr, b.addr)).map(({ text }) => text);
}

/** What `*` lists now: the address blocks of devices, and each enabled subnet route. */
export interface WildTexts {
  readonly blocks: IpSet;
  readonly routes: readonly string[];
}

export interface SourceTexts {
  of(source: SourceSpec): SourceText;
  /** Device ids that a source lists by address, in force of its conditions. */
  devicesOf(source: SourceSpec): DeviceState[];
  intern(texts: readonly string[]): SourceText;
  forget(sourceKey: string): void;
  forgetAll(): void;
}

export interface SourceTextsInput {
  program(): Program;
  device(id: number): DeviceState | undefined;
  wild(): WildTexts;
}

const EVERYTHING = ['*'];

export function createSourceTexts(input: SourceTextsInput): SourceTexts {
  const bySource = new Map<string, SourceText>();
  let interned = new Map<string, SourceText>();
  let nextId = 1;

  function intern(texts: readonly string[]): SourceText {
    const key = texts.join();
    let known = interned.get(key);
    if (known === undefined) {
      known = { id: nextId++, texts };
      interned.set(key, known);
    }
    return known;
  }

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
  function literalsOf(source: SourceSpec): IpSet {
    const gate = source.posture?.key;
    if (gate === undefined || isEmptySet(source.literals)) return source.literals;
    const failing: IpSet[] = [];
    for (const id of input.program().atoms.get(ANY_ATOM)?.devices ?? []) {
      const device = input.device(id);
      if (device?.profile.failed.has(gate))
        failing.push(setOfAddrs(device.addresses.map(({ addr }) => addr)));
    }
    return subtractSets(source.literals, unionSets(failing));
  }

  function texts(source: SourceSpec): readonly string[] {
    if (source.danger) return EVERYTHING;
    const named = new Set(addressTexts(devicesOf(source)));
    const literals = source.posture === undefined ? source.spelled : formatSet(literalsOf(source));
    for (const text of literals) named.add(text);
    if (!source.any) return [...named];
    const wild = input.wild();
    const blocks = source.posture === undefined ? formatSet(wild.blocks) : [];
    return [...new Set([...wild.routes, ...blocks, ...named])];
  }

  return {
    intern,
    devicesOf,
    of(source) {
      const known = bySource.get(source.key);
      if (known !== undefined) return known;
      const fresh = intern(texts(source));
      bySource.set(source.key, fresh);
      return fresh;
    },
    forget: (sourceKey) => {
      bySource.delete(sourceKey);
    },
    forgetAll() {
      bySource.clear();
      interned = new Map();
    },
  };
}
