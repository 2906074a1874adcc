/** Tokens that are known, by their digest. What a token rests on leads to it, so that a change costs what it concerns. */
import type { Actor } from '../domain/access/actor.ts';

export interface CachedToken {
  readonly actor: Actor;
  readonly expiresAt: number;
  readonly readAt: number;
  /** Ids of the credential, its parent and its owner: a change of any ends the entry. Ids are unique in the installation. */
  readonly rests: readonly number[];
}

/** A read that may turn out to be of a state that has passed. */
export interface Reading {
  isFresh(rests: readonly number[]): boolean;
  end(): void;
}

export interface TokenCache {
  get(digest: string): CachedToken | undefined;
  set(digest: string, entry: CachedToken): void;
  remove(digest: string): void;
  changed(id: number): void;
  /** Changes of the organization were missed. */
  lost(org: number): void;
  startReading(): Reading;
  clear(): void;
}

const MAX_CACHED = 20_000;

export function createTokenCache(): TokenCache {
  const entries = new Map<string, CachedToken>();
  const resting = new Map<number, Set<string>>();
  const readings = new Set<{ readonly changed: Set<number>; spoiled: boolean }>();

  const remove = (digest: string): void => {
    const entry = entries.get(digest);
    if (entry === undefined) return;
    entries.delete(digest);
    for (const id of entry.rests) {
      const digests = resting.get(id);
      digests?.delete(digest);
      if (digests?.size === 0) resting.delete(id);
    }
  };

  return {
    get: (digest) => entries.get(digest),
    remove,
    set: (digest, entry) => {
      remove(digest);
      const oldest = entries.size >= MAX_CACHED ? entries.keys().next() : undefined;
      if (oldest !== undefined && !oldest.done) remove(oldest.value);
      entries.set(digest, entry);
      for (const id of entry.rests) {
        const digests = resting.get(id);
        if (digests === undefined) resting.set(id, new Set([digest]));
        else digests.add(digest);
      }
    },
    changed: (id) => {
      for (const reading of readings) reading.changed.add(id);
      for (const digest of [...(resting.get(id) ?? [])]) remove(digest);
    },
    lost: (org) => {
      for (const reading of readings) reading.spoiled = true;
      for (const [digest, { actor }] of [...entries]) if (actor.org === org) remove(digest);
    },
    startReading: () => {
      const reading = { changed: new Set<number>(), spoiled: false };
      readings.add(reading);
      return {
        isFresh: (rests) => !reading.spoiled && !rests.some((id) => reading.changed.has(id)),
        end: () => void readings.delete(reading),
      };
    },
    clear: () => {
      entries.clear();
      resting.clear();
    },
  };
}
