/**
 * Terraform itself with the vendor's provider: every resource is planned, applied, read again without a difference, found
 * to differ when somebody changes it behind Terraform's back, put right, and destroyed. HOLDFAST_TF_MIRROR names a
 * filesystem mirror of providers that holds tailscale/tailscale (`terraform providers mirror DIR` makes one).
 */
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiServer, createApiServer } from '../../support/api-server.ts';
import { unless } from '../../support/requirements.ts';
import { addDevices, tailscaleDialect } from './support.ts';

const MIRROR = process.env.HOLDFAST_TF_MIRROR;
const T = '/api/v2/tailnet/-';
const PROVIDER = 'registry.terraform.io/tailscale/tailscale';
const whyNoTerraform = (): string | undefined => {
  if (MIRROR === undefined) return 'HOLDFAST_TF_MIRROR names no mirror of Terraform providers';
  return existsSync(join(MIRROR, PROVIDER)) ? undefined : `HOLDFAST_TF_MIRROR holds no ${PROVIDER}`;
};
/** Exit codes of `terraform plan -detailed-exitcode`. */
const SAME = 0;
const DIFFERENT = 2;
const STEP_MS = 120_000;

const state = z.object({
  resources: z.array(z.object({ mode: z.string(), type: z.string(), name: z.string() })),
});

interface Exit {
  readonly code: number;
  readonly output: string;
}

describe('terraform', unless(whyNoTerraform(), { optional: true }), () => {
  let api: ApiServer;
  let directory: string;
  let url: string;

  const terraform = async (...words: readonly string[]): Promise<Exit> => {
    const env = {
      ...process.env,
      CHECKPOINT_DISABLE: '1',
      TF_CLI_CONFIG_FILE: join(directory, 'terraform.rc'),
      TF_IN_AUTOMATION: '1',
      TF_VAR_device: `box.${api.organization.label}.holdfast.internal`,
      TF_VAR_tagged_device: `server.${api.organization.label}.holdfast.internal`,
      TAILSCALE_BASE_URL: url,
      TAILSCALE_API_KEY: api.token,
    };
    const options = { cwd: directory, env, timeout: STEP_MS };
    try {
      const { stdout } = await promisify(execFile)('terraform', [...words, '-no-color'], options);
      return { code: 0, output: stdout };
    } catch (error) {
      const failure = z.object({ code: z.number(), stdout: z.string(), stderr: z.string() }).parse(error);
      return { code: failure.code, output: failure.stdout + failure.stderr };
    }
  };
  const plan = () => terraform('plan', '-detailed-exitcode', '-input=false');
  const expectExit = (exit: Exit, code: number): void => {
    expect(exit, exit.output).toMatchObject({ code });
  };
  const managed = async (): Promise<string[]> => {
    const { output } = await terraform('state', 'pull');
    const { resources } = state.parse(JSON.parse(output));
    return resources.filter(({ mode }) => mode === 'managed').map(({ type }) => type);
  };
  const send = async (method: string, path: string, body?: object): Promise<void> => {
    const answer = await api.call(method, path, body === undefined ? {} : { body });
    expect([path, answer.status]).toEqual([path, 200]);
  };
  const json = async <T>(path: string): Promise<T> => (await api.call('GET', path)).json<T>();

  beforeEach(async () => {
    api = await createApiServer('sqlite', (parts) => tailscaleDialect()(parts));
    url = await api.listen();
    const owner = api.owner.id;
    await addDevices(api, api.organization.id, [
      { label: 'box', owner, online: true },
      { label: 'server', owner, online: true },
    ]);
    directory = mkdtempSync(join(tmpdir(), 'holdfast-terraform-'));
    writeFileSync(
      join(directory, 'terraform.rc'),
      `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(MIRROR)}\n  }\n}\n`,
    );
    writeFileSync(
      join(directory, 'provider.tf'),
      `terraform {\n  required_providers {\n    tailscale = { source = "${PROVIDER}" }\n  }\n}\n`,
    );
  });
  afterEach(async () => {
    rmSync(directory, { recursive: true, force: true });
    expect(api.failures).toEqual([]);
    await api.close();
  });

  /** What somebody else does while Terraform is not looking. */
  const changeEverything = async (): Promise<void> => {
    const { devices } = await json<{ devices: { nodeId: string; hostname: string }[] }>(`${T}/devices`);
    const idOf = (hostname: string) => devices.find((device) => device.hostname === hostname)!.nodeId;
    const { webhooks } = await json<{ webhooks: { endpointId: string }[] }>(`${T}/webhooks`);
    const { integrations } = await json<{ integrations: { id: string }[] }>(`${T}/posture/integrations`);
    const { keys } = await json<{ keys: { id: string; keyType: string }[] }>(`${T}/keys?all=true`);
    const key = keys.find(({ keyType }) => keyType === 'auth')!;
    await send('POST', `/api/v2/device/${idOf('box')}/authorized`, { authorized: false });
    await send('POST', `/api/v2/device/${idOf('box')}/key`, { keyExpiryDisabled: false });
    await send('POST', `/api/v2/device/${idOf('box')}/routes`, { routes: [] });
    await send('POST', `${T}/dns/nameservers`, { dns: ['9.9.9.9'] });
    await send('POST', `${T}/dns/preferences`, { magicDNS: false });
    await send('POST', `${T}/dns/searchpaths`, { searchPaths: [] });
    await send('PATCH', `${T}/dns/split-dns`, { 'inner.example.com': null });
    await send('PATCH', `${T}/settings`, { devicesKeyDurationDays: 30 });
    await send('PATCH', `${T}/contacts/security`, { email: 'other@example.com' });
    await send('PATCH', `/api/v2/webhooks/${webhooks[0]!.endpointId}`, { subscriptions: ['policyUpdate'] });
    await send('PATCH', `/api/v2/posture/integrations/${integrations[0]!.id}`, { cloudId: 'us-2' });
    await send('DELETE', `${T}/keys/${key.id}`);
    await send('DELETE', `${T}/logging/configuration/stream`);
    await send('DELETE', `${T}/vip-services/svc:web`);
  };

  test('every resource is applied, found to differ after changes from outside, put right and destroyed', {
    timeout: 10 * STEP_MS,
  }, async () => {
    copyFileSync(new URL('terraform/everything.tf', import.meta.url), join(directory, 'main.tf'));
    expectExit(await terraform('init', '-input=false'), 0);
    expectExit(await plan(), DIFFERENT);
    expectExit(await terraform('apply', '-auto-approve', '-input=false'), 0);
    expect(new Set(await managed()).size).toBe(19);
    expectExit(await plan(), SAME);

    await changeEverything();
    const seen = await plan();
    expectExit(seen, DIFFERENT);
    for (const name of [
      ...['device_authorization.box', 'device_key.box', 'device_subnet_routes.box', 'dns_nameservers.all'],
      ...['dns_preferences.all', 'dns_search_paths.all', 'dns_split_nameservers.inner', 'service.web'],
      ...['tailnet_settings.settings', 'contacts.contacts', 'webhook.hook', 'posture_integration.falcon'],
      ...['tailnet_key.key', 'logstream_configuration.configuration'],
    ]) {
      expect(seen.output).toMatch(
        new RegExp(`# tailscale_${name} (?:will be (?:updated|created)|must be replaced)`, 'u'),
      );
    }
    expectExit(await terraform('apply', '-auto-approve', '-input=false'), 0);
    expectExit(await plan(), SAME);
    expect(await json(`${T}/dns/nameservers`)).toMatchObject({ dns: ['1.1.1.1', '8.8.8.8'] });

    // A device keeps its tags until it signs in again; all else goes.
    const refused = await terraform('destroy', '-auto-approve', '-input=false');
    expect(refused.output).toContain('tagged nodes cannot be\nuntagged without reauth');
    expect(new Set(await managed())).toEqual(new Set(['tailscale_device_tags', 'tailscale_acl']));
    expectExit(await terraform('state', 'rm', 'tailscale_device_tags.server'), 0);
    expectExit(await terraform('destroy', '-auto-approve', '-input=false'), 0);
    expect(await managed()).toEqual([]);
    expect(await json(`${T}/webhooks`)).toEqual({ webhooks: [] });
    expect(await json(`${T}/dns/nameservers`)).toMatchObject({ dns: [] });
    expect((await api.call('GET', `${T}/vip-services/svc:web`)).status).toBe(404);
  });

  test('the DNS settings are one resource too', { timeout: 10 * STEP_MS }, async () => {
    copyFileSync(new URL('terraform/dns-configuration.tf', import.meta.url), join(directory, 'main.tf'));
    expectExit(await terraform('init', '-input=false'), 0);
    expectExit(await terraform('apply', '-auto-approve', '-input=false'), 0);
    expectExit(await plan(), SAME);
    // Another form of the same API changes the same thing.
    await send('POST', `${T}/dns/searchpaths`, { searchPaths: ['else.example.com'] });
    expectExit(await plan(), DIFFERENT);
    expectExit(await terraform('apply', '-auto-approve', '-input=false'), 0);
    expect(await json(`${T}/dns/searchpaths`)).toEqual({
      searchPaths: ['example.com', 'another.example.com'],
    });
    expectExit(await terraform('destroy', '-auto-approve', '-input=false'), 0);
    expect(await json(`${T}/dns/split-dns`)).toEqual({});
  });
});
