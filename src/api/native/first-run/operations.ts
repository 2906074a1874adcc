/** The first run over HTTP: the page, the creation of the first organization, and its devices, live. */
import { join } from 'node:path';
import { z } from 'zod';
import type { Actor } from '../../../domain/access/actor.ts';
import type { KeyService } from '../../../domain/credentials/key-service.ts';
import type { FirstRun } from '../../../domain/first-run/first-run-service.ts';
import { DAY, SECOND } from '../../../kernel/clock.ts';
import { invalid } from '../../../kernel/errors.ts';
import { tokenOfAuthorization } from '../../shared/credentials.ts';
import type { Operation } from '../../shared/operation.ts';
import { originOf } from '../../shared/origin.ts';
import { type StaticFile, staticFile, staticPage } from '../page.ts';
import { qrPath } from '../qr.ts';
import type { DeviceWatch } from './device-watch.ts';

export interface FirstRunPageParts {
  readonly firstRun: FirstRun;
  readonly keys: Pick<KeyService, 'createAuthKey'>;
  readonly authenticate: (token: string) => Promise<Actor>;
  readonly devices: DeviceWatch;
  readonly publicUrl: string | undefined;
}

const PAGES = join(import.meta.dirname, 'page');
const KEY_LIFETIME_MS = DAY;
const MAX_TEXT = 300;

const creation = z.strictObject({
  secret: z.string().max(MAX_TEXT),
  label: z.string().trim().toLowerCase().max(MAX_TEXT),
  email: z.string().trim().max(MAX_TEXT),
  password: z.string().max(MAX_TEXT).optional(),
});

function parsed(body: unknown): z.infer<typeof creation> {
  const result = creation.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(issue?.message ?? 'the body is not valid', issue?.path.join('.') || 'body');
}

const upCommand = (loginServer: string, key: string): string =>
  `tailscale up --login-server ${loginServer} --auth-key ${key}`;

export function firstRunOperations(parts: FirstRunPageParts): readonly Operation[] {
  const { firstRun, keys, authenticate, devices, publicUrl } = parts;
  const files = {
    firstRun: staticPage(PAGES, 'first-run.html', { title: 'Set up Holdfast', script: '/app/first-run.js' }),
    home: staticPage(PAGES, 'home.html', { title: 'Holdfast' }),
    approval: staticPage(PAGES, 'approval.html', { title: 'A device waits' }),
    firstRunScript: staticFile(PAGES, 'first-run.js'),
    firstDevice: staticPage(PAGES, 'first-device.html', {
      title: 'Connect the first device',
      script: '/app/first-device.js',
    }),
    firstDeviceScript: staticFile(PAGES, 'first-device.js'),
    style: staticFile(PAGES, 'style.css'),
    icon: staticFile(PAGES, 'holdfast.svg'),
  };
  const page = (id: string, path: string, file: () => Promise<StaticFile>): Operation => ({
    id: `native.page.${id}`,
    method: 'GET',
    path,
    requires: 'public',
    handle: async ({ request, reply }) => (await file()).send(request, reply),
  });

  return [
    page('home', '/', async () => ((await firstRun.isOffered()) ? files.firstRun : files.home)),
    // Where clients send whoever waits for an administrator.
    page('approval', '/admin', async () => files.approval),
    page('first-run-script', '/app/first-run.js', async () => files.firstRunScript),
    page('first-device', '/app/first-device', async () => files.firstDevice),
    page('first-device-script', '/app/first-device.js', async () => files.firstDeviceScript),
    page('style', '/app/style.css', async () => files.style),
    page('icon', '/app/holdfast.svg', async () => files.icon),
    {
      id: 'native.first-run.create',
      method: 'POST',
      path: '/app/api/first-run',
      requires: 'public',
      handle: async ({ request, reply }) => {
        const { secret, ...input } = parsed(request.body);
        const loginServer = originOf(request, publicUrl);
        const { organization, owner, apiToken } = await firstRun.complete(secret, {
          label: input.label,
          email: input.email,
          ...(input.password === undefined || input.password === '' ? {} : { password: input.password }),
        });
        const created = await keys.createAuthKey(
          await authenticate(apiToken),
          {
            description: 'first device',
            expirySeconds: KEY_LIFETIME_MS / SECOND,
            reusable: false,
            ephemeral: false,
            preauthorized: true,
            tags: [],
          },
          'native-api',
        );
        const command = upCommand(loginServer, created.token ?? '');
        return reply
          .code(201)
          .header('cache-control', 'no-store')
          .send({
            organization: { label: organization.label, tailnet: organization.tailnetName },
            owner: { email: owner.email },
            api_key: apiToken,
            login_server: loginServer,
            command,
            qr: qrPath(command),
          });
      },
    },
    {
      id: 'native.first-run.devices',
      method: 'GET',
      path: '/app/api/devices/live',
      requires: 'devices:read',
      handle: ({ request, reply, actor }) =>
        devices.stream(reply, actor.org, () => authenticate(tokenOfAuthorization(request) ?? '')),
    },
  ];
}
