/** Invitations, service accounts, and the keys that join devices. */
import { encodeExternalId } from '../../src/domain/ids/external-id.ts';
import { INVITE, type PersonRef, payload, type Rows, type Thing } from './things.ts';
import { ABSENT, gid, type World } from './world.ts';

const invitationOf = async (world: World, { id }: PersonRef) =>
  (await world.api.store.find('invitation', world.api.organization.id, { membership: id }))[0];

const keycard = async (
  world: World,
  method: string,
  path: string,
  body?: unknown,
): Promise<Record<string, unknown>> => {
  const answer = await world.call(method, `/organizations/acme${path}`, body);
  if (answer.status >= 300) throw new Error(answer.text);
  return answer.text === '' ? {} : answer.json();
};
const keycardList = async (world: World, path: string): Promise<Rows> =>
  (await keycard(world, 'GET', path)).items as Rows;

export const invitation: Thing<PersonRef> = {
  word: 'invitation',
  create: INVITE,
  created: {
    tailscale: { role: 'member' },
    twingate: { state: 'PENDING', role: 'MEMBER' },
    netmaker: { platform_role_id: 'platform-user' },
    keycard: {
      listed: { status: 'pending', role: 'org_member' },
      identity: { type: 'invitation', status: 'pending' },
    },
  },
  steps: [
    {
      name: 'is for another role',
      by: {
        twingate: async (world, { id }) =>
          void (await payload(world, `userRoleUpdate(id: "${gid('User', id)}", role: DEVOPS)`)),
      },
      shows: {
        tailscale: { role: 'network-admin' },
        twingate: { role: 'DEVOPS' },
        netmaker: { platform_role_id: 'platform-user' },
        keycard: { listed: { role: 'org_viewer' } },
      },
    },
  ],
  remove: {
    twingate: async (world, { id }) => void (await payload(world, `userDelete(id: "${gid('User', id)}")`)),
    tailscale: async (world, ref) =>
      void (await world.ask('DELETE', `/api/v2/user-invites/${(await invitationOf(world, ref))?.id}`)),
    keycard: async (world, ref) =>
      void (await keycard(world, 'DELETE', `/invitations/${(await invitationOf(world, ref))?.nano}`)),
    netmaker: async (world, { email }) =>
      void (await world.ask('DELETE', `/api/v1/users/invite?invitee_email=${email}`)),
  },
  read: {
    netmaker: async (world, { email }) => {
      const { Response: invites } = (await world.ask('GET', '/api/v1/users/invites')) as { Response: Rows };
      return invites.find((invite) => invite.email === email) ?? ABSENT;
    },
    tailscale: async (world, { email }) => {
      const invites = (await world.ask('GET', '/api/v2/tailnet/-/user-invites')) as Rows;
      return invites.find((invite) => invite.email === email) ?? ABSENT;
    },
    twingate: async (world, { id }) => {
      const { user } = await world.gql('query($id: ID!) { user(id: $id) { state role } }', {
        id: gid('User', id),
      });
      return user ?? ABSENT;
    },
    keycard: async (world, { email }) => {
      const listed = (await keycardList(world, '/invitations')).find((one) => one.email === email);
      const identity = (await keycardList(world, '/identities')).find((one) => one.email === email);
      return listed === undefined && identity === undefined ? ABSENT : { listed, identity };
    },
  },
};

interface AccountRef {
  readonly id: number;
  readonly nano: string;
}
const accountRow = async (world: World, name: string): Promise<AccountRef> => {
  const rows = await world.api.store.find('serviceAccount', world.api.organization.id, {});
  const row = rows.find((one) => one.name === name);
  if (row === undefined) throw new Error('the service account is not in the store');
  return { id: row.id, nano: row.nano };
};
const accountId = ({ id }: AccountRef): string => gid('ServiceAccount', id);

export const serviceAccount: Thing<AccountRef> = {
  word: 'service account',
  create: {
    twingate: async (world, name) => {
      await payload(world, `serviceAccountCreate(name: "${name}")`);
      return accountRow(world, name);
    },
    keycard: async (world, name) => {
      await keycard(world, 'POST', '/service-accounts', { name });
      return accountRow(world, name);
    },
  },
  created: { twingate: { keys: { totalCount: 0 } }, keycard: {} },
  steps: [
    {
      name: 'is renamed',
      by: {
        twingate: async (world, ref) =>
          void (await payload(world, `serviceAccountUpdate(id: "${accountId(ref)}", name: "renamed")`)),
        keycard: async (world, { nano }) =>
          void (await keycard(world, 'PATCH', `/service-accounts/${nano}`, { name: 'renamed' })),
      },
      shows: { twingate: { name: 'renamed' }, keycard: { name: 'renamed' } },
    },
  ],
  remove: {
    twingate: async (world, ref) =>
      void (await payload(world, `serviceAccountDelete(id: "${accountId(ref)}")`)),
    keycard: async (world, { nano }) => void (await keycard(world, 'DELETE', `/service-accounts/${nano}`)),
  },
  read: {
    twingate: async (world, ref) => {
      const { it } = await world.gql(
        'query($id: ID!) { it: serviceAccount(id: $id) { name keys { totalCount } } }',
        { id: accountId(ref) },
      );
      return it ?? ABSENT;
    },
    keycard: async (world, { nano }) =>
      (await keycardList(world, '/service-accounts')).find(({ id }) => id === nano) ?? ABSENT,
  },
};

interface KeyRef {
  readonly id: string;
  readonly publicId: string;
  readonly token: string;
}

/** A key that joins devices: made for a service account, and seen where keys are seen. */
export const serviceKey: Thing<KeyRef> = {
  word: 'credential',
  create: {
    twingate: async (world, name) => {
      const account = await payload(world, `serviceAccountCreate(name: "${name}")`, 'ok error entity { id }');
      const { it } = await world.gql(
        `mutation { it: serviceAccountKeyCreate(serviceAccountId: "${account.entity.id}", expirationTime: 0) { entity { id } token } }`,
      );
      return { id: it.entity.id, token: it.token, publicId: String(it.token).split('-')[2] ?? '' };
    },
  },
  created: { tailscale: { keyType: 'auth' }, twingate: { status: 'ACTIVE' } },
  steps: [
    {
      name: 'is revoked',
      by: {
        twingate: async (world, { id }) =>
          void (await payload(world, `serviceAccountKeyRevoke(id: "${id}")`)),
        tailscale: async (world, { publicId }) =>
          void (await world.ask('DELETE', `/api/v2/tailnet/-/keys/${publicId}`)),
      },
      shows: { tailscale: { invalid: true }, twingate: { status: 'REVOKED' } },
    },
  ],
  remove: {
    twingate: async (world, { id }) => void (await payload(world, `serviceAccountKeyDelete(id: "${id}")`)),
  },
  read: {
    tailscale: async (world, { publicId }) => {
      const answer = await world.call('GET', `/api/v2/tailnet/-/keys/${publicId}`);
      return answer.status === 404 ? ABSENT : answer.json();
    },
    twingate: async (world, { id }) => {
      const { it } = await world.gql('query($id: ID!) { it: serviceAccountKey(id: $id) { status } }', { id });
      return it ?? ABSENT;
    },
  },
};

/** There is one at most in an organization, and it is in force as long as it is there. */
export const ssoConnection: Thing<object> = {
  word: 'sso connection',
  create: {
    keycard: async (world, name) => {
      await keycard(world, 'POST', '/sso-connection', {
        identifier: `https://${name}.test`,
        client_id: 'app',
        client_secret: 'hush',
      });
      return {};
    },
  },
  created: { keycard: { client_id: 'app', client_secret_set: true, enabled: true } },
  steps: [
    {
      name: 'has another client',
      by: {
        keycard: async (world) =>
          void (await keycard(world, 'PATCH', '/sso-connection', {
            client_id: 'other',
            client_secret: null,
          })),
      },
      shows: { keycard: { client_id: 'other', client_secret_set: false, enabled: true } },
    },
  ],
  remove: { keycard: async (world) => void (await keycard(world, 'DELETE', '/sso-connection')) },
  read: {
    keycard: async (world) => {
      const { sso_enabled: enabled } = await keycard(world, 'GET', '');
      const answer = await world.call('GET', '/organizations/acme/sso-connection');
      if (answer.status === 404 && enabled === false) return ABSENT;
      return { ...answer.json<object>(), enabled };
    },
  },
};

interface TokenRef {
  readonly username: string;
  readonly id: string;
}
const tokensOf = async (world: World, username: string): Promise<Rows> =>
  ((await world.ask('GET', `/api/v1/users/access_token?username=${username}`)) as { Response: Rows })
    .Response;

/** A token that a person gives to a program: it opens every dialect, and ends in any that lists it. */
export const accessToken: Thing<TokenRef> = {
  word: 'credential',
  create: {
    netmaker: async (world, name) => {
      const { member } = await world.member('member', `${name}-token`);
      const username = member.username;
      await world.ask('POST', '/api/v1/users/access_token', { name, user_name: username });
      const [token] = await tokensOf(world, username);
      return { username, id: String(token?.id) };
    },
  },
  created: { tailscale: { keyType: 'api' }, netmaker: { last_used: '0001-01-01T00:00:00Z' } },
  steps: [],
  remove: {
    netmaker: async (world, { id }) =>
      void (await world.ask('DELETE', `/api/v1/users/access_token?id=${id}`)),
    tailscale: async (world, ref) => {
      const key = (await tailscaleKeys(world)).find((one) => one.id === keyId(ref));
      await world.ask('DELETE', `/api/v2/tailnet/-/keys/${String(key?.id)}`);
    },
  },
  read: {
    netmaker: async (world, { username, id }) =>
      (await tokensOf(world, username)).find((token) => token.id === id) ?? ABSENT,
    tailscale: async (world, ref) => {
      const answer = await world.call('GET', `/api/v2/tailnet/-/keys/${keyId(ref)}`);
      // What was revoked is shown as such for a while.
      return answer.status === 404 || answer.json().invalid === true ? ABSENT : answer.json();
    },
  },
};

const tailscaleKeys = async (world: World): Promise<Rows> =>
  ((await world.ask('GET', '/api/v2/tailnet/-/keys?all=true')) as { keys: Rows }).keys;
/** The same integer, as the other dialect spells it. */
const keyId = ({ id }: TokenRef): string =>
  encodeExternalId('credential', Number.parseInt(id.slice(-15).replace('-', ''), 16));

interface UserRef extends PersonRef {
  readonly username: string;
}
const netmakerUser = (world: World, { username }: UserRef, change: object) =>
  world.ask('PUT', `/api/users/${username}`, { username, ...change });

/** Somebody with a password and without an address, who is in from the first moment. */
export const passwordUser: Thing<UserRef> = {
  word: 'person',
  create: {
    netmaker: async (world, name) => {
      const username = `plain.${name}`;
      await world.ask('POST', `/api/users/${username}`, {
        username,
        password: 'a password',
        platform_role_id: 'platform-user',
      });
      const [row] = await world.api.store.find('membership', world.api.organization.id, {
        usernameKey: username,
      });
      if (row === undefined) throw new Error('the user is not in the store');
      return { id: row.id, nano: row.nano, email: '', username };
    },
  },
  created: {
    tailscale: { status: 'active', role: 'member' },
    twingate: { state: 'ACTIVE', role: 'MEMBER', email: null },
    netmaker: { platform_role_id: 'platform-user', display_name: '' },
    keycard: { status: 'active', role: 'org_member' },
  },
  steps: [
    {
      name: 'gets a name, which is never taken apart',
      by: {
        netmaker: async (world, ref) =>
          void (await netmakerUser(world, ref, { display_name: 'Anna van Berg' })),
      },
      shows: {
        tailscale: { displayName: 'Anna van Berg' },
        twingate: { firstName: '', lastName: '' },
        netmaker: { display_name: 'Anna van Berg' },
      },
    },
    {
      name: 'becomes auditor',
      by: {
        netmaker: async (world, ref) =>
          void (await netmakerUser(world, ref, { platform_role_id: 'auditor' })),
        keycard: async (world, { nano }) =>
          void (await keycard(world, 'PATCH', `/users/${nano}`, { role: 'org_viewer' })),
      },
      shows: {
        tailscale: { role: 'auditor' },
        twingate: { role: 'SUPPORT' },
        netmaker: { platform_role_id: 'auditor' },
        keycard: { role: 'org_viewer' },
      },
    },
    {
      name: 'is disabled',
      by: {
        netmaker: async (world, { username }) =>
          void (await world.ask('POST', `/api/users/${username}/disable`)),
      },
      shows: {
        tailscale: { status: 'suspended' },
        twingate: { state: 'DISABLED' },
        netmaker: { account_disabled: true },
        keycard: { status: 'disabled' },
      },
    },
    {
      name: 'is enabled',
      by: {
        netmaker: async (world, { username }) =>
          void (await world.ask('POST', `/api/users/${username}/enable`)),
      },
      shows: {
        tailscale: { status: 'active' },
        twingate: { state: 'ACTIVE' },
        netmaker: { account_disabled: false },
        keycard: { status: 'active' },
      },
    },
  ],
  remove: {
    netmaker: async (world, { username }) => void (await world.ask('DELETE', `/api/users/${username}`)),
  },
  read: {
    // Without an address a login is one that no address can be.
    tailscale: async (world, { username }) => {
      const { users } = (await world.ask('GET', '/api/v2/tailnet/-/users')) as { users: Rows };
      return users.find(({ loginName }) => loginName === `${username}@local`) ?? ABSENT;
    },
    twingate: async (world, { id }) => {
      const { user } = await world.gql(
        'query($id: ID!) { user(id: $id) { firstName lastName email state role } }',
        { id: gid('User', id) },
      );
      return user ?? ABSENT;
    },
    netmaker: async (world, { username }) => {
      const users = (await world.ask('GET', '/api/users')) as Rows;
      return users.find((user) => user.username === username) ?? ABSENT;
    },
    keycard: async (world, { nano }) => {
      const answer = await world.call('GET', `/organizations/acme/users/${nano}`);
      return answer.status === 404 ? ABSENT : answer.json();
    },
  },
};
