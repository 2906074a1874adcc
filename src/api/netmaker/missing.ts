/** What is not there has other words and another status in almost every operation. */
import { AppError } from '../../kernel/errors.ts';
import { NetmakerError, RECORD_NOT_FOUND } from './envelope.ts';

export async function insteadOfMissing<T>(work: Promise<T>, missing: NetmakerError): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const isMissing =
      (error instanceof AppError && error.code === 'not_found') ||
      (error instanceof NetmakerError && error.message === RECORD_NOT_FOUND);
    throw isMissing ? missing : error;
  }
}
