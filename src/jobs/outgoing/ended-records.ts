/** Records in another DNS server end only when they are taken back. */
import type { ChallengeDns } from '../../domain/ports/challenge-dns.ts';

export interface EndedRecordsParts {
  readonly dns: ChallengeDns;
  /** What holds at a name now. */
  readonly valuesAt: (name: string) => Promise<readonly string[]>;
  /** Milliseconds after which a value has surely ended. */
  readonly lifetimeMs: number;
  readonly onError: (error: unknown, name: string) => void;
}

/**
 * Publishes what holds at a name when its turn comes, and once more when that has ended. A record that outlives this process
 * stays until its device publishes again: it proves nothing any more, since an authority asks for another value each time.
 */
export function takingBack({ dns, valuesAt, lifetimeMs, onError }: EndedRecordsParts): ChallengeDns & {
  close(): void;
} {
  const ends = new Map<string, NodeJS.Timeout>();
  const last = new Map<string, Promise<void>>();
  /**
   * One after the other: an update that comes late must not undo a newer one. Names wait for none but themselves, since a
   * server may take long to answer with what it took.
   */
  const inTurn = (name: string): Promise<void> => {
    const before = last.get(name) ?? Promise.resolve();
    const done = before.catch(() => undefined).then(async () => dns.publish(name, await valuesAt(name)));
    last.set(name, done);
    const forget = (): void => {
      if (last.get(name) === done) last.delete(name);
    };
    done.then(forget, forget);
    return done;
  };
  return {
    domain: dns.domain,
    publish: async (name) => {
      clearTimeout(ends.get(name));
      const end = setTimeout(() => {
        ends.delete(name);
        inTurn(name).catch((error: unknown) => onError(error, name));
      }, lifetimeMs);
      end.unref();
      ends.set(name, end);
      await inTurn(name);
    },
    close: () => {
      for (const end of ends.values()) clearTimeout(end);
      ends.clear();
    },
  };
}
