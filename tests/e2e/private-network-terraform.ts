// What Twingate's Terraform provider sends when it applies, refreshes and destroys a network behind connectors: the transcribed
// documents, in the order and with the variables that a recording of `terraform apply -parallelism=1` and `destroy` showed.
import { expect } from 'vitest';
import { documentFor, type Variables } from '../compat/twingate/terraform-document-for.ts';
import { createRest, type Rest } from '../support/rest.ts';
import { LOGIN_SERVER } from '../support/server-host.ts';
import type { PrivateNetworkWorld } from './private-network-world.ts';

/** Page sizes of single reads and of the reads that fill the provider's cache. */
const PAGE = { pageLimit: 50 };
const CACHE_PAGE = { pageLimit: 100 };
const GROUP_PAGES = { ...PAGE, usersEndCursor: null };
const BY_HAND = { mode: 'MANUAL', durationSeconds: null };

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

export interface Described {
  readonly name: string;
  readonly address: string;
  readonly alias?: string;
  readonly port: number;
}

interface Connection<T> {
  readonly edges: readonly { readonly node: T }[];
}

interface Resource {
  readonly id: string;
  readonly name: string;
  readonly address: { readonly value: string };
  readonly protocols: { readonly tcp: { readonly ports: readonly { start: number; end: number }[] } };
  readonly access: Connection<{ readonly id: string }>;
}

interface Refreshed {
  readonly network: unknown;
  readonly connectors: readonly { readonly state: string }[];
  readonly users: readonly unknown[];
  /** Whether each connector's pair of tokens is still the present one. */
  readonly tokens: readonly boolean[];
  readonly groups: readonly { readonly name: string; readonly users: Connection<unknown> }[];
  readonly resources: readonly Resource[];
}

const nodes = <T>({ edges }: Connection<T>): T[] => edges.map(({ node }) => node);

/** One configuration and its state: what was made is known by the name that it was given. */
export function createTerraform({ rest, socketPath }: Pick<PrivateNetworkWorld, 'rest' | 'socketPath'>) {
  const state = new Map<string, string>();
  const tokens = new Map<string, Tokens>();
  const resources = new Map<string, Described>();
  const made = {
    network: '',
    connectors: [] as string[],
    users: [] as string[],
    groups: [] as string[],
  };

  const id = (name: string): string => {
    const found = state.get(name);
    if (found === undefined) throw new Error(`${name} is not in the state`);
    return found;
  };
  const ask = async <T>(operationName: string, variables: Variables): Promise<T> => {
    const query = documentFor(operationName, variables);
    const { data, errors } = (await rest.ask('POST', '/api/graphql/', {
      query,
      variables,
      operationName,
    })) as { readonly data: Readonly<Record<string, T>>; readonly errors?: unknown };
    if (errors !== undefined) throw new Error(`${operationName}: ${JSON.stringify(errors)}`);
    return Object.values(data)[0] as T;
  };
  const change = async <T>(operation: string, variables: Variables): Promise<T> => {
    const answer = await ask<{ readonly ok: boolean; readonly error: string | null } & T>(
      operation,
      variables,
    );
    if (!answer.ok) throw new Error(`${operation}: ${answer.error}`);
    return answer;
  };
  const create = async (name: string, operation: string, variables: Variables): Promise<string> => {
    const { entity } = await change<{ readonly entity: { readonly id: string } }>(operation, variables);
    state.set(name, entity.id);
    return entity.id;
  };
  const remove = async (operation: string, names: readonly string[]): Promise<void> => {
    for (const name of names) {
      await change(operation, { id: id(name) });
      state.delete(name);
    }
  };

  /** What every run begins with. */
  const fillCache = async (): Promise<Pick<Refreshed, 'groups' | 'resources'>> => ({
    resources: nodes(
      await ask<Connection<Resource>>('cache_readFullResources', {
        accessEndCursor: null,
        resourcesEndCursor: null,
        ...CACHE_PAGE,
      }),
    ),
    groups: nodes(
      await ask<Connection<Refreshed['groups'][number]>>('cache_readFullGroups', {
        filter: null,
        groupsEndCursor: null,
        usersEndCursor: null,
        ...CACHE_PAGE,
      }),
    ),
  });
  const areValid = async ({ accessToken, refreshToken }: Tokens): Promise<boolean> => {
    const asConnector: Rest = createRest({ url: LOGIN_SERVER, token: accessToken, socketPath });
    const { status } = await asConnector.send('POST', '/api/v4/connector/validate_tokens', {
      refresh_token: refreshToken,
    });
    return status === 200;
  };
  const each = async <N, T>(names: Iterable<N>, one: (name: N) => Promise<T>): Promise<T[]> => {
    const all: T[] = [];
    for (const name of names) all.push(await one(name));
    return all;
  };
  const readNetwork = (networkId = id(made.network)) => ask('readRemoteNetworkByID', { id: networkId });
  /** What `terraform plan` reads of what is in the state. */
  const refresh = async (): Promise<Refreshed> => ({
    ...(await fillCache()),
    network: await readNetwork(),
    users: await each(made.users, (email) => ask('readUser', { id: id(email) })),
    connectors: await each(made.connectors, (name) => ask('readConnector', { id: id(name) })),
    tokens: await each(tokens.values(), areValid),
  });
  const generateTokens = async (connector: string): Promise<Tokens> => {
    const { connectorTokens } = await change<{ readonly connectorTokens: Tokens }>(
      'generateConnectorTokens',
      { connectorId: id(connector) },
    );
    return connectorTokens;
  };
  const described = ({ name, address, alias, port }: Described) => ({
    accessEndCursor: null,
    accessPolicy: BY_HAND,
    address,
    alias: alias ?? null,
    approvalMode: 'MANUAL',
    isBrowserShortcutEnabled: false,
    isVisible: true,
    name,
    ...PAGE,
    protocols: {
      udp: { ports: [], policy: 'RESTRICTED' },
      tcp: { ports: [{ start: port, end: port }], policy: 'RESTRICTED' },
      allowIcmp: false,
    },
    remoteNetworkId: id(made.network),
    routingMode: 'THROUGH_TWINGATE',
    securityPolicyId: null,
    tags: [],
  });

  return {
    id,
    refresh,
    readNetwork,
    readConnector: (name: string) => ask<{ readonly state: string }>('readConnector', { id: id(name) }),
    accessToken: (connector: string): string => tokens.get(connector)?.accessToken ?? '',

    /** The first `terraform apply`. */
    apply: async (configuration: {
      readonly network: string;
      readonly connectors: readonly string[];
      readonly users: readonly string[];
      readonly group: { readonly name: string; readonly users: readonly string[] };
      readonly resources: readonly Described[];
    }): Promise<void> => {
      const { network, connectors, users, group } = configuration;
      await fillCache();
      for (const email of users) {
        await create(email, 'createUser', { email, firstName: null, lastName: null, role: 'MEMBER' });
        made.users.push(email);
      }
      const plain = { isActive: true, location: 'ON_PREMISE', networkType: 'REGULAR' };
      await create(network, 'createRemoteNetwork', { ...plain, name: network });
      made.network = network;
      await create(group.name, 'createGroup', {
        name: group.name,
        userIds: group.users.map(id),
        ...GROUP_PAGES,
      });
      made.groups.push(group.name);
      for (const connectorName of connectors) {
        const remoteNetworkId = id(network);
        const variables = { connectorName, hasStatusNotificationsEnabled: null, remoteNetworkId };
        await create(connectorName, 'createConnector', variables);
        made.connectors.push(connectorName);
      }
      for (const resource of configuration.resources) {
        await create(resource.name, 'createResource', described(resource));
        resources.set(resource.name, resource);
      }
      for (const connector of connectors) tokens.set(connector, await generateTokens(connector));
    },

    /** An apply that gives a group access to resources; nothing else of them changes, so each is read again. */
    addAccess: async (group: string, ...names: readonly string[]): Promise<void> => {
      await refresh();
      await fillCache();
      for (const name of names) {
        const access = [
          { principalId: id(group), securityPolicyId: null, approvalMode: null, accessPolicy: BY_HAND },
        ];
        await change('updateResourceAccess', { id: id(name), access });
        const read = await ask<Resource>('readResource', { id: id(name), accessEndCursor: null, ...PAGE });
        expect(nodes(read.access)).toMatchObject([{ id: id(group) }]);
      }
    },
    /** An apply that takes the access away, and changes nothing else. */
    removeAccess: async (group: string, name: string): Promise<void> => {
      await refresh();
      await fillCache();
      await change('deleteResourceAccess', { id: id(name), principalIds: [id(group)] });
      const read = await ask<Resource>('readResource', { id: id(name), accessEndCursor: null, ...PAGE });
      expect(nodes(read.access)).toEqual([]);
    },
    /** An apply of a resource with another port. */
    changePort: async (name: string, port: number): Promise<void> => {
      await refresh();
      await fillCache();
      const before = resources.get(name);
      if (before === undefined) throw new Error(`${name} is no resource`);
      const resource = { ...before, port };
      await change('updateResource', { ...described(resource), id: id(name), isActive: true });
      resources.set(name, resource);
    },
    /** An apply of a network with another name. */
    renameNetwork: async (name: string): Promise<void> => {
      await refresh();
      const networkId = id(made.network);
      await change('updateRemoteNetwork', { id: networkId, location: 'ON_PREMISE', name });
      state.delete(made.network);
      state.set(name, networkId);
      made.network = name;
    },
    /** An apply of a connector that tells nobody of its state. */
    silenceConnector: async (connector: string): Promise<void> => {
      await refresh();
      await change('updateConnector', {
        connectorId: id(connector),
        connectorName: connector,
        hasStatusNotificationsEnabled: false,
      });
    },
    /** An apply of a user with a first name. */
    nameUser: async (email: string, firstName: string): Promise<void> => {
      await refresh();
      await change('updateUser', { id: id(email), firstName, lastName: null, state: null });
    },
    /** An apply of a group with other people: those who leave first, then what it is to have. */
    changeMembers: async (
      group: string,
      users: readonly string[],
      leaving: readonly string[] = [],
    ): Promise<void> => {
      await refresh();
      await ask('readGroup', { id: id(group), ...GROUP_PAGES });
      if (leaving.length > 0) {
        const removedUserIds = leaving.map(id);
        await change('updateGroup', { id: id(group), removedUserIds, ...GROUP_PAGES });
      }
      const addedUserIds = users.map(id);
      await change('updateGroup', { id: id(group), name: group, addedUserIds, ...GROUP_PAGES });
    },
    /** `terraform destroy` up to the connectors: resources, then tokens (which are made anew to end the old), groups. */
    destroyConnectors: async (): Promise<void> => {
      await refresh();
      await fillCache();
      await remove('deleteResource', [...resources.keys()]);
      for (const [connector, old] of tokens) {
        await generateTokens(connector);
        expect(await areValid(old)).toBe(false);
      }
      tokens.clear();
      resources.clear();
      for (const group of made.groups) await ask('readGroup', { id: id(group), ...GROUP_PAGES });
      await remove('deleteGroup', made.groups.splice(0));
      await remove('deleteConnector', made.connectors.splice(0));
    },
    /** The rest of `terraform destroy`. */
    destroyNetwork: async (): Promise<void> => {
      await remove('deleteUser', made.users.splice(0));
      await remove('deleteRemoteNetwork', [made.network]);
    },
    fillCache,
  };
}

export type Terraform = ReturnType<typeof createTerraform>;
