/** Delivers webhooks out of the outbox. What was sent and not yet noted is sent again after a crash. */
import type { ChangeFeed } from '../../domain/ports/store.ts';
import type { NamedLease } from '../../domain/ports/webhook-queue.ts';
import { createLeasedLoop } from '../leased-loop.ts';
import type { Outgoing } from '../outgoing/exchange.ts';
import { createOrganizationQueue, type DeliveryParts, type OrganizationQueue } from './organization.ts';
import { createRecorder } from './recorder.ts';

export interface DispatcherParts extends Omit<DeliveryParts, 'exchange'> {
  readonly outgoing: Outgoing;
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

const MAX_RUNNING = 64;
/** Kinds whose changes are told. */
const TELLING: ReadonlySet<string> = new Set(['device', 'membership', 'policyVersion', 'webhook']);

export function createDispatcher(parts: DispatcherParts): Dispatcher {
  const { queue, outgoing } = parts;
  const organizations = new Map<number, OrganizationQueue>();
  const recorder = createRecorder(queue);
  const running = (): number =>
    [...organizations.values()].reduce((sum, organization) => sum + organization.running(), 0);

  const queueOf = (org: number): OrganizationQueue => {
    const known = organizations.get(org);
    if (known !== undefined) return known;
    const made = createOrganizationQueue({
      ...parts,
      exchange: outgoing.exchange,
      org,
      recorder,
      signal: loop.signal,
      isOurs: loop.isOurs,
      hasRoom: () => running() < MAX_RUNNING,
      onMore: () => loop.wake(org),
    });
    organizations.set(org, made);
    return made;
  };

  const loop = createLeasedLoop({
    ...parts,
    isHint: (changes) => changes.some(({ kind }) => TELLING.has(kind)),
    onTaken: () => {
      for (const organization of organizations.values()) organization.forget();
    },
    round: async (woken) => {
      const asked = woken ?? [...(await queue.organizations()), ...organizations.keys()];
      for (const org of new Set(asked)) {
        if (!(await queueOf(org).round(woken !== undefined))) organizations.delete(org);
      }
    },
    settled: () => Promise.all([...organizations.values()].map((organization) => organization.settled())),
  });

  return {
    start: loop.start,
    close: async () => {
      await loop.close();
      outgoing.close();
    },
  };
}
