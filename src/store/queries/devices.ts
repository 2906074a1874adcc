/** The device list: one query for the devices and one for each list that hangs on them, with no column that is not shown. */
import type { HostFacts } from '../../domain/model/devices.ts';
import type { DeviceDetails, DeviceListQuery, DeviceRow } from '../../domain/ports/queries.ts';
import type { StoredRow, StoredValue } from '../rows.ts';
import { deviceCondition } from './device-filters.ts';
import { liveReplicas } from './live-replicas.ts';
import type { QueryParts } from './query-parts.ts';
import { sqlValues } from './sql-text.ts';

/** Up to this many devices the lists are asked for by id, beyond it for the whole organization. */
const MAX_BY_ID = 50;

const COLUMNS = [
  ...['id', 'label', 'osHostname', 'os', 'clientVersion', 'machineKey', 'nodeKey', 'createdAt'],
  ...['keyExpiresAt', 'ownerKind', 'owner'],
].map((name) => `d."${name}"`);
const JOINED = [
  'm."email" AS "email"',
  'm."username" AS "username"',
  'p."replica" AS "replica"',
  'p."lastSeen" AS "lastSeen"',
];
/** Yes or no facts, packed into one column: each column of a long list costs as much as the next. */
const FLAGS = [
  'd."expiryDisabled" = 1',
  'd."ephemeral" = 1',
  'd."authorizedAt" IS NOT NULL AND d."blockedAt" IS NULL',
  'p."online" = 1',
  'l."shieldsUp" = 1',
];
const FLAG_COLUMN = `${FLAGS.map((flag, bit) => `CASE WHEN ${flag} THEN ${2 ** bit} ELSE 0 END`).join(' + ')} AS "flags"`;
const EXPIRY_DISABLED = 1;
const EPHEMERAL = 2;
const AUTHORIZED = 4;
const ONLINE = 8;
const BLOCKS_INCOMING = 16;

const DETAILS = [
  'd."serials" AS "serials"',
  'l."endpoints" AS "endpoints"',
  'l."homeDerp" AS "homeDerp"',
  'l."hostinfo" AS "hostinfo"',
  'l."netInfo" AS "netInfo"',
];
// A person stands behind a device that is theirs, and behind one that they brought in before it was tagged.
const FROM = `FROM "device" d
  LEFT JOIN "membership" m ON m."org" = d."org"
    AND m."id" = CASE d."ownerKind" WHEN 'membership' THEN d."owner" WHEN 'tags' THEN d."registeredBy" ELSE 0 END
  LEFT JOIN "presence" p ON p."org" = d."org" AND p."device" = d."id"
  LEFT JOIN "deviceLive" l ON l."org" = d."org" AND l."device" = d."id"`;

export function createDevicesQuery(
  engine: QueryParts,
): (org: number, query: DeviceListQuery) => Promise<DeviceRow[]> {
  const mainRows = (org: number, query: DeviceListQuery, live: ReadonlySet<string>): Promise<StoredRow[]> => {
    const { values, mark } = sqlValues(engine.placeholder);
    const columns = [...COLUMNS, FLAG_COLUMN, ...JOINED, ...(query.detailed ? DETAILS : [])].join(', ');
    const replicas = [...live];
    const alive = (add: typeof mark): string =>
      replicas.length === 0
        ? '1 = 0'
        : `COALESCE(p."online", 0) = 1 AND p."replica" IN (${replicas.map((replica) => add(replica)).join(', ')})`;
    const conditions = [
      `d."org" = ${mark(org)}`,
      ...query.filters.map((filter) => `(${deviceCondition(filter, mark, alive)})`),
    ];
    return engine.run(`SELECT ${columns} ${FROM} WHERE ${conditions.join(' AND ')} ORDER BY d."id"`, values);
  };

  /** The rows of a table that hang on some devices, by device. */
  const hanging = async <T>(
    org: number,
    ids: readonly number[],
    table: Hanging,
    map: (row: StoredRow) => T,
  ): Promise<ReadonlyMap<StoredValue, T[]>> => {
    const { values, mark } = sqlValues(engine.placeholder);
    const scope = `WHERE "org" = ${mark(org)}${table.condition}`;
    const some =
      ids.length > MAX_BY_ID ? '' : ` AND "${table.holder}" IN (${ids.map((id) => mark(id)).join(', ')})`;
    const rows = await engine.run(`${table.sql} ${scope}${some} ORDER BY ${table.order}`, values);
    const found = new Map<StoredValue, T[]>();
    for (const row of rows) {
      const key = row[table.holder] ?? null;
      const list = found.get(key);
      if (list === undefined) found.set(key, [map(row)]);
      else list.push(map(row));
    }
    return found;
  };

  return async (org, query) => {
    const live = await liveReplicas(engine, query.now);
    const rows = await mainRows(org, query, live);
    if (rows.length === 0) return [];
    const ids = rows.length > MAX_BY_ID ? rows.map(() => 0) : rows.map(({ id }) => Number(id));
    const [addresses, tags, routes] = await Promise.all([
      hanging(org, ids, ADDRESSES, ({ ip }) => String(ip)),
      hanging(org, ids, TAGS, ({ tag }) => String(tag)),
      query.detailed ? hanging(org, ids, ROUTES, routeOf) : undefined,
    ]);
    return rows.map((row): DeviceRow => {
      const id = number(row.id);
      const flags = number(row.flags);
      const username = row.username ?? null;
      return {
        id,
        label: text(row.label),
        osHostname: text(row.osHostname),
        os: text(row.os),
        clientVersion: text(row.clientVersion),
        machineKey: text(row.machineKey),
        nodeKey: text(row.nodeKey),
        createdAt: number(row.createdAt),
        keyExpiresAt: row.keyExpiresAt === null ? null : number(row.keyExpiresAt),
        expiryDisabled: (flags & EXPIRY_DISABLED) !== 0,
        ephemeral: (flags & EPHEMERAL) !== 0,
        ownerKind: row.ownerKind as DeviceRow['ownerKind'],
        owner: number(row.owner),
        authorized: (flags & AUTHORIZED) !== 0,
        person: username === null ? null : { email: textOrNull(row.email), username: text(username) },
        online: (flags & ONLINE) !== 0 && live.has(text(row.replica)),
        lastSeen: number(row.lastSeen) || null,
        blocksIncoming: (flags & BLOCKS_INCOMING) !== 0,
        addresses: addresses.get(id) ?? NONE,
        tags: tags.get(id) ?? NONE,
        details: routes === undefined ? undefined : detailsOf(row, routes.get(id) ?? []),
      };
    });
  };
}

const NONE: readonly string[] = [];
/** Columns of text and integers come as such; the type of a row cannot say which is which. */
const text = (value: StoredValue | undefined): string => (typeof value === 'string' ? value : '');
const number = (value: StoredValue | undefined): number => (typeof value === 'number' ? value : 0);

interface Hanging {
  readonly sql: string;
  /** The column that holds the device. */
  readonly holder: string;
  readonly condition: string;
  readonly order: string;
}

// Rows come in the order of an index, so that the database sorts as little as it can.
const ADDRESSES: Hanging = {
  sql: `SELECT "holder", "ip" FROM "address"`,
  condition: ` AND "holderKind" = 'device'`,
  holder: 'holder',
  order: '"holder", "family", "ip"',
};
const TAGS: Hanging = {
  sql: `SELECT "device", "tag" FROM "deviceTag"`,
  condition: '',
  holder: 'device',
  order: '"device", "tag"',
};
const ROUTES: Hanging = {
  condition: '',
  sql: `SELECT "device", "prefix", "advertised", "manualAt", "auto" FROM "route"`,
  holder: 'device',
  order: '"device", "prefix"',
};

const textOrNull = (value: StoredValue | undefined): string | null =>
  typeof value === 'string' ? value : null;

const routeOf = (row: StoredRow): DeviceDetails['routes'][number] => ({
  prefix: String(row.prefix),
  advertised: row.advertised === 1,
  enabled: row.manualAt !== null || row.auto === 1,
});

const NO_FACTS: HostFacts = {};
const parsed = <T>(value: StoredValue | undefined, otherwise: T): T =>
  typeof value === 'string' ? (JSON.parse(value) as T) : otherwise;

const detailsOf = (row: StoredRow, routes: DeviceDetails['routes']): DeviceDetails => ({
  serials: parsed<readonly string[]>(row.serials, []),
  endpoints: parsed<readonly string[]>(row.endpoints, []),
  homeDerp: Number(row.homeDerp ?? 0),
  hostinfo: parsed(row.hostinfo, NO_FACTS),
  netInfo: parsed<HostFacts | null>(row.netInfo, null),
  routes,
});
