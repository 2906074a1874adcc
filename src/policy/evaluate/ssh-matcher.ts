import { type Bits, hasBit, keepOnly, orInto, setBit, setSlots } from '../engine/bits.ts';
import type { Core } from '../engine/core.ts';
import { localpartDomain } from '../validate/index.ts';
import type { Endpoint } from './endpoint.ts';
import { createSourceFinder } from './sources.ts';

export type SshAccess = 'accept' | 'check' | 'deny';

/** Which SSH rules lead from one endpoint to another, for many questions about one state of an engine. */
export interface SshMatcher {
  between(source: Endpoint, target: Endpoint): SshPassage;
  /** How many rules have been looked at so far. */
  looks(): number;
}

export interface SshPassage {
  /** Equal for equal rules. */
  readonly key: string;
  /** The strictest way in which the rules let a login in; check wins over accept. */
  accessOf(login: string): SshAccess;
}

const NONROOT = 'autogroup:nonroot';
const NONE: readonly number[] = [];

export function createSshMatcher(core: Core): SshMatcher {
  const program = core.program();
  const units = [...program.sshUnits.values()];
  const checks: Bits = new Uint32Array(program.words.ssh);
  const self: Bits = new Uint32Array(program.words.ssh);
  /** Rules by the logins that they name, and by the domains whose local parts they name. */
  const byUser = new Map<string, number[]>();
  const byDomain = new Map<string, number[]>();
  const note = (lists: Map<string, number[]>, name: string, slot: number): void => {
    const list = lists.get(name) ?? [];
    if (list.at(-1) !== slot) list.push(slot);
    lists.set(name, list);
  };
  for (const { slot, spec } of units) {
    if (spec.check) setBit(checks, slot);
    if (spec.self) setBit(self, slot);
    for (const user of spec.users) {
      note(byUser, user, slot);
      const domain = localpartDomain(user);
      if (domain !== undefined) note(byDomain, domain, slot);
    }
  }
  const rulesFrom = createSourceFinder(program, {
    words: program.words.ssh,
    rulesOf: ({ rules }) => [rules.sshSrc],
    rulesOfGate: (gate) => gate.ssh,
    source: (slot) => program.sshUnits.get(slot)?.spec.source,
  });
  const found = new WeakMap<Endpoint, Bits>();
  let looks = 0;

  function from(source: Endpoint): Bits {
    const bits = found.get(source) ?? rulesFrom(source);
    found.set(source, bits);
    return bits;
  }

  function to(source: Endpoint, target: Endpoint): Bits {
    const bits: Bits = new Uint32Array(program.words.ssh);
    for (const principal of target.principals) {
      const atom = program.atoms.get(principal);
      if (atom !== undefined) setSlots(bits, atom.rules.sshDst);
    }
    if (source.user !== undefined && source.user.id === target.user?.id) orInto(bits, self);
    return bits;
  }

  /** The strictest of those rules of a list that lead there. */
  function strictest(list: readonly number[], leading: Bits): SshAccess {
    looks += 1 + list.length;
    let access: SshAccess = 'deny';
    for (const slot of list) {
      if (!hasBit(leading, slot)) continue;
      if (hasBit(checks, slot)) return 'check';
      access = 'accept';
    }
    return access;
  }

  return {
    looks: () => looks,
    between(source, target) {
      const leading = to(source, target);
      keepOnly(leading, from(source));
      looks += leading.length;
      const at = source.user?.login.lastIndexOf('@') ?? -1;
      const localpart = source.user?.login.slice(0, at);
      const domain = source.user?.login.slice(at + 1);
      const nonroot = strictest(byUser.get(NONROOT) ?? NONE, leading);
      const local = strictest(byDomain.get(domain ?? '') ?? NONE, leading);
      return {
        key: leading.join(),
        accessOf(login) {
          if (login === '') return 'deny';
          let access = strictest(byUser.get(login) ?? NONE, leading);
          if (login !== 'root') access = stricter(access, nonroot);
          return login === localpart ? stricter(access, local) : access;
        },
      };
    },
  };
}

const stricter = (a: SshAccess, b: SshAccess): SshAccess => (a === 'check' || b === 'deny' ? a : b);
