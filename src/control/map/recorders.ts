/** Where sessions of SSH are recorded: the devices that have the tag which a rule's `recorder` names. */
import { type Addr, compareAddr, formatAddr } from '../../kernel/netip/index.ts';
import type { PolicyEngine } from '../../policy/index.ts';
import type { AddrPort } from '../wire/index.ts';

export interface Recorders {
  /** In the order in which they are tried: the lowest address first. */
  at(tags: readonly string[]): readonly AddrPort[];
  /** Looks again; true when what `at` says became different. */
  refresh(): boolean;
}

/** Recorders of the vendor take recordings there; no file can name another port. */
const PORT = 80;

interface Address {
  readonly addr: Addr;
}

const addrPort = ({ addr }: Address): AddrPort =>
  addr.family === 4 ? `${formatAddr(addr)}:${PORT}` : `[${formatAddr(addr)}]:${PORT}`;

export function createRecorders({ core }: Pick<PolicyEngine, 'core'>): Recorders {
  let known = new Map<string, readonly AddrPort[]>();
  let text = '';

  function look(): Map<string, readonly AddrPort[]> {
    const found = new Map<string, Address[]>(
      core.world.policy.ssh.flatMap(({ recorder }) => recorder.map((tag) => [tag, []])),
    );
    if (found.size === 0) return new Map();
    for (const { active, input, tags, addresses } of core.devices.values()) {
      if (!active || input.external !== undefined) continue;
      for (const tag of tags) found.get(tag)?.push(...addresses);
    }
    const inOrder = (all: Address[]) => all.sort((a, b) => compareAddr(a.addr, b.addr)).map(addrPort);
    return new Map([...found].map(([tag, all]) => [tag, inOrder(all)]));
  }

  const refresh = (): boolean => {
    const fresh = look();
    const now = JSON.stringify([...fresh]);
    if (now === text) return false;
    known = fresh;
    text = now;
    return true;
  };
  refresh();
  return {
    at: (tags) => [...new Set(tags.flatMap((tag) => known.get(tag) ?? []))],
    refresh,
  };
}
