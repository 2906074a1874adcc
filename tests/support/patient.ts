// What servers of the tests have in common.

/**
 * For `createServer` of `node:http`: connections without a request stay open. By default each is closed after 5 s, and where a
 * machine is busy that may meet the next request on its way.
 */
export const PATIENT = { keepAliveTimeout: 0 } as const;
