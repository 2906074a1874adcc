// A token by which a device says to others who it is, at every door of this installation that takes some kind of secret.
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDevice } from '../client/index.ts';
import { startWholeProgram, type WholeProgram } from './whole-program.ts';

/** That of access tokens: a device may name any audience. */
const AUDIENCE = 'holdfast';

let program: WholeProgram;
let token: string;
let organization: { readonly id: number; readonly nano: string; readonly label: string };
let apiToken: string;

beforeAll(async () => {
  program = await startWholeProgram();
  const acme = await program.tenant('acme');
  ({ organization } = acme);
  apiToken = acme.token;
  token = await program.deviceToken(acme, AUDIENCE);
});
afterAll(() => program.close());

const form = (fields: Readonly<Record<string, string>>) => ({
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  payload: new URLSearchParams(fields).toString(),
});
const post = async (url: string, options: { headers?: object; payload?: string }) => {
  const { statusCode, body } = await program.ask({ method: 'POST', url, ...options } as Parameters<
    WholeProgram['ask']
  >[0]);
  return { status: statusCode, body };
};
const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

test('it is one that its issuer gave, for the audience of access tokens', () => {
  expect(decodeJwt(token)).toMatchObject({
    aud: AUDIENCE,
    iss: `${program.origin}/identity/${organization.nano}`,
  });
});

test.each<readonly [string, (token: string) => Promise<number>]>([
  [
    'the Tailscale API, as Bearer',
    async (secret) =>
      (
        await program.ask({
          url: '/api/v2/tailnet/-/devices',
          headers: { authorization: `Bearer ${secret}` },
        })
      ).statusCode,
  ],
  [
    'the Tailscale API, as Basic',
    async (secret) =>
      (
        await program.ask({
          url: '/api/v2/tailnet/-/devices',
          headers: { authorization: basic(secret, '') },
        })
      ).statusCode,
  ],
  [
    'the Keycard API',
    async (secret) =>
      (await program.ask({ url: '/organizations', headers: { authorization: `Bearer ${secret}` } }))
        .statusCode,
  ],
  [
    'the Netmaker API',
    async (secret) =>
      (await program.ask({ url: '/api/users', headers: { authorization: `Bearer ${secret}` } })).statusCode,
  ],
  [
    'what is our own',
    async (secret) =>
      (
        await program.ask({
          url: '/app/api/device-identity',
          headers: { authorization: `Bearer ${secret}` },
        })
      ).statusCode,
  ],
])('it is nobody to %s, to which an API token is somebody', async (_name, status) => {
  expect(await status(apiToken)).toBe(200);
  expect(await status(token)).toBe(401);
});

test('it is nobody to the Twingate API', async () => {
  const ask = (secret: string) =>
    post('/api/graphql/', {
      headers: { 'content-type': 'application/json', 'x-api-key': secret },
      payload: JSON.stringify({ query: '{ users { edges { node { id } } } }' }),
    });
  expect((await ask(apiToken)).body).toContain('"data"');
  const refused = await ask(token);
  expect(refused.body).not.toContain('"node"');
  expect(refused.body).toContain('error');
});

test('it buys no token', async () => {
  const id = 'k1zzzzzCNTRL';
  const answers = [
    await post(
      '/api/v2/oauth/token',
      form({ client_id: id, client_secret: token, grant_type: 'client_credentials' }),
    ),
    await post('/api/v2/oauth/token-exchange', form({ client_id: id, jwt: token })),
    await post(
      '/service-account-token',
      form({ grant_type: 'client_credentials', client_id: id, client_secret: token }),
    ),
    await post(`/organizations/${organization.label}/token`, {
      headers: { authorization: `Bearer ${token}` },
    }),
  ];
  for (const { status, body } of answers) {
    expect([400, 401, 403], body).toContain(status);
    expect(body).not.toContain('access_token');
  }
});

test('it is no session of a browser, no gateway’s token and no connector’s', async () => {
  const page = await program.ask({ url: '/account', headers: { cookie: `holdfast-session=${token}` } });
  expect([page.statusCode, page.headers.location]).toEqual([303, expect.stringMatching(/^\/login/u)]);
  for (const path of ['hello', 'report']) {
    const { status } = await post(`/app/api/gateway-agent/${path}`, {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      payload: '{}',
    });
    expect(status).toBe(401);
  }
});

test('it lets no device in', async () => {
  const device = createTestDevice({ url: program.origin, hostname: 'guest', authKey: token });
  try {
    const {
      Error: error = '',
      MachineAuthorized: authorized,
      AuthURL: link,
    } = await device
      .register()
      .catch((failure: unknown) => ({ Error: String(failure), MachineAuthorized: false, AuthURL: '' }));
    expect(error).not.toBe('');
    expect([authorized, link]).toEqual([false, '']);
  } finally {
    device.close();
  }
});
