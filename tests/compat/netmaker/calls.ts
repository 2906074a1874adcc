/** Requests of this dialect, and its answers as data. */
import { expect } from 'vitest';
import type { ApiServer } from '../../support/api-server.ts';

export type Wire = Record<string, unknown>;

export interface Called {
  readonly status: number;
  readonly body: unknown;
}

export type Call = (
  method: string,
  path: string,
  body?: unknown,
  token?: string | null,
  headers?: Readonly<Record<string, string>>,
) => Promise<Called>;

export const callOf =
  (api: ApiServer): Call =>
  async (method, path, body, token = api.token, headers = {}) => {
    const answer = await api.call(method, path, { token, headers, ...(body === undefined ? {} : { body }) });
    const isJson = String(answer.headers['content-type']).startsWith('application/json');
    return {
      status: answer.status,
      body: answer.text === '' ? undefined : isJson ? answer.json<unknown>() : answer.text,
    };
  };

/** What a successful call put into its envelope. */
export async function responseOf<T = Wire>(called: Promise<Called>): Promise<T> {
  const { status, body } = await called;
  expect(status, JSON.stringify(body)).toBe(200);
  return (body as { Response: T }).Response;
}

export const error = (Code: number, Message: unknown): Called => ({
  status: Code,
  body: { Code, Message, Response: null },
});
export const answer = (Message: string, Response: unknown = null): Called => ({
  status: 200,
  body: { Code: 200, Message, Response },
});

/** Ids in the form of a UUID: "hold", the kind's number, the integer. */
export const uuidOf = (kind: number, id: number): string => {
  const hex = id.toString(16).padStart(14, '0');
  return `686f6c64-00${kind.toString(16).padStart(2, '0')}-8000-80${hex.slice(0, 2)}-${hex.slice(2)}`;
};
export const GROUP_KIND = 3;
export const GATEWAY_KIND = 5;
