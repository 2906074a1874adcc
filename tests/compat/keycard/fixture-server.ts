/**
 * The Keycard API for the test suites of its vendor's SDKs, which check shapes: they name fixed ids, send the same delete
 * twenty times, and expect every call to succeed. So the things that they name are put back before each request, and requests
 * come one after the other. `node tests/compat/keycard/fixture-server.ts [PORT]`; docs of the suites: tests/compat/keycard/README.md
 */
import { pathToFileURL } from 'node:url';
import { createKeycardApi, createKeycardServices } from '../../../src/api/keycard/index.ts';
import type { Row } from '../../../src/domain/model/entities.ts';
import { INSTALLATION, type Tx } from '../../../src/domain/ports/store.ts';
import { DAY } from '../../../src/kernel/clock.ts';
import { sha256Hex } from '../../../src/kernel/hash.ts';
import { type ApiServer, createApiServer } from '../../support/api-server.ts';
import { BY_TEST, STAMP } from '../../support/seeds.ts';
import { signInAs } from './support.ts';

/** What the suites call things. */
const LABEL = 'x';
const ID = 'ab3def8hij2klm9opq5rst7uvw';
const BEARER = 'mock-test-token';
const CLIENT_ID = 'My Client ID';
const CLIENT_SECRET = 'My Client Secret';
const INVITATION_TOKEN = 'token';
const INVITED = 'dev@stainless.com';

const LINK_SECRET = 'x'.repeat(43);

interface Fixture {
  readonly url: string;
  close(): Promise<void>;
}

interface Places {
  readonly org: number;
  readonly elsewhere: number;
  readonly ownerEmail: string;
  /** Enough for everything that is put back. */
  readonly ids: readonly number[];
}

/** Puts everything back as the suites expect to find it. */
async function restore(tx: Tx, { org, elsewhere, ownerEmail, ids }: Places, withSso: boolean): Promise<void> {
  const [account = 0, user = 0, serviceAccount = 0, credential = 0, invited = 0, invitation = 0, sso = 0] =
    ids;
  const [placeholder = 0, guest = 0, guestInvitation = 0, client = 0, heldAccount = 0] = ids.slice(7);
  // The suites give every request one and the same name.
  for (const { ref } of await tx.find('namedRequest', org, {})) await tx.remove('namedRequest', org, { ref });
  for (const one of await tx.find('invitation', org, { openKey: INVITED })) {
    await tx.remove('invitation', org, one.id);
    if (one.membership !== null) await tx.remove('membership', org, one.membership);
  }
  const person = (
    of: number,
    id: number,
    email: string,
    patch: Partial<Row<'membership'>>,
  ): Row<'membership'> => ({
    org: of,
    id,
    nano: `${id}`.padStart(26, 'm'),
    account,
    username: email,
    usernameKey: email,
    email,
    emailKey: email,
    displayName: null,
    givenName: null,
    familyName: null,
    avatarUrl: null,
    role: 'admin',
    createdAt: 1,
    updatedAt: 1,
    joinedAt: null,
    approvedAt: null,
    suspendedAt: null,
    keepClients: false,
    managedBy: 'none',
    externalId: null,
    ...STAMP,
    ...patch,
  });
  const invite = (of: number, id: number, membership: number, email: string): Row<'invitation'> => ({
    org: of,
    id,
    nano: of === org ? ID : `${id}`.padStart(26, 'i'),
    email,
    openKey: email,
    membership,
    role: null,
    groups: [],
    madeBy: 'keycard',
    tokenHash: of === org ? null : sha256Hex(LINK_SECRET),
    epoch: 1,
    tries: 0,
    status: 'pending',
    createdAt: 1,
    expiresAt: tx.now + DAY,
    lastSentAt: null,
    acceptedBy: null,
    ...STAMP,
  });
  for (const [id, claimed] of [
    [account, true],
    [placeholder, false],
    [heldAccount, false],
  ] as const) {
    await tx.put('account', { org: INSTALLATION, id, claimed, createdAt: 1 });
  }
  await tx.put('membership', person(org, user, 'user@x.test', { nano: ID, joinedAt: 1, approvedAt: 1 }));
  await tx.put('membership', person(org, invited, 'invited@x.test', { account: heldAccount }));
  await tx.put('invitation', invite(org, invitation, invited, 'invited@x.test'));
  await tx.put('membership', person(elsewhere, guest, ownerEmail, { account: placeholder }));
  await tx.put('invitation', invite(elsewhere, guestInvitation, guest, ownerEmail));
  await tx.put('serviceAccount', {
    org,
    id: serviceAccount,
    nano: ID,
    name: 'name',
    description: null,
    role: 'org-service',
    system: false,
    createdAt: 1,
    updatedAt: 1,
    ...STAMP,
  });
  const held: Row<'credential'> = {
    org,
    id: credential,
    nano: ID,
    kind: 'sa-credential',
    ownerKind: 'service_account',
    owner: serviceAccount,
    name: 'name',
    description: '',
    publicId: 'fixture',
    secretHash: sha256Hex('fixture'),
    publicKey: null,
    scopes: ['all'],
    tags: [],
    reusable: true,
    ephemeral: false,
    preauthorized: false,
    expirySeconds: null,
    createdAt: 1,
    updatedAt: null,
    expiresAt: null,
    consumedAt: null,
    revokedAt: null,
    generation: 0,
    parent: 0,
    federation: null,
    ...STAMP,
  };
  await tx.put('credential', held);
  await tx.put('credential', {
    ...held,
    id: client,
    nano: `${client}`.padStart(26, 'c'),
    publicId: CLIENT_ID,
    secretHash: sha256Hex(CLIENT_SECRET),
  });
  for (const { id } of await tx.find('ssoConnection', org, {})) {
    if (!withSso || id !== sso) await tx.remove('ssoConnection', org, id);
  }
  if (withSso) {
    await tx.put('ssoConnection', {
      org,
      id: sso,
      nano: ID,
      identifier: 'https://idp.x.test',
      clientId: 'client',
      secretSealed: null,
      protocols: null,
      vouchedRoles: null,
      createdAt: 1,
      updatedAt: 1,
    });
  }
  for (const one of [INSTALLATION, org, elsewhere]) {
    tx.audit(one, { verb: 'update', objectKind: 'test', objectId: 0, objectName: 'fixture' });
  }
}

export async function startFixtureServer(port = 0): Promise<Fixture> {
  let session = '';
  let link = '';
  const api: ApiServer = await createApiServer('sqlite', (parts) => {
    const services = createKeycardServices({ ...parts, onUse: parts.usage.record });
    const real = services.invitationLinks;
    const linkOf = (token: string): string => (token === INVITATION_TOKEN ? link : token);
    return [
      createKeycardApi({
        services: {
          ...services,
          invitationLinks: {
            view: (token) => real.view(linkOf(token)),
            accept: (actor, token, origin) => real.accept(actor, linkOf(token), origin),
          },
        },
        // Whoever comes with a token that the suites know, or were given here, is the organization's owner.
        authenticate: async (token) => {
          if (token !== BEARER) await parts.authenticator.authenticate(token);
          return parts.authenticator.authenticate(session);
        },
        clock: parts.clock,
        publishedKeys: parts.signingKeys.published,
        publicUrl: undefined,
        onError: (error) => console.error(error),
      }),
    ];
  });
  const { store, server } = api;
  const { organization, owner } = await api.createOrganization(LABEL);
  const elsewhere = await api.createOrganization('elsewhere');
  session = await signInAs(api, owner);
  link = `${elsewhere.organization.id}-${LINK_SECRET}`;
  const ids: number[] = [];
  for (let index = 0; index < 12; index += 1) ids.push(await store.newId());
  const parts = {
    org: organization.id,
    elsewhere: elsewhere.organization.id,
    ownerEmail: owner.email ?? '',
    ids,
  };
  const orgs = [INSTALLATION, parts.org, parts.elsewhere];

  let turn: Promise<void> = Promise.resolve();
  const done = new WeakMap<object, () => void>();
  server.addHook('onRequest', async (request) => {
    const before = turn;
    turn = new Promise((resolve) => done.set(request, resolve));
    await before;
    const enables = request.method === 'POST' && request.url.includes('/sso-connection');
    await store.write({ orgs, by: BY_TEST, origin: 'system' }, (tx) => restore(tx, parts, !enables));
  });
  server.addHook('onResponse', async (request) => done.get(request)?.());
  await server.listen({ host: '127.0.0.1', port });
  const address = server.server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return { url: `http://127.0.0.1:${bound}`, close: api.close };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { url, close } = await startFixtureServer(Number(process.argv[2] ?? 0));
  console.log(`listening on ${url}`);
  process.once('SIGTERM', () => void close());
}
