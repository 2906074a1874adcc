import type { ZodType } from 'zod';
import { invalid } from '../../kernel/errors.ts';

/** The value in the schema's form. Throws `invalid`, naming the field. */
export function parsed<T>(schema: ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(issue?.message ?? 'the request is not valid', issue?.path.join('.') || 'body');
}
