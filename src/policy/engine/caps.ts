import type { ExactValue } from '../../kernel/hujson/index.ts';
import { type Bits, slotsOf } from './bits.ts';
import type { CapMap } from './output.ts';
import type { Program } from './program.ts';

const FUNNEL = 'funnel';
const FUNNEL_PORTS = 'https://tailscale.com/cap/funnel-ports?ports=443,8443,10000';
const FUNNEL_NEEDS_HTTPS = 'https://tailscale.com/cap/warn-funnel-no-https';

const SUGGEST_EXIT_NODE = 'suggest-exit-node';
export const DISABLE_IPV4 = 'disable-ipv4';
const RESOLVE_SUBDOMAINS = 'dns-subdomain-resolve';

const NO_CAPS: CapMap = Object.freeze({});

/** Node attributes as the capabilities that a device's own map carries. */
export function capsOf(program: Program, attrs: Bits, httpsEnabled: boolean): CapMap {
  const out: Record<string, ExactValue> = {};
  let some = false;
  for (const index of slotsOf(attrs)) {
    const unit = program.attrUnits[index];
    if (unit === undefined) continue;
    some = true;
    for (const name of unit.attr) {
      out[name] ??= null;
      if (name !== FUNNEL) continue;
      out[FUNNEL_PORTS] ??= null;
      if (!httpsEnabled) out[FUNNEL_NEEDS_HTTPS] ??= null;
    }
    for (const [name, value] of unit.app) {
      const known = out[name];
      const values = Array.isArray(value) ? value : [value];
      out[name] = Array.isArray(known) ? [...known, ...values] : values;
    }
  }
  return some ? out : NO_CAPS;
}

/** The few capabilities of a device that another is told of; `exit` when that one may use it as its exit node. */
export function peerCaps(own: CapMap, exit: boolean): CapMap {
  const subdomains = RESOLVE_SUBDOMAINS in own;
  if (!exit && !subdomains) return NO_CAPS;
  return {
    ...(exit ? { [SUGGEST_EXIT_NODE]: null } : {}),
    ...(subdomains ? { [RESOLVE_SUBDOMAINS]: null } : {}),
  };
}
