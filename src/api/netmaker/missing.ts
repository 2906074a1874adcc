/** What is not there has other words and another status in almost every operation. */
import { AppError } from '../../kernel/errors.ts';
import { NetmakerError, RECORD_NOT_FOUND } from './envelope.ts';

const isMissing = (error: unknown): boolean =>
  (error instanceof AppError && error.code === 'not_found') ||
  (error instanceof NetmakerError && error.message === RECORD_NOT_FOUND);

export async function insteadOfMissing<T>(work: Promise<T>, missing: NetmakerError): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw isMissing(error) ? missing : error;
  }
}

export async function undefinedIfMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
