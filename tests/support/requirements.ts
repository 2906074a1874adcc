// Tests that need something of the machine say so here, so that a run that lacks it says what was left out and why.

declare module 'vitest' {
  interface TaskMeta {
    skipReason?: string;
  }
}

interface SkipOptions {
  readonly skip?: true;
  readonly meta?: { readonly skipReason: string };
}

/**
 * Options for `describe` or `test`: skipped with that reason, unless it is undefined. On a CI run, which installs whatever
 * tests need, a missing thing is a failure, save for what is declared `optional`.
 *
 * @example describe('a relay', unless(await whyNoRealClients()), () => { … })
 */
export function unless(
  reason: string | undefined,
  options: { readonly optional?: boolean } = {},
): SkipOptions {
  if (reason === undefined) return {};
  if (process.env.CI === 'true' && !options.optional) {
    throw new Error(`a CI run leaves nothing out, but: ${reason}`);
  }
  return { skip: true, meta: { skipReason: reason } };
}

/** True with `npm run test:long`: more rounds, more devices, hours instead of minutes. */
export function isLongRun(): boolean {
  return process.env.HOLDFAST_LONG === '1';
}
