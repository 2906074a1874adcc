/** Types of cache.mjs for the tests, which keep the tools that they get in the same cache. */
export const CACHE_DIRECTORY: string;
export class LaunchError extends Error {}
export function withInstallLock(root: string, work: () => Promise<void>): Promise<void>;
export function ensurePackage(
  root: string,
  wanted: { readonly name: string; readonly version: string; readonly integrity: string },
  how: {
    readonly announce: string;
    readonly failing: string;
    readonly prepare?: (directory: string) => void;
  },
): Promise<string>;
