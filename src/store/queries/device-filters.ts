/** Conditions of a device list as SQL over the tables that `devices.ts` joins (d, m, p, l). */
import type { DeviceFilter } from '../../domain/ports/queries.ts';
import { SECOND } from '../../kernel/clock.ts';
import type { StoredValue } from '../rows.ts';

type Mark = (value: StoredValue) => string;

const not = (wanted: boolean, condition: string): string => (wanted ? condition : `NOT (${condition})`);

const within = (column: string, second: number, mark: Mark): string =>
  `${column} >= ${mark(second * SECOND)} AND ${column} < ${mark((second + 1) * SECOND)}`;

const hasRow = (table: string, holder: string, condition: string): string =>
  `EXISTS (SELECT 1 FROM "${table}" x WHERE x."org" = d."org" AND ${holder} AND ${condition})`;

/** `alive` is the condition for a presence whose process holds a live lease. */
export function deviceCondition(filter: DeviceFilter, mark: Mark, alive: (mark: Mark) => string): string {
  switch (filter.on) {
    case 'id':
      return `d."id" = ${mark(filter.value)}`;
    case 'ids':
      return filter.value.length === 0 ? '1 = 0' : `d."id" IN (${filter.value.map(mark).join(', ')})`;
    case 'owner':
      return `d."ownerKind" = 'membership' AND d."owner" = ${mark(filter.value)}`;
    case 'label':
    case 'os':
    case 'clientVersion':
    case 'machineKey':
    case 'nodeKey':
      return `d."${filter.on}" = ${mark(filter.value)}`;
    case 'hostname':
      return `d."osHostname" = ${mark(filter.value)}`;
    case 'login':
      return filter.value === ''
        ? 'm."id" IS NULL'
        : `(m."email" = ${mark(filter.value)} OR (m."email" IS NULL AND m."username" || '@local' = ${mark(filter.value)}))`;
    case 'tag':
      return hasRow('deviceTag', 'x."device" = d."id"', `x."tag" = ${mark(filter.value)}`);
    case 'address':
      return hasRow(
        'address',
        `x."holderKind" = 'device' AND x."holder" = d."id"`,
        `x."ip" = ${mark(filter.value)}`,
      );
    case 'enabledRoute':
      return hasRow(
        'route',
        'x."device" = d."id"',
        `x."prefix" = ${mark(filter.value)} AND (x."manualAt" IS NOT NULL OR x."auto" = 1)`,
      );
    case 'advertisedRoute':
      return hasRow(
        'route',
        'x."device" = d."id"',
        `x."prefix" = ${mark(filter.value)} AND x."advertised" = 1`,
      );
    case 'createdSecond':
      return within('d."createdAt"', filter.value, mark);
    case 'lastSeenSecond':
      return `${within('p."lastSeen"', filter.value, mark)} AND NOT (${alive(mark)})`;
    case 'expiresSecond':
      return filter.value === null
        ? 'd."keyExpiresAt" IS NULL'
        : within('d."keyExpiresAt"', filter.value, mark);
    case 'authorized':
      return not(filter.value, 'd."authorizedAt" IS NOT NULL AND d."blockedAt" IS NULL');
    case 'expiryDisabled':
      return `d."expiryDisabled" = ${mark(filter.value ? 1 : 0)}`;
    case 'ephemeral':
      return `d."ephemeral" = ${mark(filter.value ? 1 : 0)}`;
    case 'online':
      return not(filter.value, alive(mark));
    case 'blocksIncoming':
      return not(filter.value, 'COALESCE(l."shieldsUp", 0) = 1');
    case 'ssh':
      // Host facts are compact JSON, in which a quote inside a text is escaped: this cannot match inside one.
      return not(filter.value, `COALESCE(l."hostinfo", '') LIKE '%"sshHostKeys":["%'`);
  }
}
