/** As whom one device may log in to another over SSH, by the rules that the other is given. */
import type { PolicyEngine } from '../engine/engine.ts';

export interface SshLogin {
  /** A login name on the destination; `*` is any but root. */
  readonly login: string;
  /** Whether it asks for a fresh sign-in. */
  readonly check: boolean;
}

/** In the order of the rules: the first that names a login decides about it. */
export function sshLogins(engine: PolicyEngine, source: number, target: number): SshLogin[] {
  const own = new Set(engine.core.devices.get(source)?.addresses.map(({ text }) => text));
  const found = new Map<string, SshLogin>();
  for (const { principals, sshUsers, check } of engine.ssh(target).rules) {
    if (!principals.some(({ nodeIP }) => own.has(nodeIP))) continue;
    for (const [login, mapped] of Object.entries(sshUsers)) {
      if (mapped !== '' && !found.has(login)) found.set(login, { login, check });
    }
  }
  return [...found.values()];
}
