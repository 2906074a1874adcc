/** MagicDNS labels: made from the host's name, unique among the devices and services of an organization. */
import { type Random, randomText } from '../../kernel/random.ts';
import { toDnsLabel } from '../../kernel/text.ts';
import type { Tx } from '../ports/store.ts';

const FALLBACK = 'device';
/** After this many neighbours (`host-1` … `host-9`) a random suffix is shorter to find than the next number. */
const NUMBERED = 9;
const RANDOM_LENGTH = 5;
const MAX_BASE = 56;
const MAX_TRIES = 50;

/** Common ends that say nothing: `macbook.local`, `pc.lan`. */
const baseOf = (hostname: string): string =>
  toDnsLabel(hostname.replace(/\.(?:local|lan|home|localdomain)$/iu, '')).slice(0, MAX_BASE) || FALLBACK;

async function taken(tx: Tx, org: number, labels: readonly string[]): Promise<ReadonlySet<string>> {
  const devices = await tx.find('device', org, { label: labels });
  const services = await tx.find('service', org, { name: labels.map((label) => `svc:${label}`) });
  return new Set([
    ...devices.map(({ label }) => label),
    ...services.map(({ name }) => name.slice('svc:'.length)),
  ]);
}

/** A free label for a host name. `own` is the label that the device has already, which it may keep. */
export async function freeLabel(
  tx: Tx,
  random: Random,
  org: number,
  hostname: string,
  own?: string,
): Promise<string> {
  const base = baseOf(hostname);
  const first = [base, ...Array.from({ length: NUMBERED }, (_, index) => `${base}-${index + 1}`)];
  const used = await taken(tx, org, first);
  const free = first.find((label) => label === own || !used.has(label));
  if (free !== undefined) return free;
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    const label = `${base}-${randomText(random, RANDOM_LENGTH, '0123456789abcdefghijklmnopqrstuvwxyz')}`;
    if (!(await taken(tx, org, [label])).has(label)) return label;
  }
  throw new Error(`no label is free for ${base}`);
}
