/**
 * Bodies and queries. Bodies arrive as text whatever their Content-Type says: clients in the field send JSON with none at
 * all (the vendor's older Go client), and the policy file has a type of its own.
 */
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { AppError, invalid } from '../../kernel/errors.ts';

/** Room for a policy file and its neighbours; everything else is held to `MAX_JSON_CHARACTERS`. */
export const BODY_LIMIT_BYTES = 2 * 1024 * 1024;
const MAX_JSON_CHARACTERS = 256 * 1024;

/** The body as text; '' when there is none. */
export const textBody = (request: FastifyRequest): string =>
  typeof request.body === 'string' ? request.body : '';

function problemOf(error: z.core.$ZodError): AppError {
  const issue = error.issues[0];
  const field = issue?.path.map(String).join('.') ?? '';
  const said = issue?.message.replace(/^Invalid input: /u, '') ?? 'invalid value';
  const what = said.endsWith('received undefined') ? 'is required' : said;
  return invalid(field === '' ? `request body: ${what}` : `${field}: ${what}`, field);
}

/** The body as JSON of a shape. Errors: `invalid` naming the field, `too_large`. */
export function jsonBody<T extends z.ZodType>(request: FastifyRequest, schema: T): z.output<T> {
  const parsed = schema.safeParse(parseJson(textBody(request)));
  if (!parsed.success) throw problemOf(parsed.error);
  return parsed.data;
}

/** A list where the contract has one; clients send the only thing in it by itself too. */
export const asList = (value: unknown): unknown => (Array.isArray(value) ? value : [value]);

/** Checks of shapes leave this member out, so that what is asked under it would be answered with yes and not be done. */
const UNUSABLE_MEMBER = /"__proto__"\s*:/u;

function parseJson(text: string): unknown {
  if (text.length > MAX_JSON_CHARACTERS) throw new AppError('too_large', 'request body is too large');
  if (text.trim() === '') throw invalid('request body is empty; a JSON object is needed');
  if (UNUSABLE_MEMBER.test(text)) throw invalid('__proto__: is no name of anything');
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('request body is not valid JSON');
  }
}

/** All values of every query parameter, in the order of the query. */
export function queryOf(request: FastifyRequest): readonly (readonly [string, string])[] {
  const at = request.url.indexOf('?');
  return at < 0 ? [] : [...new URLSearchParams(request.url.slice(at + 1))];
}

export const queryValue = (request: FastifyRequest, name: string): string | undefined =>
  queryOf(request).find(([key]) => key === name)?.[1];

/** Go's idea of a true value in a query. */
export const isTrue = (value: string | undefined): boolean => /^(?:1|t|true)$/iu.test(value ?? '');
