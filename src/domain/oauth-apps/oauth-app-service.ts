/** OAuth apps: programs of others that ask people for access in their name. Their secret is shown once. */
import { AppError, invalid, notFound } from '../../kernel/errors.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import { type Random, randomSecret } from '../../kernel/random.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { checkScopes } from '../credentials/key-rules.ts';
import type { Row } from '../model/entities.ts';
import type { AuditOrigin, AuditVerb } from '../model/operations.ts';
import type { Store, Tx } from '../ports/store.ts';

export type OauthApp = Row<'oauthApp'>;

export interface OauthAppSettings {
  readonly name: string;
  readonly description: string;
  readonly redirectUris: readonly string[];
  readonly scopes: readonly string[];
  readonly allowedNodeAttributes: readonly string[];
}

export interface OauthApps {
  /** In order of their ids. */
  list(actor: Actor): Promise<readonly OauthApp[]>;
  /** Errors: `not_found`. */
  get(actor: Actor, id: number): Promise<OauthApp>;
  /** Errors: `invalid`; `forbidden` for scopes that hold more than the actor does. */
  create(
    actor: Actor,
    settings: OauthAppSettings,
    origin: AuditOrigin,
  ): Promise<{ readonly app: OauthApp; readonly secret: string }>;
  /** Everything but the secret. */
  replace(actor: Actor, id: number, settings: OauthAppSettings, origin: AuditOrigin): Promise<OauthApp>;
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
}

const NAME = /^[A-Za-z0-9._-]{3,50}$/u;
const MAX_DESCRIPTION = 300;
const MAX_URIS = 50;
const MAX_URI = 2_000;
const MAX_ATTRIBUTES = 100;
const MAX_APPS = 1_000;
const ATTRIBUTE = /^custom:[A-Za-z0-9_]{1,121}$/u;
const LOCAL_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** https, or plain http to the machine of the person itself, as RFC 8252 has it for programs without a server. */
function checkRedirect(text: string): string {
  const url = text.length <= MAX_URI && URL.canParse(text) ? new URL(text) : undefined;
  const isLocal = url?.protocol === 'http:' && LOCAL_HOSTS.has(url.hostname);
  if (url === undefined || (url.protocol !== 'https:' && !isLocal) || url.hash !== '' || url.username !== '')
    throw invalid('redirectURIs must be https URLs or URLs of localhost, without fragment', 'redirectURIs');
  return text;
}

function check(actor: Actor, settings: OauthAppSettings): OauthAppSettings {
  const { name, description, redirectUris, allowedNodeAttributes } = settings;
  if (!NAME.test(name)) {
    throw invalid('name must have 3 to 50 characters of letters, digits, dot, underscore and hyphen', 'name');
  }
  if (description.length > MAX_DESCRIPTION || /[\p{Cc}]/u.test(description)) {
    throw invalid(
      `description must have at most ${MAX_DESCRIPTION} characters, none of control`,
      'description',
    );
  }
  if (redirectUris.length === 0) throw invalid('redirectURIs cannot be empty', 'redirectURIs');
  if (redirectUris.length > MAX_URIS) {
    throw invalid(`at most ${MAX_URIS} redirectURIs are allowed`, 'redirectURIs');
  }
  if (allowedNodeAttributes.length > MAX_ATTRIBUTES) {
    throw invalid(`at most ${MAX_ATTRIBUTES} allowedNodeAttributes are allowed`, 'allowedNodeAttributes');
  }
  const odd = allowedNodeAttributes.find((attribute) => !ATTRIBUTE.test(attribute));
  if (odd !== undefined) {
    throw invalid('allowedNodeAttributes must have the form custom:<name>', 'allowedNodeAttributes');
  }
  // An app that sets attributes of devices is given what whoever makes it could set.
  if (allowedNodeAttributes.length > 0) authorize(actor, 'attributes:write');
  return {
    name,
    description,
    redirectUris: [...new Set(redirectUris.map(checkRedirect))],
    scopes: checkScopes(actor, settings.scopes),
    allowedNodeAttributes: [...new Set(allowedNodeAttributes)],
  };
}

export function createOauthApps({
  store,
  random,
}: {
  readonly store: Store;
  readonly random: Random;
}): OauthApps {
  const audit = (tx: Tx, app: OauthApp, verb: AuditVerb, before?: OauthAppSettings): void => {
    const shown = (of: OauthAppSettings): OauthAppSettings => ({
      name: of.name,
      description: of.description,
      redirectUris: of.redirectUris,
      scopes: of.scopes,
      allowedNodeAttributes: of.allowedNodeAttributes,
    });
    tx.audit(app.org, {
      verb,
      objectKind: 'oauthApp',
      objectId: app.id,
      objectName: app.name,
      ...(before === undefined ? {} : { before: shown(before) }),
      ...(verb === 'delete' ? {} : { after: shown(app) }),
    });
  };
  const appOf = async (reader: Pick<Store, 'get'>, org: number, id: number): Promise<OauthApp> => {
    const app = await reader.get('oauthApp', org, id);
    if (app === undefined) throw notFound('OAuth app');
    return app;
  };

  return {
    list: async (actor) => {
      authorize(actor, 'oauth-apps:read');
      return store.find('oauthApp', actor.org, {}, MAX_APPS);
    },
    get: async (actor, id) => {
      authorize(actor, 'oauth-apps:read');
      return appOf(store, actor.org, id);
    },
    create: async (actor, settings, origin) => {
      authorize(actor, 'oauth-apps:write');
      const columns = check(actor, settings);
      const secret = `tskey-app-${randomSecret(random)}`;
      const app = await store.write(contextOf(actor, origin, 1), async (tx) => {
        if ((await tx.count('oauthApp', actor.org)) >= MAX_APPS) {
          throw new AppError('too_large', `an organization has at most ${MAX_APPS} OAuth apps`);
        }
        const made = await tx.insert('oauthApp', {
          org: actor.org,
          id: tx.newId(),
          ...columns,
          secretHash: sha256Hex(secret),
          createdAt: tx.now,
          updatedAt: tx.now,
        });
        audit(tx, made, 'create');
        return made;
      });
      return { app, secret };
    },
    replace: async (actor, id, settings, origin) => {
      authorize(actor, 'oauth-apps:write');
      const columns = check(actor, settings);
      return store.write(contextOf(actor, origin), async (tx) => {
        const before = await appOf(tx, actor.org, id);
        const after = await tx.update('oauthApp', actor.org, id, { ...columns, updatedAt: tx.now });
        audit(tx, after, 'update', before);
        return after;
      });
    },
    remove: async (actor, id, origin) => {
      authorize(actor, 'oauth-apps:write');
      await store.write(contextOf(actor, origin), async (tx) => {
        const app = await appOf(tx, actor.org, id);
        await tx.remove('oauthApp', actor.org, id);
        audit(tx, app, 'delete', app);
      });
    },
  };
}
