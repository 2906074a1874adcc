/** What requests say, taken apart. */
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { queryText } from '../shared/parameters.ts';
import { NetmakerError } from './envelope.ts';

/** A query parameter that may be given several times. */
export function queryTexts(request: FastifyRequest, name: string): readonly string[] {
  const value = (request.query as Readonly<Record<string, unknown>>)[name];
  const values = Array.isArray(value) ? value : [value];
  return values.filter((one) => typeof one === 'string' && one !== '');
}

export const queryFlag = (request: FastifyRequest, name: string): boolean =>
  queryText(request, name) === 'true';

export function headerText(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** The body by its schema, or a refusal that names the field. What else it holds is not looked at. */
export function bodyOf<T>(schema: z.ZodType<T>, request: FastifyRequest, prefix = ''): T {
  const parsed = schema.safeParse(request.body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new NetmakerError(400, `${prefix}${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'invalid'}`);
}
