/** Filter arguments as conditions. Members that are absent or null constrain nothing. */
import type { EntityKind, Row } from '../../domain/model/entities.ts';
import { type Condition, exists } from '../../domain/ports/store.ts';
import { invalid } from '../../kernel/errors.ts';
import { createPattern } from '../../kernel/pattern.ts';
import { decodeGlobalId } from './global-id.ts';
import { GROUP_KINDS, rolesNamed } from './projections.ts';

type Members = Readonly<Record<string, unknown>>;

/** The store composes at most 400 conditions in one question. */
const MAX_LIST = 300;

const membersOf = (value: unknown): Members =>
  typeof value === 'object' && value !== null ? (value as Members) : {};
const given = (value: unknown): boolean => value !== undefined && value !== null;

function listOf(value: unknown, name: string): readonly unknown[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  if (list.length > MAX_LIST) throw invalid(`filter '${name}' lists more than ${MAX_LIST} values`, name);
  return list;
}

const all = <K extends EntityKind>(parts: readonly Condition<K>[]): Condition<K> => ({ allOf: parts });

const TEXT_OPERATORS = {
  eq: '=',
  ne: '!=',
  startsWith: 'starts-with-exact',
  endsWith: 'ends-with-exact',
  contains: 'contains-exact',
  regexp: 'matches',
} as const;

/** A StringFilterOperatorInput on a column of text; a missing value reads as ''. */
function textFilter<K extends EntityKind>(column: keyof Row<K> & string, value: unknown): Condition<K>[] {
  const members = membersOf(value);
  const conditions: Condition<K>[] = Object.entries(TEXT_OPERATORS)
    .filter(([name]) => given(members[name]))
    .map(([name, operator]) => {
      const text = String(members[name]);
      if (name === 'regexp') createPattern(text);
      return { column, operator, value: text, emptyForNull: true };
    });
  if (given(members.in)) {
    const list = listOf(members.in, 'in').map(String);
    conditions.push({ column, operator: 'in', value: list, emptyForNull: true });
  }
  return conditions;
}

const booleanFilter = <K extends EntityKind>(
  value: unknown,
  when: { readonly yes: Condition<K>; readonly no?: Condition<K> },
): Condition<K>[] => {
  const { eq } = membersOf(value);
  if (!given(eq)) return [];
  return [eq === true ? when.yes : (when.no ?? { not: when.yes })];
};

/** A filter of the form `{ in: [...] }`, or none. */
const inList = (value: unknown): readonly unknown[] | undefined => {
  const members = membersOf(value);
  return given(members.in) ? listOf(members.in, 'in') : undefined;
};

export function userFilter(value: unknown): Condition<'membership'> {
  const filter = membersOf(value);
  const roles = inList(filter.role);
  const types = inList(filter.type);
  return all<'membership'>([
    ...textFilter<'membership'>('email', filter.email),
    ...textFilter<'membership'>('givenName', filter.firstName),
    ...textFilter<'membership'>('familyName', filter.lastName),
    ...(roles === undefined ? [] : [{ column: 'role', operator: 'in', value: rolesNamed(roles) } as const]),
    ...(types === undefined
      ? []
      : [
          {
            column: 'managedBy',
            operator: 'in',
            value: types.map((type) => (type === 'SYNCED' ? 'directory' : 'none')),
          } as const,
        ]),
  ]);
}

export function groupFilter(value: unknown): Condition<'group'> {
  const filter = membersOf(value);
  const types = inList(filter.type);
  return all<'group'>([
    ...textFilter<'group'>('name', filter.name),
    ...textFilter<'group'>('originId', filter.originId),
    ...booleanFilter<'group'>(filter.isActive, { yes: { column: 'active', operator: '=', value: true } }),
    ...(types === undefined
      ? []
      : [
          {
            column: 'kind',
            operator: 'in',
            value: types.map((type) => GROUP_KINDS[String(type)] ?? ''),
          } as const,
        ]),
  ]);
}

export const networkFilter = (value: unknown): Condition<'network'> =>
  all(textFilter<'network'>('name', membersOf(value).name));

export const serviceAccountFilter = (value: unknown): Condition<'serviceAccount'> =>
  all(textFilter<'serviceAccount'>('name', membersOf(value).name));

export function securityPolicyFilter(value: unknown): Condition<'securityPolicy'> {
  const filter = membersOf(value);
  const types = inList(filter.policyType);
  return all<'securityPolicy'>([
    ...textFilter<'securityPolicy'>('name', filter.name),
    ...(types === undefined
      ? []
      : [
          {
            column: 'type',
            operator: 'in',
            value: types.map((type) => (type === 'DEFAULT_RESOURCE' ? 'default' : 'resource')),
          } as const,
        ]),
  ]);
}

const BOUND: Condition<'gateway'> = {
  allOf: [
    { column: 'device', operator: 'not-null' },
    { column: 'boundGeneration', operator: 'same-as', value: 'tokenGeneration' },
  ],
};
const seen = (online: boolean): Condition<'gateway'> =>
  exists<'gateway', 'presence'>(
    'presence',
    { device: 'device' },
    { column: 'online', operator: '=', value: online },
  );

/** The same rules as `connectorState`. */
const CONNECTOR_STATES: Readonly<Record<string, Condition<'gateway'>>> = {
  ALIVE: { allOf: [BOUND, seen(true)] },
  DEAD_HEARTBEAT_TOO_OLD: { allOf: [BOUND, seen(false)] },
  DEAD_NO_HEARTBEAT: { not: { allOf: [BOUND, exists('presence', { device: 'device' })] } },
};

export function connectorFilter(value: unknown): Condition<'gateway'> {
  const filter = membersOf(value);
  const states = inList(filter.state);
  return all<'gateway'>([
    ...textFilter<'gateway'>('name', filter.name),
    ...(states === undefined
      ? []
      : [{ anyOf: states.flatMap((state) => CONNECTOR_STATES[String(state)] ?? []) }]),
  ]);
}

const BLOCKED: Condition<'device'> = { column: 'blockedAt', operator: 'not-null' };
const ARCHIVED: Condition<'device'> = {
  allOf: [{ not: BLOCKED }, { column: 'archivedAt', operator: 'not-null' }],
};
const DEVICE_STATES: Readonly<Record<string, Condition<'device'>>> = {
  BLOCKED,
  ARCHIVED,
  ACTIVE: { allOf: [{ not: BLOCKED }, { column: 'archivedAt', operator: 'is-null' }] },
};

/** Trusted by hand, or by a serial number of the organization's list. */
const TRUSTED: Condition<'device'> = {
  anyOf: [
    { column: 'trustedAt', operator: 'not-null' },
    exists<'device', 'serialNumber'>('serialNumber', {}, undefined, { listedIn: { serial: 'serials' } }),
  ],
};

/** Devices that people own: the others are no devices in this dialect. */
export const OWNED_DEVICE: Condition<'device'> = {
  column: 'ownerKind',
  operator: '=',
  value: 'membership',
};

/** Serial numbers are a list of the device, of which the first is shown: filters look at all of them. */
function serialFilter(value: unknown): Condition<'device'>[] {
  const members = membersOf(value);
  if (given(members.regexp)) throw invalid("filter 'serialNumber' has no 'regexp'", 'serialNumber');
  const holds = (operator: 'holds' | 'holds-start' | 'holds-end' | 'holds-part', text: unknown) =>
    ({ column: 'serials', operator, value: String(text) }) as const;
  const conditions: Condition<'device'>[] = [];
  if (given(members.eq)) conditions.push(holds('holds', members.eq));
  if (given(members.ne)) conditions.push({ not: holds('holds', members.ne) });
  if (given(members.startsWith)) conditions.push(holds('holds-start', members.startsWith));
  if (given(members.endsWith)) conditions.push(holds('holds-end', members.endsWith));
  if (given(members.contains)) conditions.push(holds('holds-part', members.contains));
  if (given(members.in)) {
    conditions.push({ anyOf: listOf(members.in, 'in').map((text) => holds('holds', text)) });
  }
  return conditions;
}

export function deviceFilter(value: unknown): Condition<'device'> {
  const filter = membersOf(value);
  const states = inList(filter.activeState);
  return all<'device'>([
    OWNED_DEVICE,
    ...(states === undefined
      ? []
      : [{ anyOf: states.flatMap((state) => DEVICE_STATES[String(state)] ?? []) }]),
    ...booleanFilter<'device'>(filter.isTrusted, { yes: TRUSTED }),
    ...serialFilter(filter.serialNumber),
  ]);
}

function tagsFilter(value: unknown): Condition<'resource'>[] {
  const { and } = membersOf(value);
  if (!given(and)) return [];
  return listOf(and, 'tags').map((one) => {
    const tag = membersOf(one);
    return exists<'resource', 'resourceLabel'>(
      'resourceLabel',
      { resource: 'id' },
      all<'resourceLabel'>([
        { column: 'key', operator: '=', value: String(tag.key) },
        ...textFilter<'resourceLabel'>('value', tag.value),
      ]),
    );
  });
}

function networkIdFilter(value: unknown): Condition<'resource'>[] {
  const members = membersOf(value);
  const conditions: Condition<'resource'>[] = [];
  // What is no id of a network is the id of none.
  const idOf = (text: unknown): number => decodeGlobalId('RemoteNetwork', text) ?? 0;
  if (given(members.eq)) conditions.push({ column: 'network', operator: '=', value: idOf(members.eq) });
  if (given(members.in)) {
    conditions.push({ column: 'network', operator: 'in', value: listOf(members.in, 'in').map(idOf) });
  }
  return conditions;
}

export function resourceFilter(value: unknown): Condition<'resource'> {
  const filter = membersOf(value);
  return all<'resource'>([
    ...textFilter<'resource'>('name', filter.name),
    ...tagsFilter(filter.tags),
    ...networkIdFilter(filter.remoteNetworkId),
  ]);
}

export function accessFilter(value: unknown, now: number): Condition<'accessEdge'> {
  const types = inList(membersOf(value).principalType);
  return all<'accessEdge'>([
    liveEdge(now),
    ...(types === undefined
      ? []
      : [
          {
            column: 'principalKind',
            operator: 'in',
            value: types.map((type) => (type === 'GROUP' ? 'group' : 'service_account')),
          } as const,
        ]),
  ]);
}

/** Edges that have not run out. */
export const liveEdge = (now: number): Condition<'accessEdge'> => ({
  anyOf: [
    { column: 'expiresAt', operator: 'is-null' },
    { column: 'expiresAt', operator: '>', value: now },
  ],
});

export function serialNumberFilter(value: unknown): Condition<'serialNumber'> {
  const filter = membersOf(value);
  return all<'serialNumber'>([
    ...textFilter<'serialNumber'>('serial', filter.serialNumber),
    ...booleanFilter<'serialNumber'>(filter.hasMatchedDevices, {
      yes: exists<'serialNumber', 'device'>('device', {}, OWNED_DEVICE, { lists: { serials: 'serial' } }),
    }),
  ]);
}

export function accessRequestFilter(value: unknown): Condition<'accessRequest'> {
  const filter = membersOf(value);
  const resources = inList(filter.resourceId);
  const users = inList(filter.userId);
  const ids = (list: readonly unknown[], type: 'Resource' | 'User'): number[] =>
    list.map((text) => decodeGlobalId(type, text) ?? 0);
  return all<'accessRequest'>([
    ...(resources === undefined
      ? []
      : [{ column: 'resource', operator: 'in', value: ids(resources, 'Resource') } as const]),
    ...(users === undefined
      ? []
      : [{ column: 'membership', operator: 'in', value: ids(users, 'User') } as const]),
  ]);
}
