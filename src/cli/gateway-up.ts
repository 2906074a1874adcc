/** `holdfast gateway up`: runs on the gateway's machine until a signal ends it. */
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type AgentEvent, runAgent } from '../gateway-agent/agent.ts';
import { runCommand } from '../gateway-agent/run-command.ts';
import { createServerLink, DismissedError } from '../gateway-agent/server-link.ts';
import { openTunnel } from '../gateway-agent/tunnel.ts';
import type { Random } from '../kernel/random.ts';
import { createWireGuardKeyPair, isWireGuardKey, publicKeyOf } from '../kernel/wireguard-keys.ts';
import type { CommandContext } from './command-context.ts';
import { type ParsedOptions, textOption, wantsJson } from './command-options.ts';
import { CommandError, UsageError } from './exit.ts';
import { programVersion } from './version.ts';

const PRIVATE_DIRECTORY = 0o700;
const PRIVATE_FILE = 0o600;
const INTERFACE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/u;
const MAX_PORT = 65_535;
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

function integer(text: string, name: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^[0-9]+$/u.test(text) || value < least || value > most) {
    throw new UsageError(`${name} must be a number between ${least} and ${most}`);
  }
  return value;
}

function interfaceName(text: string, option: string): string {
  if (!INTERFACE_NAME.test(text)) throw new UsageError(`${option} must be the name of a network interface`);
  return text;
}

/** The key by which clients know the gateway: made once, kept beside the agent, never sent. */
function privateKeyIn(directory: string, random: Random): { readonly file: string; readonly key: string } {
  mkdirSync(directory, { recursive: true, mode: PRIVATE_DIRECTORY });
  const file = path.join(directory, 'private.key');
  if (!existsSync(file)) {
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, `${createWireGuardKeyPair(random).privateKey}\n`, {
      mode: PRIVATE_FILE,
      flush: true,
    });
    linkSync(draft, file);
    rmSync(draft);
  }
  const key = readFileSync(file, 'utf8').trim();
  if (!isWireGuardKey(key))
    throw new CommandError(`${file} does not hold a WireGuard key: remove it to get a new one`);
  return { file, key };
}

function tokenOf(options: ParsedOptions, environment: CommandContext['environment']): string {
  const file = textOption(options, 'token-file');
  const text = file === undefined ? environment.HOLDFAST_GATEWAY_TOKEN : readFileSync(file, 'utf8');
  if (text === undefined || text.trim() === '') {
    throw new UsageError('give the token of the gateway with --token-file, or in HOLDFAST_GATEWAY_TOKEN');
  }
  return text.trim();
}

function tell(event: AgentEvent): string {
  switch (event.event) {
    case 'ready':
      return `gateway ${event.gateway} of network ${event.network}: ${event.tunnel} interface, clients dial ${event.endpoint}`;
    case 'clients':
      return `${event.connected} clients`;
    case 'disconnected':
      return `the server is away (${event.reason}); trying again in ${event.retry_ms} ms`;
  }
}

export async function gatewayUp(context: CommandContext, options: ParsedOptions): Promise<void> {
  const server = textOption(options, 'server') ?? '';
  if (!/^https?:\/\//u.test(server))
    throw new UsageError('--server must be the address of the server, such as https://vpn.example.com');
  const token = tokenOf(options, context.environment);
  const name = interfaceName(textOption(options, 'interface') ?? 'holdfast0', '--interface');
  const deviceInterface = interfaceName(
    textOption(options, 'device-interface') ?? 'tailscale0',
    '--device-interface',
  );
  const listenPort = integer(textOption(options, 'listen-port') ?? '51820', '--listen-port', 1, MAX_PORT);
  const mtu = integer(textOption(options, 'mtu') ?? '1420', '--mtu', 576, 9_000);
  const directory = path.resolve(textOption(options, 'state') ?? '/var/lib/holdfast-gateway');
  const endpoint = textOption(options, 'endpoint');
  const { file, key } = privateKeyIn(directory, context.random);
  const json = wantsJson(options);

  const stop = new AbortController();
  for (const signal of STOP_SIGNALS) process.once(signal, () => stop.abort());
  const tunnel = await openTunnel(runCommand, {
    interface: name,
    deviceInterface,
    listenPort,
    mtu,
    keyFile: file,
    directory,
  }).catch((error: unknown) => {
    throw new CommandError(error instanceof Error ? error.message : String(error), { cause: error });
  });
  try {
    await runAgent({
      link: createServerLink({ server, token }),
      tunnel,
      hello: {
        public_key: publicKeyOf(key),
        listen_port: listenPort,
        mtu,
        version: programVersion(context.programDirectory),
        ...(endpoint === undefined ? {} : { endpoint }),
      },
      onEvent: (event) => context.print(json ? JSON.stringify(event) : tell(event)),
      signal: stop.signal,
    });
  } catch (error) {
    if (!(error instanceof DismissedError)) throw error;
    throw new CommandError(
      `the server does not take this gateway any more (${error.message}): give it a new token`,
    );
  } finally {
    await tunnel.close();
  }
}
