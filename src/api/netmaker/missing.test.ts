import { expect, test } from 'vitest';
import { AppError, notFound } from '../../kernel/errors.ts';
import { NetmakerError } from './envelope.ts';
import { insteadOfMissing, undefinedIfMissing } from './missing.ts';

const away = new AppError('unavailable', 'the database is away');
const words = new NetmakerError(400, 'failed to fetch role');

test('what is not there has the words of its operation, or is undefined', async () => {
  await expect(insteadOfMissing(Promise.reject(notFound('role')), words)).rejects.toBe(words);
  expect(await undefinedIfMissing(Promise.reject(notFound('role')))).toBeUndefined();
  expect(await undefinedIfMissing(Promise.resolve('there'))).toBe('there');
});

test('what cannot be found out is not taken for missing', async () => {
  await expect(insteadOfMissing(Promise.reject(away), words)).rejects.toBe(away);
  await expect(undefinedIfMissing(Promise.reject(away))).rejects.toBe(away);
});
