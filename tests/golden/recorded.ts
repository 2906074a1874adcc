/** Recorded policies and the real service's answers, and what counts as the same answer. */
import fs from 'node:fs';
import { compileJsonl } from '../../src/cli/policy-compile.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export interface RecordedNode {
  readonly packetFilter?: Json[] | null;
  readonly sshRules?: JsonObject[] | null;
  readonly self?: JsonObject;
  readonly peers?: { [name: string]: JsonObject } | null;
}

export interface Recorded {
  readonly id: string;
  readonly category: string;
  readonly input: JsonObject;
  readonly expect: {
    readonly status: number;
    readonly message?: string;
    readonly nodes?: { [name: string]: RecordedNode };
  };
}

export const RECORDED_FILE = new URL('../../../shared/golden/policy.jsonl', import.meta.url);

export const recordedCases = (): Recorded[] =>
  fs.existsSync(RECORDED_FILE)
    ? fs
        .readFileSync(RECORDED_FILE, 'utf8')
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line) => JSON.parse(line))
    : [];

async function* one(text: string): AsyncGenerator<string> {
  yield text;
}

/** The program's answer to a case, through the same code as the command. */
export async function answer(recorded: Pick<Recorded, 'id' | 'input'>): Promise<Recorded['expect']> {
  let line = '';
  await compileJsonl(one(JSON.stringify(recorded)), (text) => {
    line = text;
  });
  return JSON.parse(line);
}

/** Capabilities that come from the recorded account and its plan, not from the policy. */
const ACCOUNT_CAPS = new Set([
  'https://tailscale.com/cap/file-sharing',
  'https://tailscale.com/cap/is-owner',
  'https://tailscale.com/cap/is-admin',
  'https://tailscale.com/cap/ssh',
  'https://tailscale.com/cap/tailnet-lock',
  'probe-udp-lifetime',
  'ssh-behavior-v1',
  'ssh-env-vars',
  'store-appc-routes',
  'tailnet-display-name',
  'default-auto-update',
  'https://tailscale.com/cap/funnel-ports?ports=443,8443,10000',
  'https://tailscale.com/cap/warn-funnel-no-https',
]);

/** Lists whose order means nothing. The order of principals is that of addresses, some of which were replaced. */
const SETS = new Set([
  'SrcIPs',
  'DstPorts',
  'IPProto',
  'Dsts',
  'CapGrant',
  'allowedIPs',
  'primaryRoutes',
  'principals',
]);

function canonical(value: Json, key = ''): Json {
  if (Array.isArray(value)) {
    const items = value.map((item) => canonical(item));
    return SETS.has(key) ? items.map((item) => JSON.stringify(item)).sort() : items;
  }
  if (value === null || typeof value !== 'object') return value;
  const out: JsonObject = {};
  for (const name of Object.keys(value).sort()) {
    const member = value[name] ?? null;
    const empty = member === null || (Array.isArray(member) && member.length === 0 && name !== 'SrcIPs');
    if (!empty) out[name] = canonical(member, name);
  }
  return out;
}

function capsOf(view: JsonObject | undefined): Json {
  const caps = (view?.capMap ?? {}) as JsonObject;
  const kept = Object.keys(caps).filter((name) => !ACCOUNT_CAPS.has(name));
  return Object.fromEntries(kept.sort().map((name) => [name, caps[name] ?? []]));
}

const routesOf = (view: JsonObject | undefined): Json =>
  canonical({ allowedIPs: view?.allowedIPs ?? [], primaryRoutes: view?.primaryRoutes ?? [] });

/** What of a node's outputs the recording lets one compare, in one comparable form. */
export function comparable(node: RecordedNode | undefined, recorded: RecordedNode): Json {
  const out: JsonObject = {
    packetFilter: (node?.packetFilter ?? []).map((rule) => JSON.stringify(canonical(rule))).sort(),
  };
  if (recorded.sshRules !== undefined) out.sshRules = (node?.sshRules ?? []).map((rule) => canonical(rule));
  if (recorded.self === undefined) return out;
  out.self = { routes: routesOf(node?.self), caps: capsOf(node?.self) };
  out.peers = Object.fromEntries(
    Object.entries(node?.peers ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, view]) => [name, { routes: routesOf(view), caps: capsOf(view) }]),
  );
  return out;
}
