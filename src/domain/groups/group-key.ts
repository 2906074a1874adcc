import { toDnsLabel } from '../../kernel/text.ts';
import type { Tx } from '../ports/store.ts';

const FALLBACK_KEY = 'group';
const MAX_KEY = 56;
const MAX_SIMILAR = 10_000;

/**
 * The slug by which the policy file knows a new group. One that the file names already goes only to whoever may write the
 * file: a group that comes again under an old name must not inherit what the old one was granted.
 */
export async function freeGroupKey(
  tx: Tx,
  org: number,
  name: string,
  mayTakeNamed: boolean,
): Promise<string> {
  const base = toDnsLabel(name).slice(0, MAX_KEY).replace(/-+$/u, '') || FALLBACK_KEY;
  const [policy] = await tx.list('policyVersion', org, {
    orderBy: [{ column: 'version', descending: true }],
    limit: 1,
  });
  const named = (key: string): boolean => policy?.text.includes(`group:${key}`) === true;
  const similar = await tx.list('group', org, {
    filters: [{ column: 'key', operator: 'starts-with', value: base }],
    limit: MAX_SIMILAR,
  });
  const taken = new Set(similar.map(({ key }) => key));
  for (let number = 1; ; number += 1) {
    const key = number === 1 ? base : `${base}-${number}`;
    if (!taken.has(key) && (mayTakeNamed || !named(key))) return key;
  }
}
