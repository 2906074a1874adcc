/**
 * Devices that wait for a person: the link that a client shows, who may decide about it, and what became of it. A pending
 * login is bound to the machine and the node key it was asked for with, lives a quarter of an hour, and is decided once.
 * It is a row, so that the page and the client's held request may be in different processes.
 */
import { type Clock, MINUTE } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import { type Random, randomSecret } from '../../kernel/random.ts';
import { personAdmission, type SignedInPerson } from '../devices/join-admission.ts';
import type { JoinService } from '../devices/join-service.ts';
import type { JoinOutcome, JoinRequest } from '../devices/join-types.ts';
import type { DeviceLogin } from '../model/devices.ts';
import type { By } from '../model/operations.ts';
import { INSTALLATION, type Reader, type Store, type Tx } from '../ports/store.ts';

const DEVICE_LOGIN_LIFETIME_MS = 15 * MINUTE;
/** Anybody may ask for a login, so each bound makes the oldest give way. */
export interface DeviceLoginLimits {
  readonly all: number;
  readonly perAddress: number;
  readonly perMachine: number;
}
const LIMITS: DeviceLoginLimits = { all: 2_000, perAddress: 200, perMachine: 5 };
/** Characters of JSON that a device may say of itself while nobody vouches for it. */
const MAX_REQUEST_LENGTH = 32 * 1024;
/** Ended logins that one write clears away. */
const SWEPT = 100;

const LINK_LENGTH = 32;
const LINK_ID = new RegExp(`^[A-Za-z0-9]{${LINK_LENGTH}}$`, 'u');

/** The path of the page where a person decides; the id of the login follows. */
export const DEVICE_LOGIN_PATH = '/login/device/';

export interface DeviceKeys {
  readonly machineKey: string;
  readonly nodeKey: string;
}

export type LoginDecision = 'joined' | 'denied' | 'expired';

export interface DeviceLogins {
  /**
   * The id for a new link. Errors: `too_large` when the device says too much of itself.
   * @param address whence the client called
   */
  begin(request: JoinRequest, address: string): Promise<string>;
  /** A login that may still be decided. */
  waiting(id: string): Promise<DeviceLogin | undefined>;
  /**
   * For the device's own question: the row's key and what became of it, undefined as long as nothing did. Undefined at
   * large for an id that is unknown, or another device's.
   */
  stateOf(
    id: string,
    device: DeviceKeys,
  ): Promise<
    | { readonly ref: string; readonly decision: LoginDecision | undefined; readonly expiresAt: number }
    | undefined
  >;
  /** Brings the device into the person's organization. A login that is gone is `refused`. */
  approve(id: string, person: SignedInPerson): Promise<JoinOutcome>;
  /** Whether there was something to deny. */
  deny(id: string, person: SignedInPerson): Promise<boolean>;
}

export interface DeviceLoginParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly joins: Pick<JoinService, 'admit'>;
  readonly limits?: DeviceLoginLimits;
}

const BY_NOBODY: By = { kind: 'system', id: '', name: 'sign-in' };
const GONE = 'this sign-in has ended already; start it again on the device';

const refOf = (id: string): string | undefined => (LINK_ID.test(id) ? sha256Hex(id) : undefined);

export function createDeviceLogins(parts: DeviceLoginParts): DeviceLogins {
  const { store, clock, random, joins, limits = LIMITS } = parts;

  const open = async (reader: Reader, id: string, now: number): Promise<DeviceLogin | undefined> => {
    const ref = refOf(id);
    const login = ref === undefined ? undefined : await reader.get('deviceLogin', INSTALLATION, { ref });
    return login?.state === 'waiting' && login.expiresAt > now ? login : undefined;
  };

  return {
    begin: async (request, address) => {
      const { authKey: _, ...facts } = request;
      if (JSON.stringify(facts).length > MAX_REQUEST_LENGTH) {
        throw new AppError('too_large', 'this device says too much of itself to join by signing in');
      }
      const id = randomSecret(random, LINK_LENGTH);
      await store.write({ orgs: [INSTALLATION], by: BY_NOBODY, origin: 'control' }, async (tx) => {
        await makeRoom(tx, limits, request.machineKey, address);
        await tx.insert('deviceLogin', {
          org: INSTALLATION,
          ref: sha256Hex(id),
          machineKey: request.machineKey,
          nodeKey: request.nodeKey,
          state: 'waiting',
          facts,
          address,
          createdAt: tx.now,
          expiresAt: tx.now + DEVICE_LOGIN_LIFETIME_MS,
        });
      });
      return id;
    },
    waiting: (id) => open(store, id, clock.now()),
    stateOf: async (id, device) => {
      const ref = refOf(id);
      const login = ref === undefined ? undefined : await store.get('deviceLogin', INSTALLATION, { ref });
      if (login === undefined) return undefined;
      if (login.machineKey !== device.machineKey || login.nodeKey !== device.nodeKey) return undefined;
      const { state, expiresAt } = login;
      const decision = state !== 'waiting' ? state : expiresAt <= clock.now() ? 'expired' : undefined;
      return { ref: login.ref, decision, expiresAt };
    },
    approve: async (id, person) => {
      const login = await open(store, id, clock.now());
      if (login === undefined) return { kind: 'refused', reason: GONE };
      const claim = async (tx: Tx): Promise<string | undefined> => {
        const present = await open(tx, id, tx.now);
        if (present === undefined) return GONE;
        await decide(tx, present, 'joined');
        return undefined;
      };
      return joins.admit({ ...login.facts, authKey: null }, personAdmission(person, claim));
    },
    deny: (id, person) => {
      const by: By = { kind: 'membership', id: String(person.membership), name: person.name };
      return store.write({ orgs: [INSTALLATION], by, origin: 'native-api' }, async (tx) => {
        const login = await open(tx, id, tx.now);
        if (login === undefined) return false;
        await decide(tx, login, 'denied');
        return true;
      });
    },
  };
}

/** A client that asked twice has two links and one device: they are decided together. */
async function decide(tx: Tx, login: DeviceLogin, state: 'joined' | 'denied'): Promise<void> {
  for (const row of await tx.find('deviceLogin', INSTALLATION, { machineKey: login.machineKey })) {
    if (row.nodeKey === login.nodeKey && row.state === 'waiting')
      await tx.update('deviceLogin', INSTALLATION, { ref: row.ref }, { state });
  }
}

async function makeRoom(
  tx: Tx,
  limits: DeviceLoginLimits,
  machineKey: string,
  address: string,
): Promise<void> {
  const orderBy = [{ column: 'createdAt' }] as const;
  const removeAll = async (rows: readonly DeviceLogin[]): Promise<void> => {
    for (const { ref } of rows) await tx.remove('deviceLogin', INSTALLATION, { ref });
  };
  const filters = [{ column: 'expiresAt', operator: '<=', value: tx.now }] as const;
  await removeAll(await tx.list('deviceLogin', INSTALLATION, { filters, limit: SWEPT, few: true }));
  const bounds = [
    [{ machineKey }, limits.perMachine],
    [{ address }, limits.perAddress],
    [{}, limits.all],
  ] as const;
  for (const [where, limit] of bounds) {
    const surplus = (await tx.count('deviceLogin', INSTALLATION, { where })) - limit + 1;
    if (surplus > 0)
      await removeAll(await tx.list('deviceLogin', INSTALLATION, { where, orderBy, limit: surplus }));
  }
}
