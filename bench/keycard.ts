/**
 * What tokens and long lists cost, on the embedded database: `node bench/keycard.ts`. CPU time of the whole process, the
 * caller's side of a request (light-my-request, no socket) included, since the machine may be busy with other things; pages of
 * lists in wall time as well, since that is what their limit is about.
 */
import { createKeycardApi, createKeycardServices } from '../src/api/keycard/index.ts';
import { createTailscaleApi } from '../src/api/tailscale/index.ts';
import { createAuthenticator } from '../src/auth/authenticator.ts';
import { createToken } from '../src/domain/credentials/token.ts';
import { sha256Hex } from '../src/kernel/hash.ts';
import { tailscaleParts } from '../tests/compat/tailscale/support.ts';
import { type ApiServer, createApiServer } from '../tests/support/api-server.ts';
import { insertMember, insertServiceAccount, seed } from '../tests/support/seeds.ts';

const USERS = 10_000;
const ORG = '/organizations/acme';
const SECRET = 's'.repeat(64);

/** CPU microseconds of each call of `work`. */
async function cpuOf(calls: number, work: (index: number) => unknown): Promise<number> {
  for (let index = 0; index < Math.min(calls, 300); index += 1) await work(index);
  const before = process.cpuUsage();
  for (let index = 0; index < calls; index += 1) await work(index);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

async function createCredential(api: ApiServer, kind: 'sa-credential' | 'oauth-client') {
  const org = api.organization.id;
  return seed(api.store, org, async (tx) => {
    const account = await insertServiceAccount(tx, org, { name: 'bench', role: 'org-service' });
    const id = tx.newId();
    const made = createToken(api.random, kind, id);
    await tx.insert('credential', {
      org,
      id,
      nano: kind === 'sa-credential' ? `${id}`.padStart(26, 'b') : null,
      kind,
      ownerKind: kind === 'sa-credential' ? 'service_account' : 'organization',
      owner: kind === 'sa-credential' ? account.id : org,
      name: 'bench',
      description: 'bench',
      publicId: made.publicId,
      secretHash: kind === 'sa-credential' ? sha256Hex(SECRET) : made.secretHash,
      publicKey: null,
      scopes: ['all'],
      tags: [],
      reusable: true,
      ephemeral: false,
      preauthorized: false,
      expirySeconds: null,
      createdAt: tx.now,
      updatedAt: null,
      expiresAt: null,
      consumedAt: null,
      revokedAt: null,
      generation: 0,
      parent: 0,
      federation: null,
      byKind: 'system',
      byId: '',
      byName: 'bench',
    });
    return { publicId: made.publicId, token: made.token };
  });
}

const api = await createApiServer('sqlite', (parts) => [
  createKeycardApi({
    services: createKeycardServices({ ...parts, onUse: parts.usage.record }),
    authenticate: parts.authenticator.authenticate,
    clock: parts.clock,
    publishedKeys: parts.signingKeys.published,
    publicUrl: 'http://holdfast.test',
  }),
  createTailscaleApi(tailscaleParts(parts)),
]);
const org = api.organization.id;
const line = (what: string, value: string): void => console.log(`${what.padEnd(58)} ${value}`);
const micros = (value: number): string =>
  `${value.toFixed(1)} µs of CPU (${Math.round(1e6 / value)} a second and core)`;

// The check of a token.
const { authenticate } = api.authenticator;
const client = await createCredential(api, 'sa-credential');
const form = (body: string, url: string) =>
  api.server.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: body,
  });
const signIn = () =>
  form(
    `grant_type=client_credentials&client_id=${client.publicId}&client_secret=${SECRET}`,
    '/service-account-token',
  );
const signed = JSON.parse((await signIn()).body).access_token as string;
line('check of a stored token that is known', micros(await cpuOf(50_000, () => authenticate(api.token))));
line('check of a signed token that is known', micros(await cpuOf(50_000, () => authenticate(signed))));
{
  let reads = 0;
  const queries: ApiServer['store']['queries'] = {
    ...api.store.queries,
    credentialStanding: (publicId) => {
      reads += 1;
      return api.store.queries.credentialStanding(publicId);
    },
  };
  const { follower, clock, signedTokens } = api;
  const fresh = createAuthenticator({
    store: { feed: api.store.feed, queries },
    follower,
    clock,
    signedTokens,
  });
  await fresh.authenticate(api.token);
  const tokens: string[] = [];
  for (let index = 0; index < 500; index += 1) tokens.push(JSON.parse((await signIn()).body).access_token);
  reads = 0;
  const before = process.cpuUsage();
  for (const token of tokens) await fresh.authenticate(token);
  const { user, system } = process.cpuUsage(before);
  line(
    'check of a signed token that is not',
    `${micros((user + system) / tokens.length)}, ${reads / tokens.length} reads`,
  );
  fresh.close();
}

// Tokens for client credentials.
line('a signed token for client credentials', micros(await cpuOf(4_000, signIn)));
const oauth = await createCredential(api, 'oauth-client');
line(
  'a stored token for client credentials',
  micros(
    await cpuOf(1_500, () =>
      form(
        `grant_type=client_credentials&client_id=${oauth.publicId}&client_secret=${oauth.token}`,
        '/api/v2/oauth/token',
      ),
    ),
  ),
);

// A list of many users, from the beginning to the end and back.
for (let made = 0; made < USERS; made += 1_000) {
  await seed(api.store, org, async (tx) => {
    for (let index = 0; index < 1_000; index += 1) {
      await insertMember(tx, org, { username: `user${made + index}@acme.test` });
    }
  });
}
interface Page {
  readonly page_info: {
    readonly has_next_page: boolean;
    readonly end_cursor?: string;
    readonly start_cursor?: string;
  };
}
const walk = async (list: string, query: (page: Page | undefined) => string): Promise<void> => {
  const times: number[] = [];
  let page: Page | undefined;
  const before = process.cpuUsage();
  for (let turn = 0; turn < USERS / 100 - 1; turn += 1) {
    const started = performance.now();
    const answer = await api.call('GET', `${ORG}/${list}?limit=100${query(page)}`);
    times.push(performance.now() - started);
    if (answer.status !== 200) throw new Error(answer.text);
    page = answer.json<Page>();
  }
  const { user, system } = process.cpuUsage(before);
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(1);
  line(
    `pages of 100 of ${USERS} ${list}`,
    `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, most ${at(0.999)} ms; ${((user + system) / times.length / 1_000).toFixed(1)} ms of CPU`,
  );
};
const last = Buffer.from(`i${Number.MAX_SAFE_INTEGER}`).toString('base64url');
for (const list of ['users', 'identities']) {
  await walk(list, (page) => (page === undefined ? '' : `&after=${page.page_info.end_cursor}`));
  await walk(
    list,
    (page) => `&before=${page?.page_info.start_cursor ?? last}&expand=permissions&expand=total_count`,
  );
}
await api.close();
