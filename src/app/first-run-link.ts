/** The link that a server without any organization prints. */
import type { Services } from './services.ts';

/** Listeners on all addresses are reached, from the machine itself, at the loopback one. */
const EVERY_ADDRESS = /^(https?:\/\/)(?:0\.0\.0\.0|\[::\])(?=:|$)/u;

/** The secret stands after the #, which browsers keep to themselves. Undefined when the first run is over. */
export async function firstRunLinkOf(
  { firstRun }: Pick<Services, 'firstRun'>,
  origin: string,
): Promise<string | undefined> {
  const secret = await firstRun.createLink();
  if (secret === undefined) return undefined;
  return `${origin.replace(EVERY_ADDRESS, '$1127.0.0.1')}/#first-run=${secret}`;
}
