// A plain WireGuard client, with a configuration from the API and no other program, behind a gateway:
//
//   phone 10.99.3.2 ── inet (server) ── router (tailscaled and the gateway's agent) ── printer 10.77.0.2
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { holdfastCommand } from '../support/holdfast.ts';
import { endProgram, type Program, untilLogged } from '../support/program.ts';
import { BUILD_TIMEOUT_MS, whyNoRealClients } from '../support/real-clients.ts';
import { startDevice } from '../support/real-clients-device.ts';
import { unless } from '../support/requirements.ts';
import type { Rest } from '../support/rest.ts';
import { LOGIN_SERVER } from '../support/server-host.ts';
import { createNetwork, type Network, PRINTER } from './network.ts';
import { NewKey } from './wire.ts';

const execute = promisify(execFile);

const ROUTER = '10.99.2.2';
const CLOSED_PORT = '8';
const STEP_TIMEOUT_MS = 120_000;
const SOON_MS = 20_000;
const POLL_MS = 50;
/** What an answer takes that does come, generously; what does not come is given up after it. */
const SHORT_DIAL = { timeoutMs: 3_000 };
/** Promised within a second; other tests share the machine. */
const CUT_WITHIN_MS = 5_000;
const PASSWORD = 'correct horse battery';

async function whyNoWireGuard(): Promise<string | undefined> {
  for (const program of ['wg', 'wg-quick', 'nft']) {
    try {
      await execute('sh', ['-c', `command -v ${program}`]);
    } catch {
      return `plain WireGuard clients need ${program}, which this machine has not`;
    }
  }
  const implementation = await execute('sh', ['-c', 'command -v wireguard-go || modprobe wireguard']).catch(
    () => undefined,
  );
  return implementation === undefined
    ? 'this machine has neither WireGuard in its kernel nor wireguard-go'
    : undefined;
}

/** Answers as they come; what is not there shows as a failed expectation. */
// biome-ignore lint/suspicious/noExplicitAny: expectations look into them
type Json = Record<string, any>;

const missing = unless((await whyNoRealClients()) ?? (await whyNoWireGuard()));

describe('a plain WireGuard client', missing, () => {
  let network: Network;
  let owner: Rest;
  let bob: Rest;
  let agent: Program;
  let gatewayId: string;
  let agentToken: string;
  let failed = false;

  beforeAll(async () => {
    network = await createNetwork();
  }, BUILD_TIMEOUT_MS);
  afterAll(() => network?.end());

  const step = (says: string, run: () => Promise<void>): void => {
    test(says, { timeout: STEP_TIMEOUT_MS }, async ({ skip }) => {
      skip(failed, 'an earlier step failed');
      failed = true;
      await run();
      failed = false;
    });
  };
  const gql = async (query: string): Promise<Json> => {
    const { data, errors } = (await owner.ask('POST', '/api/graphql/', { query })) as Json;
    assert.equal(errors, undefined, JSON.stringify(errors));
    return data;
  };
  const client = async (): Promise<Json> => (await bob.ask('GET', '/api/extclients/office/phone')) as Json;
  const startAgent = async (): Promise<Program> => {
    const tokenFile = path.join(network.world.directory, 'agent-token');
    writeFileSync(tokenFile, agentToken, { mode: 0o600 });
    const state = ['--state', path.join(network.world.directory, 'gateway-state')];
    const command = holdfastCommand(
      'gateway',
      'up',
      '--server',
      LOGIN_SERVER,
      '--token-file',
      tokenFile,
      ...state,
      '--json',
    );
    const program = await network.world.start('router', command, { name: 'agent' });
    await untilLogged(program, /"event":"clients"/u, SOON_MS);
    return program;
  };
  /** Talks to the printer until told to stop answering; resolves with how long after `cut` the last answer came. */
  const lastAnswerAfter = async (cut: () => Promise<void>): Promise<number> => {
    const talk = await network.chatter('phone', PRINTER);
    await untilLogged(talk, /^\d+$/mu, SOON_MS);
    await cut();
    const at = Date.now();
    await sleep(CUT_WITHIN_MS + 1_000);
    const answers = talk
      .log()
      .split('\n')
      .filter((line) => /^\d+$/u.test(line))
      .map(Number);
    await endProgram(talk, 'SIGKILL');
    return (answers.at(-1) ?? 0) - at;
  };
  const reaches = async (): Promise<void> => {
    await eventually(async () => expect(await network.dial('phone', PRINTER, SHORT_DIAL)).toBe('hello'));
  };
  const reachesNot = async (): Promise<void> => {
    await expect(network.dial('phone', PRINTER, SHORT_DIAL)).rejects.toThrow();
  };

  step('its gateway is a device that the owner makes one of a network over the Netmaker API', async () => {
    const { api_key } = await network.initialise('acme');
    await network.startServer();
    owner = network.rest(api_key);
    const create = { reusable: true, ephemeral: false, preauthorized: true };
    const { key } = NewKey.parse(
      await owner.ask('POST', '/api/v2/tailnet/-/keys', { capabilities: { devices: { create } } }),
    );
    const router = await startDevice(network.world, network.clients, 'router');
    await router.up({ loginServer: LOGIN_SERVER, authKey: key });
    const made = (await owner.ask('POST', '/api/networks', { netid: 'office' })) as Json;
    expect(made).toMatchObject({ netid: 'office', addressrange: '198.18.0.0/22' });
    const [host] = (await owner.ask('GET', '/api/hosts')) as Json[];
    expect(host).toMatchObject({ name: 'router' });
    await owner.ask('POST', `/api/hosts/${host?.id}/networks/office`);
    const [node] = (await owner.ask('GET', '/api/nodes/office')) as Json[];
    expect(node).toMatchObject({ network: 'office', is_gw: true, isingressgateway: true });
    gatewayId = node?.id;
  });

  step('the agent of the gateway comes up with a token of its own', async () => {
    agentToken = ((await owner.ask('POST', `/app/api/gateways/${gatewayId}/agent-token`)) as Json).token;
    agent = await startAgent();
    expect(agent.log()).toContain('"network":"office"');
  });

  step(
    'a person with access to a resource behind it makes a client, and the printer answers on the one port',
    async () => {
      await network.world.start('printer', [
        process.execPath,
        path.resolve(import.meta.dirname, '..', 'support', 'namespace-agent.ts'),
        'echo',
        CLOSED_PORT,
      ]);
      await owner.ask('POST', '/api/users/bob1', {
        username: 'bob1',
        password: PASSWORD,
        platform_role_id: 'service-user',
      });
      const { remoteNetworks, users } = await gql(
        '{ remoteNetworks { edges { node { id name } } } users { edges { node { id email role } } } }',
      );
      const remote = remoteNetworks.edges.find(({ node }: Json) => node.name === 'office').node.id;
      const member = users.edges.find(({ node }: Json) => node.role === 'MEMBER').node.id;
      const { it: group } = await gql(
        `mutation { it: groupCreate(name: "Office", userIds: ["${member}"]) { ok error entity { id } } }`,
      );
      assert(group.ok, group.error);
      const protocols =
        '{ allowIcmp: false, tcp: { policy: RESTRICTED, ports: [{ start: 7, end: 7 }] }, udp: { policy: RESTRICTED, ports: [] } }';
      const { it: resource } = await gql(
        `mutation { it: resourceCreate(name: "Printer", address: "${PRINTER}", remoteNetworkId: "${remote}", groupIds: ["${group.entity.id}"], protocols: ${protocols}) { ok error entity { id } } }`,
      );
      assert(resource.ok, resource.error);

      const login = (await owner.ask('POST', '/api/users/adm/authenticate', {
        username: 'bob1',
        password: PASSWORD,
      })) as Json;
      bob = network.rest(login.Response.AuthToken);
      const made = (await bob.ask('POST', `/api/extclients/office/${gatewayId}`, {
        clientid: 'phone',
        presharedkey: true,
      })) as Json;
      expect(made).toMatchObject({ clientid: 'phone', network: 'office', enabled: true, ownerid: 'bob1' });
      const { text } = await bob.send('GET', '/api/extclients/office/phone/file');
      expect(text).toContain(`Endpoint = ${ROUTER}:51820`);
      expect(text).toContain(`${PRINTER}/32`);
      const file = path.join(network.world.directory, 'phone.conf');
      writeFileSync(file, text, { mode: 0o600 });
      await network.attachHost('phone', '10.99.3');
      await reachesNot();
      await network.world.run('phone', ['wg-quick', 'up', file]);
      await reaches();
      await expect(network.dial('phone', PRINTER, { ...SHORT_DIAL, port: CLOSED_PORT })).rejects.toThrow();
      // Nor the machine of the gateway itself, nor what lies beyond it.
      await expect(network.dial('phone', '10.77.0.1', SHORT_DIAL)).rejects.toThrow();
    },
  );

  step('the gateway reports its handshake and traffic', async () => {
    await eventually(async () => {
      const { last_handshake, received_bytes, sent_bytes } = await client();
      expect(last_handshake).toBeGreaterThan(Date.now() / 1_000 - 600);
      expect(received_bytes).toBeGreaterThan(0);
      expect(sent_bytes).toBeGreaterThan(0);
    });
  });

  step('it goes on when its user is disabled without force over the Netmaker API', async () => {
    await owner.ask('POST', '/api/users/bob1/disable');
    await sleep(500);
    await reaches();
    await owner.ask('POST', '/api/users/bob1/enable');
  });

  step(
    'it is cut off within a second when its user is disabled with force, and back when enabled',
    async () => {
      const after = await lastAnswerAfter(async () => {
        await owner.ask('POST', '/api/users/bob1/disable?force_disable_configs=true');
      });
      expect(after).toBeLessThan(CUT_WITHIN_MS);
      await reachesNot();
      await owner.ask('POST', '/api/users/bob1/enable?force_enable_configs=true');
      await reaches();
    },
  );

  step('it is cut off within a second when its user is suspended over another dialect', async () => {
    const { users } = (await owner.ask('GET', '/api/v2/tailnet/-/users')) as Json;
    const { id } = users.find(({ loginName }: Json) => String(loginName).startsWith('bob1'));
    const after = await lastAnswerAfter(async () => {
      await owner.ask('POST', `/api/v2/users/${id}/suspend`);
    });
    expect(after).toBeLessThan(CUT_WITHIN_MS);
    await reachesNot();
    await owner.ask('POST', `/api/v2/users/${id}/restore`);
    await reaches();
  });

  step('it is cut off within a second when its access ends', async () => {
    const { resources } = await gql('{ resources { edges { node { id name } } } }');
    const resource = resources.edges[0].node.id;
    const { groups } = await gql('{ groups { edges { node { id name } } } }');
    const group = groups.edges.find(({ node }: Json) => node.name === 'Office').node.id;
    const after = await lastAnswerAfter(async () => {
      await gql(
        `mutation { it: resourceAccessRemove(resourceId: "${resource}", principalIds: ["${group}"]) { ok error } }`,
      );
    });
    expect(after).toBeLessThan(CUT_WITHIN_MS);
    await reachesNot();
    await gql(
      `mutation { it: resourceAccessAdd(resourceId: "${resource}", access: [{ principalId: "${group}" }]) { ok error } }`,
    );
    await reaches();
  });

  step('it stays connected while the agent is killed, and the agent takes over what it left', async () => {
    await endProgram(agent, 'SIGKILL');
    await reaches();
    agent = await startAgent();
    await reaches();
  });

  step('nothing is left of the agent when it is stopped', async () => {
    expect(await endProgram(agent, 'SIGTERM')).toBe(0);
    await reachesNot();
    const { world } = network;
    await expect(world.run('router', ['ip', 'link', 'show', 'dev', 'holdfast0'])).rejects.toThrow();
    expect(await world.run('router', ['nft', 'list', 'tables'])).not.toContain('holdfast');
  });
});

async function eventually(attempt: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + SOON_MS;
  while (true) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await sleep(POLL_MS);
  }
}
