/** What a request would do to the network, before it is made. */
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import { invalid } from '../../kernel/errors.ts';
import { tokenOfAuthorization } from '../shared/credentials.ts';
import type { Operation } from '../shared/operation.ts';

export interface ProposedRequest {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query of an admin API. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export interface ProposedImpact {
  /** The status that the request would be answered with. */
  readonly status: number;
  /** The answer's body where nothing would change. What a request would create exists nowhere, so nothing else is shown. */
  readonly answer: string | null;
  /** Null where nothing would change: the request is refused, or says what is so already. */
  readonly impact: unknown;
}

export interface Impacts {
  /** Errors: `rate_limited` when too much of one organization is asked at once, `unavailable` when it took too long. */
  of(actor: Actor, request: ProposedRequest): Promise<ProposedImpact>;
}

const MAX_PATH = 2_048;
const MAX_TYPE = 200;

const question = z.strictObject({
  method: z.enum(['POST', 'PUT', 'PATCH', 'DELETE']),
  path: z.string().min(1).max(MAX_PATH).startsWith('/'),
  /** `application/json` unless said: policy files are sent as `application/hujson`. */
  contentType: z.string().max(MAX_TYPE).optional(),
  /** JSON, or text as it is sent. */
  body: z.unknown().optional(),
});

/** The prefixes under which nothing is an admin API. */
const OWN_PATHS = ['/app/', '/login', '/machine', '/key', '/ts2021', '/derp'];
const ORIGIN = 'http://localhost';
/** Of a request to this server, and none that leads elsewhere: `//host`, or `/\` in the place of a slash. */
const isPath = (path: string): boolean =>
  URL.canParse(path, ORIGIN) && new URL(path, ORIGIN).origin === ORIGIN;
/** The request is made with the credentials of whoever asks. */
const CREDENTIALS = [
  'authorization',
  'x-api-key',
  'x-tenant-id',
  'host',
  'if-match',
  'x-client-request-id',
] as const;

export const impactOperations = (impacts: Impacts): readonly Operation[] => [
  {
    id: 'native.impact',
    method: 'POST',
    path: '/app/api/impact',
    requires: 'policy:read',
    handle: async ({ request, actor }) => {
      const parsed = question.safeParse(request.body);
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        const field = issue?.path.join('.') || 'body';
        throw invalid(`${field}: ${issue?.message ?? 'is not valid'}`, field);
      }
      const { method, path, contentType = 'application/json', body } = parsed.data;
      if (OWN_PATHS.some((own) => path.startsWith(own))) {
        throw invalid('path: only requests to an admin API can be asked about', 'path');
      }
      if (!isPath(path))
        throw invalid('path: it must be the path of a request, such as /api/v2/tailnet/-/acl', 'path');
      const headers: Record<string, string> = body === undefined ? {} : { 'content-type': contentType };
      for (const name of CREDENTIALS) {
        const value = request.headers[name];
        if (typeof value === 'string') headers[name] = value;
      }
      // One token is good for every API; this one has a header of its own for it.
      headers['x-api-key'] ??= tokenOfAuthorization(request) ?? '';
      const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
      return impacts.of(actor, { method, path, headers, body: text });
    },
  },
];
