/**
 * What a device says of itself only when it is asked: the services that it serves, its serial numbers. It is asked when it
 * connects, and again when something says that the answer is another now.
 */
import type { Change } from '../../domain/ports/store.ts';
import type { DeviceFacts } from '../../domain/snapshot/device-facts.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import { AppError } from '../../kernel/errors.ts';
import type { OrganizationHub } from '../map/organization-hub.ts';
import type { ClientAnswer, ClientCall, ClientCalls } from './client-calls.ts';

/** A question and what its answer is good for. */
export interface ClientQuestion {
  /** Equal texts: what is known still holds. Undefined: nothing to ask now. `connected`: how many devices are, here. */
  version(snapshot: Snapshot, facts: DeviceFacts, connected: number): string | undefined;
  /** Errors: `unavailable` when the device does not answer, or not in a form that can be read. */
  take(facts: DeviceFacts, ask: (call: ClientCall) => Promise<ClientAnswer>): Promise<void>;
  /** Kinds whose changes may concern every device. */
  readonly concerns: ReadonlySet<Change['kind']>;
  /** The devices whose answer may become another without a word from them. */
  changesSilently(snapshot: Snapshot): 'none' | 'gateways' | 'all';
}

type Hub = Pick<OrganizationHub, 'snapshot' | 'connected' | 'send' | 'streams' | 'streamCount'>;

export interface ClientFacts {
  opened(hub: Hub, device: number): void;
  /** After the changes are in the hub's snapshot. */
  applied(hub: Hub, changes: readonly Change[], touched: ReadonlySet<number>): void;
  /** Asks the devices whose answer may be another though nothing said so. */
  look(hub: Hub): void;
}

export interface ClientFactsParts {
  readonly calls: Pick<ClientCalls, 'ask'>;
  readonly questions: readonly ClientQuestion[];
  readonly onError: (error: unknown) => void;
}

export function createClientFacts({ calls, questions, onError }: ClientFactsParts): ClientFacts {
  /** The version that each device was last asked about, by question. */
  const known = questions.map(() => new Map<number, string>());

  const consider = (hub: Hub, id: number, only?: ClientQuestion): void => {
    const facts = hub.snapshot.devices.get(id);
    for (const [index, question] of questions.entries()) {
      if (only !== undefined && question !== only) continue;
      const versions = known[index];
      const version = facts && question.version(hub.snapshot, facts, hub.streamCount);
      if (facts === undefined || version === undefined) {
        versions?.delete(id);
        continue;
      }
      if (versions === undefined || versions.get(id) === version) continue;
      versions.set(id, version);
      const target = {
        machineKey: facts.device.machineKey,
        send: (members: string) => hub.send(id, members),
      };
      question
        .take(facts, (call) => calls.ask(target, call))
        .catch((error: unknown) => {
          // A client that cannot say is not asked again until it comes back or something changes.
          if (!(error instanceof AppError && error.code === 'unavailable')) onError(error);
        });
    }
  };

  return {
    look: (hub) => {
      for (const question of questions) {
        for (const id of silentlyOther(hub, question)) if (hub.connected(id)) consider(hub, id, question);
      }
    },
    opened: (hub, device) => {
      for (const versions of known) versions.delete(device);
      consider(hub, device);
    },
    applied: (hub, changes, touched) => {
      const wide = questions.some(({ concerns }) => changes.some(({ kind }) => concerns.has(kind)));
      const ids = new Set(touched);
      if (wide) for (const { device } of hub.streams()) ids.add(device);
      for (const id of ids) if (hub.connected(id) || !hub.snapshot.devices.has(id)) consider(hub, id);
    },
  };
}

function silentlyOther(hub: Hub, question: ClientQuestion): number[] {
  switch (question.changesSilently(hub.snapshot)) {
    case 'none':
      return [];
    case 'gateways':
      return [...hub.snapshot.table('gateway').values()].flatMap(({ device }) => device ?? []);
    case 'all':
      return [...hub.streams()].map(({ device }) => device);
  }
}
