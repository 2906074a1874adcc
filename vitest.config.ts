import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The file that Node itself takes for `graphql`: of the other one there would be a second instance beside it, which knows none
  // of the first one's types, and nothing would be compiled.
  resolve: { alias: [{ find: /^graphql$/u, replacement: 'graphql/index.js' }] },
  test: {
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts'],
    globalSetup: ['tests/support/postgres-global.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 120_000,
  },
});
