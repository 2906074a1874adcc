/** Bodies: JSON objects whose unknown fields are ignored. Absent is not null: null is allowed where the schema says so. */
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { AppError, invalid } from '../../kernel/errors.ts';
import { detailOf } from '../shared/refusal.ts';

/** Throws `invalid`, naming the first field at fault. */
export function parseBody<T>(request: FastifyRequest, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(request.body ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') || 'body';
  throw invalid(`${field}: ${issue?.message ?? 'invalid'}`, field);
}

/** The owner is an organization's last administrator until he hands it over: told in this API's own words. */
export async function keepingAnAdmin<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (detailOf(error, 'reason') === 'owner' && error instanceof AppError)
      throw new AppError('last_admin', error.message);
    throw error;
  }
}
