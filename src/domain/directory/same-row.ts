import { isDeepStrictEqual } from 'node:util';

/** Whether a row stayed as it was. Each read and each update gives a row of its own, so identity does not tell. */
export const isSameRow = <T extends object>(before: T, after: T): boolean => isDeepStrictEqual(before, after);
