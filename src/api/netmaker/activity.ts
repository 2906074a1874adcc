/** Audit events as activity: a total map, so that none is left out. */
import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../domain/access/actor.ts';
import type { AuditEvent, AuditOrigin, AuditVerb } from '../../domain/model/operations.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { queryText } from '../shared/parameters.ts';
import { DASHBOARD } from './authentication.ts';
import { envelope, NetmakerError } from './envelope.ts';
import type { NetmakerApiParts } from './parts.ts';
import { pageOf } from './users-v2.ts';
import { timeText } from './wire.ts';

const ACTIONS: Readonly<Record<AuditVerb, string>> = {
  create: 'CREATE',
  update: 'UPDATE',
  delete: 'DELETE',
  revoke: 'DELETE',
  approve: 'CREATE',
  suspend: 'UPDATE',
  restore: 'UPDATE',
  enable: 'UPDATE',
  disable: 'UPDATE',
  accept: 'CREATE',
  expire: 'DELETE',
  login: 'LOGIN',
  logout: 'LOGOUT',
  join: 'CREATE',
  resend: 'UPDATE',
  verify: 'UPDATE',
  consume: 'UPDATE',
};

const ORIGINS: Readonly<Record<AuditOrigin, string>> = {
  'tailscale-api': 'API',
  'twingate-api': 'API',
  'netmaker-api': 'API',
  'keycard-api': 'API',
  'native-api': 'DASHBOARD',
  control: 'CLIENT-APP',
  cli: 'NMCTL',
  system: 'API',
};

/** Kinds with a type of their own; all others are things of the network. */
const TYPES: Readonly<Record<string, string>> = {
  membership: 'USER',
  account: 'USER',
  identity: 'USER',
  session: 'USER',
  credential: 'USER_ACCESS_TOKEN',
  networkRole: 'USER_ROLE',
  group: 'USER_GROUP',
  invitation: 'USER_INVITE',
  device: 'DEVICE',
  gateway: 'GATEWAY',
  setting: 'SETTING',
  policyVersion: 'ACL',
  resource: 'EGRESS',
  dnsConfig: 'NAMESERVER',
  extClient: 'CLIENT-APP',
};

const SIGN_INS: ReadonlySet<AuditVerb> = new Set(['login', 'logout']);

function actionOf({ verb, objectKind, field, after }: AuditEvent): string {
  if (objectKind === 'identity' && verb !== 'verify') return verb === 'delete' ? 'DISABLE_MFA' : 'ENABLE_MFA';
  if (field === 'secondFactor' && after === 'null') return 'DISABLE_MFA';
  return ACTIONS[verb];
}

function typeOf({ verb, objectKind, details }: AuditEvent): string {
  if (SIGN_INS.has(verb)) return details === DASHBOARD ? 'DASHBOARD' : 'CLIENT-APP';
  if (details === 'pending') return 'PENDING_USER';
  return TYPES[objectKind] ?? 'NETWORK';
}

const subject = (id: string, name: string, type: string) => ({ id, name, subject_type: type, info: null });
const read = (text: string | null): unknown => (text === null ? null : JSON.parse(text));

const toActivity = (event: AuditEvent, network: string) => ({
  // The chain's own hash: nobody else's event has it.
  id: event.hash.slice(0, 32),
  action: actionOf(event),
  source: subject(event.byName, event.byName, event.byKind === 'device' ? 'DEVICE' : 'USER'),
  origin: ORIGINS[event.origin],
  target: subject(event.objectId, event.objectName, typeOf(event)),
  network_id: network,
  triggered_by: event.byName,
  diff: { Old: read(event.before), New: read(event.after) },
  time_stamp: timeText(event.at),
});

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/iu;

/** Both or neither, as the original takes them. */
function rangeOf(request: FastifyRequest): { readonly from?: number; readonly to?: number } {
  const [from = '', to = ''] = [queryText(request, 'from_date'), queryText(request, 'to_date')];
  if (from === '' || to === '') return {};
  for (const [name, text] of [
    ['from_date', from],
    ['to_date', to],
  ] as const) {
    if (!RFC_3339.test(text) || Number.isNaN(Date.parse(text))) {
      throw new NetmakerError(400, `${name}: expected a time in RFC 3339`);
    }
  }
  return { from: Date.parse(from), to: Date.parse(to) };
}

export const activityOperations = ({ services }: NetmakerApiParts): Operation[] => {
  const { auditLog, people, networkReads } = services;
  const list = async (
    actor: Actor,
    request: FastifyRequest,
    query: { readonly membership?: number; readonly network?: string },
  ) => {
    const page = pageOf(request);
    const { offset, perPage: limit } = page;
    const found = await auditLog.page(actor, { ...rangeOf(request), ...query, offset, limit });
    const somewhere = found.some(({ network }) => network !== null);
    const networks = somewhere ? await networkReads.list(actor) : [];
    const slugs = new Map(networks.map(({ id, slug }) => [id, slug]));
    return found.map((event) => toActivity(event, slugs.get(event.network ?? 0) ?? ''));
  };
  const named = async (actor: Actor, username: string) => (await people.byUsername(actor, username)).id;
  return [
    {
      id: 'netmaker.activity.user',
      method: 'GET',
      path: '/api/v1/user/activity',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const username = queryText(request, 'username');
        if (username === '') throw new NetmakerError(400, 'username param is missing');
        const membership = await named(actor, username).catch((error: unknown) => {
          const denied = error instanceof AppError && error.code === 'forbidden';
          throw denied
            ? new NetmakerError(403, "you are not authorized to view this user's activity")
            : error;
        });
        return envelope(
          `successfully fetched user activity ${username}`,
          await list(actor, request, { membership }),
        );
      },
    },
    {
      id: 'netmaker.activity.network',
      method: 'GET',
      path: '/api/v1/network/activity',
      requires: 'audit:read',
      handle: async ({ actor, request }) => {
        const network = queryText(request, 'network_id');
        if (network === '') throw new NetmakerError(400, 'network_id param is missing');
        return envelope('successfully fetched network activity', await list(actor, request, { network }));
      },
    },
    {
      id: 'netmaker.activity.all',
      method: 'GET',
      path: '/api/v1/activity',
      requires: 'audit:read',
      handle: async ({ actor, request }) => {
        const username = queryText(request, 'username');
        const network = queryText(request, 'network_id');
        return envelope(
          'successfully fetched all activity',
          await list(actor, request, {
            ...(username === '' ? {} : { membership: await named(actor, username) }),
            ...(network === '' ? {} : { network }),
          }),
        );
      },
    },
  ];
};
