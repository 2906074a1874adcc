/** The map of relays as later messages of a stream bring it. */
import type { DerpMap } from '../wire/index.ts';

/** The map as a client needs it that has another: regions that are gone are named, whether clients merge or replace. */
export function relayMember(had: string, now: string): string {
  const [before, after] = [had, now].map((text): DerpMap => JSON.parse(text));
  const gone = Object.keys(before?.Regions ?? {}).filter((id) => after?.Regions?.[id] === undefined);
  const Regions = { ...after?.Regions, ...Object.fromEntries(gone.map((id) => [id, null])) };
  return `"DERPMap":${JSON.stringify({ ...after, Regions })}`;
}
