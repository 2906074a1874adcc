// The same private network by Terraform itself with Twingate's provider: applied, used by real clients, changed, destroyed.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { BUILD_TIMEOUT_MS, whyNoRealClients } from '../support/real-clients.ts';
import { unless } from '../support/requirements.ts';
import { createPrivateNetworkWorld, PLANT } from './private-network-world.ts';
import { startTerraform, whyNoTerraform } from './terraform-program.ts';

const SETTLE_MS = 30_000;
const POLL_MS = 100;
const CONFIGURATION = path.join(import.meta.dirname, 'private-network.tf');
const missing = unless(whyNoTerraform() ?? (await whyNoRealClients()), { optional: true });

it('Terraform makes a private network that works, changes it, and leaves nothing of it', {
  ...missing,
  timeout: BUILD_TIMEOUT_MS,
}, async () => {
  const world = await createPrivateNetworkWorld();
  try {
    const terraform = await startTerraform(world, CONFIGURATION);
    const apply = async (...variables: readonly string[]): Promise<string[]> => {
      await terraform.run('apply', '-parallelism=1', '-auto-approve', '-input=false', ...variables);
      return terraform.sent();
    };
    const answers = async (target: string): Promise<boolean> =>
      (await world.probe('laptop', [target]))[0] === true;
    const until = async (holds: () => Promise<boolean>): Promise<boolean> => {
      for (const end = performance.now() + SETTLE_MS; performance.now() < end; await sleep(POLL_MS))
        if (await holds()) return true;
      return false;
    };
    try {
      const sent = await apply();
      for (const operation of [
        ...['createUser', 'createRemoteNetwork', 'createGroup', 'createConnector', 'createResource'],
        ...['updateResourceAccess', 'generateConnectorTokens', 'validate_tokens'],
      ])
        expect(sent).toContain(operation);
      await terraform.run('plan', '-detailed-exitcode', '-input=false');

      await world.join(
        'near',
        (await terraform.run('output', '-raw', 'token')).trim(),
        '--advertise-connector',
      );
      const { authKey } = await world.person('cyd@acme.test');
      await world.join('laptop', authKey, '--accept-routes');
      expect(await until(() => answers(`${PLANT.machine}:5432`))).toBe(true);
      expect(await until(() => answers(`${PLANT.databaseName}:5432`))).toBe(true);
      expect(await answers(`${PLANT.machine}:22`)).toBe(false);
      // The connector's machine has joined with the token; for Terraform nothing has changed.
      await terraform.run('plan', '-detailed-exitcode', '-input=false');

      terraform.sent();
      expect(await apply('-var=port=22')).toContain('updateResource');
      expect(await until(() => answers(`${PLANT.machine}:22`))).toBe(true);
      expect(await answers(`${PLANT.machine}:5432`)).toBe(false);
      expect(await apply('-var=port=22', '-var=open=false')).toContain('deleteResourceAccess');
      expect(await until(async () => !(await answers(`${PLANT.machine}:22`)))).toBe(true);
      expect(await answers(`${PLANT.databaseName}:22`)).toBe(true);

      await terraform.run('destroy', '-parallelism=1', '-auto-approve', '-input=false');
      const deletions = terraform.sent().filter((name) => name.startsWith('delete'));
      expect(deletions.sort()).toEqual([
        ...['deleteConnector', 'deleteGroup', 'deleteRemoteNetwork'],
        ...['deleteResource', 'deleteResource', 'deleteUser'],
      ]);
      expect((await terraform.run('state', 'list')).trim()).toBe('');
      expect(await until(async () => !(await answers(`${PLANT.database}:22`)))).toBe(true);
      const { devices } = (await world.rest.ask('GET', '/api/v2/tailnet/-/devices')) as {
        readonly devices: readonly { readonly hostname: string }[];
      };
      expect(devices.map(({ hostname }) => hostname)).not.toContain('near');
    } finally {
      await terraform.close();
    }
  } finally {
    await world.end();
  }
});
