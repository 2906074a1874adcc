/**
 * Delivers webhooks out of the outbox. One process of those that share a database does it, for all organizations; when it
 * goes, another takes over from what the database says. What was sent and not yet noted is then sent again.
 */
import type { ChangeFeed } from '../../domain/ports/store.ts';
import type { NamedLease } from '../../domain/ports/webhook-queue.ts';
import { SECOND } from '../../kernel/clock.ts';
import { createOrganizationQueue, type DeliveryParts, type OrganizationQueue } from './organization.ts';
import type { Post } from './post.ts';
import { createRecorder } from './recorder.ts';

export interface DispatcherParts extends Omit<DeliveryParts, 'post'> {
  readonly post: Post;
  readonly lease: NamedLease;
  readonly feed: Pick<ChangeFeed, 'onCommit'>;
  readonly pollMs?: number;
  readonly lingerMs?: number;
}

export interface Dispatcher {
  start(): void;
  /** Ends what is under way, at most for a moment. */
  close(): Promise<void>;
}

const POLL_MS = SECOND;
/** After a write: what else it brings comes along. */
const LINGER_MS = 100;
const LEASE_MS = 15 * SECOND;
const RENEW_MS = 5 * SECOND;
const MAX_RUNNING = 64;
const CLOSE_GRACE_MS = 2 * SECOND;

export function createDispatcher(parts: DispatcherParts): Dispatcher {
  const { queue, lease, clock, onError, feed, post, pollMs = POLL_MS, lingerMs = LINGER_MS } = parts;
  const organizations = new Map<number, OrganizationQueue>();
  const recorder = createRecorder(queue);
  const stop = new AbortController();
  let closed = false;
  let looping: Promise<void> = Promise.resolve();
  let wake = (): void => undefined;
  const hinted = new Set<number>();
  let heldUntil = 0;
  let renewAt = 0;

  const wakeFor = (org: number): void => {
    hinted.add(org);
    wake();
  };
  const running = (): number =>
    [...organizations.values()].reduce((sum, organization) => sum + organization.running(), 0);
  const isOurs = (): boolean => !closed && clock.now() < heldUntil;

  const held = async (): Promise<boolean> => {
    const now = clock.now();
    if (now < renewAt) return isOurs();
    const has = await lease.hold(LEASE_MS);
    // Another process did the work in the meantime: what is remembered here is old.
    if (!has || now >= heldUntil) organizations.clear();
    heldUntil = has ? now + LEASE_MS : 0;
    renewAt = now + (has ? RENEW_MS : pollMs);
    return has;
  };

  let polledAt = 0;
  const round = async (): Promise<void> => {
    const woken = [...hinted];
    hinted.clear();
    const polls = clock.now() >= polledAt + pollMs;
    if (polls) polledAt = clock.now();
    const asked = polls ? [...(await queue.organizations()), ...organizations.keys()] : woken;
    for (const org of new Set(asked)) {
      const organization =
        organizations.get(org) ??
        createOrganizationQueue({
          ...parts,
          org,
          recorder,
          signal: stop.signal,
          mayBegin: () => isOurs() && running() < MAX_RUNNING,
          onMore: () => wakeFor(org),
        });
      organizations.set(org, organization);
      if (!(await organization.round(!polls))) organizations.delete(org);
    }
  };

  /** Until something was written, or for the polling period. */
  const pause = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, hinted.size > 0 ? 0 : pollMs);
      timer.unref();
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    if (hinted.size > 0 && !closed) await new Promise((resolve) => setTimeout(resolve, lingerMs));
  };

  const loop = async (): Promise<void> => {
    while (!closed) {
      try {
        if (await held()) await round();
      } catch (error) {
        onError(error);
      }
      if (!closed) await pause();
    }
  };

  const stopHints = feed.onCommit((org, changes) => {
    if (changes?.some(({ kind }) => TELLING.has(kind)) === true) wakeFor(org);
  });

  return {
    start: () => {
      looping = loop();
    },
    close: async () => {
      closed = true;
      stopHints();
      wake();
      await looping;
      const settled = Promise.all([...organizations.values()].map((organization) => organization.settled()));
      const timer = setTimeout(() => stop.abort(), CLOSE_GRACE_MS);
      await settled;
      clearTimeout(timer);
      post.close();
      await lease.release();
    },
  };
}

/** Kinds whose changes are told. */
const TELLING: ReadonlySet<string> = new Set(['device', 'membership', 'policyVersion', 'webhook']);
