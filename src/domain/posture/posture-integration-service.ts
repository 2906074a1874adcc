/** Connections to products that know more of a device than its client does. One a product; their secrets are sealed. */
import { AppError, invalid, notFound } from '../../kernel/errors.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { Row } from '../model/entities.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { SealedPlace, Sealer } from '../ports/sealer.ts';
import type { Store, Tx } from '../ports/store.ts';

export type PostureIntegration = Row<'postureIntegration'>;

export interface IntegrationSettings {
  readonly cloudId: string;
  readonly clientId: string;
  readonly tenantId: string;
  readonly clientSecret: string;
}

export interface PostureIntegrations {
  list(actor: Actor): Promise<readonly PostureIntegration[]>;
  get(actor: Actor, id: number): Promise<PostureIntegration>;
  /** Errors: `invalid`; `conflict` when the product is connected already. */
  create(
    actor: Actor,
    provider: string,
    settings: IntegrationSettings,
    origin: AuditOrigin,
  ): Promise<PostureIntegration>;
  /** What is not given stays as it is. */
  update(
    actor: Actor,
    id: number,
    settings: Partial<IntegrationSettings>,
    origin: AuditOrigin,
  ): Promise<PostureIntegration>;
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
}

/** The clouds of the products that have a fixed list of them; others name a host, or nothing. */
const CLOUDS: Readonly<Record<string, readonly string[] | undefined>> = {
  falcon: ['us-1', 'us-2', 'eu-1', 'us-gov'],
  fleet: undefined,
  huntress: undefined,
  intune: ['global', 'us-gov'],
  jamfpro: undefined,
  kandji: undefined,
  kolide: undefined,
  sentinelone: undefined,
};
/** Products whose cloud is the customer's own host there. */
const HOSTED: ReadonlySet<string> = new Set(['jamfpro', 'kandji', 'sentinelone']);
const HOST =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/iu;
const MAX_TEXT = 500;
const MAX_SECRET = 10_000;

const integrationSecretPlace = (integration: Pick<PostureIntegration, 'org' | 'id'>): SealedPlace => ({
  kind: 'postureIntegration',
  org: integration.org,
  key: integration.id,
  column: 'secretSealed',
});

function check(provider: string, settings: Partial<IntegrationSettings>): void {
  for (const field of ['cloudId', 'clientId', 'tenantId'] as const) {
    if ((settings[field]?.length ?? 0) > MAX_TEXT) {
      throw invalid(`${field}: at most ${MAX_TEXT} characters are allowed`, field);
    }
  }
  if ((settings.clientSecret?.length ?? 0) > MAX_SECRET) {
    throw invalid(`clientSecret: at most ${MAX_SECRET} characters are allowed`, 'clientSecret');
  }
  const clouds = CLOUDS[provider];
  if (
    settings.cloudId !== undefined &&
    settings.cloudId !== '' &&
    clouds?.includes(settings.cloudId) === false
  ) {
    throw invalid(`cloudId must be one of ${clouds.join(', ')} for ${provider}`, 'cloudId');
  }
  if (HOSTED.has(provider) && (settings.cloudId ?? '') !== '' && !HOST.test(settings.cloudId ?? '')) {
    throw invalid(`cloudId must be a host name such as mydomain.example.net for ${provider}`, 'cloudId');
  }
}

/** What the audit log shows of an integration: all but its secret. */
const shown = ({ provider, cloudId, clientId, tenantId }: PostureIntegration): object => ({
  provider,
  cloudId,
  clientId,
  tenantId,
});

export interface PostureIntegrationParts {
  readonly store: Store;
  readonly sealer: Sealer;
}

export function createPostureIntegrations({ store, sealer }: PostureIntegrationParts): PostureIntegrations {
  const change = <T>(
    actor: Actor,
    id: number,
    origin: AuditOrigin,
    work: (tx: Tx, integration: PostureIntegration) => Promise<T>,
  ): Promise<T> => {
    authorize(actor, 'posture-integrations:write');
    return store.write(contextOf(actor, origin), async (tx) => {
      const found = await tx.get('postureIntegration', actor.org, id);
      if (found === undefined) throw notFound('posture integration');
      return work(tx, found);
    });
  };
  const audit = (
    tx: Tx,
    { org, id, provider }: PostureIntegration,
    verb: 'create' | 'update' | 'delete',
    change: {
      readonly before?: PostureIntegration;
      readonly after?: PostureIntegration;
      readonly details?: string;
    },
  ): void =>
    tx.audit(org, {
      verb,
      objectKind: 'postureIntegration',
      objectId: id,
      objectName: provider,
      ...change,
      ...(change.before === undefined ? {} : { before: shown(change.before) }),
      ...(change.after === undefined ? {} : { after: shown(change.after) }),
    });

  return {
    list: (actor) => {
      authorize(actor, 'posture-integrations:read');
      return store.find('postureIntegration', actor.org, {});
    },
    get: async (actor, id) => {
      authorize(actor, 'posture-integrations:read');
      const found = await store.get('postureIntegration', actor.org, id);
      if (found === undefined) throw notFound('posture integration');
      return found;
    },
    create: (actor, provider, settings, origin) => {
      authorize(actor, 'posture-integrations:write');
      if (!Object.hasOwn(CLOUDS, provider)) {
        throw invalid(`provider must be one of ${Object.keys(CLOUDS).join(', ')}`, 'provider');
      }
      if (settings.clientSecret === '') throw invalid('clientSecret: is required', 'clientSecret');
      check(provider, settings);
      return store.write(contextOf(actor, origin), async (tx) => {
        if ((await tx.find('postureIntegration', actor.org, { provider })).length > 0) {
          throw new AppError('conflict', `an integration with ${provider} exists already`);
        }
        const id = tx.newId();
        const { clientSecret, ...columns } = settings;
        const made = await tx.insert('postureIntegration', {
          org: actor.org,
          id,
          provider,
          ...columns,
          secretSealed: sealer.seal(clientSecret, integrationSecretPlace({ org: actor.org, id })),
          configUpdated: tx.now,
          status: null,
          ...byColumnsOf(actor),
        });
        audit(tx, made, 'create', { after: made });
        return made;
      });
    },
    update: (actor, id, settings, origin) =>
      change(actor, id, origin, async (tx, before) => {
        check(before.provider, settings);
        const { clientSecret, ...columns } = settings;
        const isNewSecret = clientSecret !== undefined && clientSecret !== '';
        const after = await tx.update('postureIntegration', actor.org, id, {
          ...columns,
          ...(isNewSecret ? { secretSealed: sealer.seal(clientSecret, integrationSecretPlace(before)) } : {}),
          configUpdated: tx.now,
        });
        audit(tx, after, 'update', {
          before,
          after,
          ...(isNewSecret ? { details: 'new client secret' } : {}),
        });
        return after;
      }),
    remove: (actor, id, origin) =>
      change(actor, id, origin, async (tx, integration) => {
        await tx.remove('postureIntegration', actor.org, id);
        audit(tx, integration, 'delete', { before: integration });
      }),
  };
}
