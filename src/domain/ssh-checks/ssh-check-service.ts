/**
 * SSH logins that ask for a fresh sign-in: a rule with `"action": "check"` lets a person's device in only while its owner
 * has proven lately who they are. The device that is logged in to asks; the person answers on a page, from a link that the
 * login shows them.
 */
import { type Clock, MINUTE } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import { type Random, randomSecret } from '../../kernel/random.ts';
import type { SshCheck } from '../model/devices.ts';
import type { By } from '../model/operations.ts';
import type { Reader, Store, Tx } from '../ports/store.ts';

export const SSH_CHECK_PATH = '/login/ssh/';
const SSH_CHECK_LIFETIME_MS = 5 * MINUTE;

/** A device asks again for each login, so the bound makes the oldest give way. */
const MAX_WAITING_PER_SOURCE = 5;
const SWEPT = 100;
const LINK_LENGTH = 32;

/** The organization is in the id: the page is opened by whoever has the link, before anything is known of them. */
const ID = new RegExp(`^(?<org>[1-9]\\d{0,15})x(?<secret>[A-Za-z0-9]{${LINK_LENGTH}})$`, 'u');

export interface SshLogin {
  readonly org: number;
  /** The device that the login comes from, and its owner. */
  readonly source: number;
  readonly membership: number;
  /** The device that is logged in to. */
  readonly target: number;
  readonly user: string;
}

export type SshDecision = 'allowed' | 'denied' | 'expired';

export interface SshCheckState {
  readonly ref: string;
  readonly decision: SshDecision | undefined;
  readonly expiresAt: number;
}

export interface SshChecks {
  /** Whether the owner of a device proved who they are within so many milliseconds. */
  isFresh(login: Pick<SshLogin, 'org' | 'source' | 'membership'>, withinMs: number): Promise<boolean>;
  /** The id for a link. */
  begin(login: SshLogin): Promise<string>;
  /** A check that may still be answered by this person; undefined for anybody else's. */
  waiting(
    id: string,
    person: { readonly org: number; readonly membership: number },
  ): Promise<SshCheck | undefined>;
  /** What became of a check, for the device that asked. Undefined when there is none of this login. */
  stateOf(id: string, login: Pick<SshLogin, 'org' | 'source' | 'target'>): Promise<SshCheckState | undefined>;
  /** Errors: `conflict` when the check has ended. */
  decide(
    id: string,
    person: { readonly org: number; readonly membership: number; readonly name: string },
    decision: 'allowed' | 'denied',
  ): Promise<void>;
}

const partsOf = (id: string): { readonly org: number; readonly ref: string } | undefined => {
  const { org, secret } = ID.exec(id)?.groups ?? {};
  return org === undefined || secret === undefined ? undefined : { org: Number(org), ref: sha256Hex(secret) };
};

export function createSshChecks(parts: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}): SshChecks {
  const { store, clock, random } = parts;

  const open = async (reader: Reader, id: string, now: number): Promise<SshCheck | undefined> => {
    const key = partsOf(id);
    const check = key && (await reader.get('sshCheck', key.org, { ref: key.ref }));
    return check?.state === 'waiting' && check.expiresAt > now ? check : undefined;
  };

  return {
    isFresh: async ({ org, source, membership }, withinMs) => {
      const proof = await store.get('sshProof', org, { device: source });
      return proof !== undefined && proof.membership === membership && proof.at + withinMs > clock.now();
    },

    begin: async ({ org, ...login }) => {
      const secret = randomSecret(random, LINK_LENGTH);
      const by: By = { kind: 'device', id: String(login.target), name: `device ${login.target}` };
      await store.write({ orgs: [org], by, origin: 'control' }, async (tx) => {
        await makeRoom(tx, org, login.source);
        await tx.insert('sshCheck', {
          org,
          ref: sha256Hex(secret),
          ...login,
          state: 'waiting',
          createdAt: tx.now,
          expiresAt: tx.now + SSH_CHECK_LIFETIME_MS,
        });
      });
      return `${org}x${secret}`;
    },

    waiting: async (id, person) => {
      const check = await open(store, id, clock.now());
      return check?.org === person.org && check.membership === person.membership ? check : undefined;
    },

    stateOf: async (id, { org, source, target }) => {
      const key = partsOf(id);
      const check = key?.org === org ? await store.get('sshCheck', org, { ref: key.ref }) : undefined;
      if (check === undefined || check.source !== source || check.target !== target) return undefined;
      const { ref, state, expiresAt } = check;
      const decision = state !== 'waiting' ? state : expiresAt <= clock.now() ? 'expired' : undefined;
      return { ref, decision, expiresAt };
    },

    decide: async (id, { org, membership, name }, decision) => {
      const by: By = { kind: 'membership', id: String(membership), name };
      await store.write({ orgs: [org], by, origin: 'native-api' }, async (tx) => {
        const check = await open(tx, id, tx.now);
        if (check?.org !== org || check.membership !== membership) {
          throw new AppError('conflict', 'this login has ended already; start it again');
        }
        await tx.update('sshCheck', org, { ref: check.ref }, { state: decision });
        if (decision === 'allowed')
          await tx.put('sshProof', { org, device: check.source, membership, at: tx.now });
        const target = await tx.get('device', org, check.target);
        tx.audit(org, {
          verb: decision === 'allowed' ? 'approve' : 'disable',
          objectKind: 'device',
          objectId: check.target,
          objectName: target?.label ?? '',
          field: 'ssh',
          after: { user: check.user, source: check.source, decision },
        });
      });
    },
  };
}

async function makeRoom(tx: Tx, org: number, source: number): Promise<void> {
  const ended = [{ column: 'expiresAt', operator: '<=', value: tx.now }] as const;
  const oldest = [{ column: 'createdAt' }] as const;
  const rows = await tx.list('sshCheck', org, { filters: ended, limit: SWEPT, few: true });
  const surplus = (await tx.count('sshCheck', org, { where: { source } })) - MAX_WAITING_PER_SOURCE + 1;
  if (surplus > 0)
    rows.push(...(await tx.list('sshCheck', org, { where: { source }, orderBy: oldest, limit: surplus })));
  for (const ref of new Set(rows.map((row) => row.ref))) await tx.remove('sshCheck', org, { ref });
}
