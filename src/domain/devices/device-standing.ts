/**
 * What an organization thinks of a person's device: trusted or not, blocked, put away. The four facts are independent of
 * each other and of its authorization.
 *
 * Errors of all: `forbidden`, `not_found`, `invalid`.
 */
import { invalid } from '../../kernel/errors.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { missing, requireRow } from '../directory/missing.ts';
import type { Device } from '../model/devices.ts';
import type { Row } from '../model/entities.ts';
import type { AuditOrigin, AuditVerb } from '../model/operations.ts';
import type { Store, Tx } from '../ports/store.ts';

export interface DeviceStanding {
  /** Trust by hand; a listed serial number gives it as well. */
  setTrusted(actor: Actor, id: number, trusted: boolean, origin: AuditOrigin): Promise<Device>;
  /** A blocked device is cut off, and no automation undoes it. */
  setBlocked(actor: Actor, id: number, blocked: boolean, origin: AuditOrigin): Promise<Device>;
  /** Out of sight until it connects again. */
  setArchived(actor: Actor, id: number, archived: boolean, origin: AuditOrigin): Promise<Device>;
  /** Those that are listed already stay. */
  addSerials(actor: Actor, serials: readonly string[], origin: AuditOrigin): Promise<Row<'serialNumber'>[]>;
  /** Unknown ones are passed over. */
  removeSerials(actor: Actor, serials: readonly string[], origin: AuditOrigin): Promise<void>;
}

const SERIAL = /^[A-Za-z0-9][A-Za-z0-9 ._:/+-]{0,127}$/u;
const MAX_SERIALS = 1_000;

function checkSerials(serials: readonly string[]): string[] {
  if (serials.length > MAX_SERIALS) {
    throw invalid(`at most ${MAX_SERIALS} serial numbers at once`, 'serialNumbers');
  }
  return [
    ...new Set(
      serials.map((text) => {
        const serial = text.trim();
        if (!SERIAL.test(serial))
          throw invalid(`'${serial.slice(0, 40)}' is no serial number`, 'serialNumbers');
        return serial;
      }),
    ),
  ];
}

export function createDeviceStanding({ store }: { readonly store: Store }): DeviceStanding {
  type Fact = 'trustedAt' | 'blockedAt' | 'archivedAt';
  const set = (
    actor: Actor,
    id: number,
    fact: Fact,
    value: boolean,
    verb: AuditVerb,
    origin: AuditOrigin,
  ): Promise<Device> => {
    authorize(actor, 'devices:write');
    return store.write(contextOf(actor, origin), async (tx) => {
      const device = await requireRow(tx, 'device', actor.org, id);
      // Devices of gateways, tags and service accounts are none that somebody trusts or puts away.
      if (device.ownerKind !== 'membership') throw missing('device', id);
      if ((device[fact] !== null) === value) return device;
      tx.audit(actor.org, {
        verb,
        objectKind: 'device',
        objectId: id,
        objectName: device.label,
        field: fact,
        before: device[fact],
        after: value ? tx.now : null,
      });
      return tx.update('device', actor.org, id, { [fact]: value ? tx.now : null });
    });
  };

  return {
    setTrusted: (actor, id, trusted, origin) =>
      set(actor, id, 'trustedAt', trusted, trusted ? 'verify' : 'update', origin),
    setBlocked: (actor, id, blocked, origin) =>
      set(actor, id, 'blockedAt', blocked, blocked ? 'disable' : 'enable', origin),
    setArchived: (actor, id, archived, origin) => set(actor, id, 'archivedAt', archived, 'update', origin),

    addSerials: async (actor, texts, origin) => {
      authorize(actor, 'devices:write');
      const serials = checkSerials(texts);
      const { org } = actor;
      return store.write(contextOf(actor, origin, serials.length + 1), async (tx) => {
        const present = await tx.find('serialNumber', org, { serial: serials });
        const known = new Set(present.map(({ serial }) => serial));
        const fresh = serials
          .filter((serial) => !known.has(serial))
          .map((serial) => ({ org, id: tx.newId(), serial, createdAt: tx.now }));
        await tx.insertAll('serialNumber', fresh);
        if (fresh.length > 0)
          auditSerials(
            tx,
            org,
            'create',
            fresh.map(({ serial }) => serial),
          );
        return [...present, ...fresh].sort((a, b) => a.id - b.id);
      });
    },

    removeSerials: async (actor, texts, origin) => {
      authorize(actor, 'devices:write');
      const serials = checkSerials(texts);
      const { org } = actor;
      await store.write(contextOf(actor, origin), async (tx) => {
        const present = await tx.find('serialNumber', org, { serial: serials });
        for (const { id } of present) await tx.remove('serialNumber', org, id);
        if (present.length > 0)
          auditSerials(
            tx,
            org,
            'delete',
            present.map(({ serial }) => serial),
          );
      });
    },
  };
}

const auditSerials = (tx: Tx, org: number, verb: 'create' | 'delete', serials: readonly string[]): void =>
  tx.audit(org, {
    verb,
    objectKind: 'serialNumber',
    objectId: 0,
    objectName: 'serial numbers',
    ...(verb === 'create' ? { after: serials } : { before: serials }),
  });
