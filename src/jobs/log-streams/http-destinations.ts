/**
 * Destinations that take a POST at a URL, each in the form that its maker documents: Splunk's HTTP event collector,
 * Elasticsearch's bulk API, Panther's HTTP sources, Cribl's HTTP source, Datadog's log intake, Axiom's ingest, and, for
 * everything else, lines of JSON with a bearer token.
 */
import { z } from 'zod';
import type { IncomingAnswer } from '../outgoing/exchange.ts';
import { packed } from './compression.ts';
import type { Destination, StreamTarget } from './destination.ts';
import { entryJson, jsonLines, type LogEntry } from './entries.ts';

interface HttpForm {
  /** Where the URL names a host alone. */
  readonly path?: string;
  readonly type: string;
  readonly headers: (target: StreamTarget) => Readonly<Record<string, string>>;
  readonly body: (entries: readonly LogEntry[], target: StreamTarget) => string;
  readonly url?: (url: URL, target: StreamTarget) => void;
  readonly problem?: (answer: IncomingAnswer) => string | undefined;
}

const JSON_TYPE = 'application/json';
const LINES_TYPE = 'application/x-ndjson';
const SOURCE = 'holdfast';

const bearer = ({ secrets }: StreamTarget): Readonly<Record<string, string>> =>
  secrets.token === '' ? {} : { authorization: `Bearer ${secrets.token}` };
const iso = (ms: number): string => new Date(ms).toISOString();
const list = (entries: readonly LogEntry[], one: (entry: LogEntry) => string): string =>
  `[${entries.map(one).join(',')}]`;

/** An entry that arrived before has its number already, and is not taken twice. */
const bulkLine = (
  { org, logType }: StreamTarget,
  index: string | undefined,
  { seq, at, event }: LogEntry,
): string => {
  const create = { ...(index === undefined ? {} : { _index: index }), _id: `${org}-${logType}-${seq}` };
  const document = `{"@timestamp":"${iso(at)}","event":${event},"fields":{"recorded":"${iso(at)}"}}`;
  return `${JSON.stringify({ create })}\n${document}\n`;
};

const CREATED_BEFORE = 409;
const bulkAnswer = z.object({
  errors: z.boolean(),
  items: z.array(
    z.object({ create: z.object({ status: z.int(), error: z.object({ reason: z.string() }).nullish() }) }),
  ),
});

/** A bulk request succeeds as a whole while single entries fail. */
function bulkProblem({ text }: IncomingAnswer): string | undefined {
  // A long answer is cut off: then its beginning says whether there were errors.
  if (/^\{[^[]*"errors":false/u.test(text)) return undefined;
  const parsed = bulkAnswer.safeParse(tryJson(text));
  if (!parsed.success) return 'the answer is not that of a bulk request';
  const failed = parsed.data.items.find(
    ({ create }) => create.status >= 300 && create.status !== CREATED_BEFORE,
  );
  return failed === undefined ? undefined : (failed.create.error?.reason ?? `status ${failed.create.status}`);
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const FORMS = {
  splunk: {
    path: '/services/collector/event',
    type: JSON_TYPE,
    headers: ({ secrets }) => ({ authorization: `Splunk ${secrets.token}` }),
    body: jsonLines,
  },
  elastic: {
    type: LINES_TYPE,
    headers: ({ config, secrets }) => {
      const pair = Buffer.from(`${config.user}:${secrets.token}`).toString('base64');
      return { authorization: `Basic ${pair}` };
    },
    body: (entries, target) => {
      const named = new URL(target.config.url).pathname.replace(/\/_bulk$/u, '').length > 1;
      const index = named ? undefined : `logs-${SOURCE}.${target.logType}-default`;
      return entries.map((entry) => bulkLine(target, index, entry)).join('');
    },
    url: (url) => {
      if (!url.pathname.endsWith('/_bulk')) url.pathname = `${url.pathname.replace(/\/$/u, '')}/_bulk`;
    },
    problem: bulkProblem,
  },
  panther: { type: JSON_TYPE, headers: bearer, body: jsonLines },
  cribl: {
    path: '/cribl/_bulk',
    type: JSON_TYPE,
    headers: ({ secrets }) => ({ authorization: secrets.token }),
    body: jsonLines,
  },
  datadog: {
    path: '/api/v2/logs',
    type: JSON_TYPE,
    headers: ({ secrets }) => ({ 'dd-api-key': secrets.token }),
    body: (entries, { logType }) =>
      list(entries, ({ at, event }) =>
        JSON.stringify({ ddsource: SOURCE, service: `${SOURCE}-${logType}`, timestamp: at, message: event }),
      ),
  },
  axiom: {
    type: JSON_TYPE,
    headers: bearer,
    body: (entries) => list(entries, (entry) => `{"_time":"${iso(entry.at)}",${entryJson(entry).slice(1)}`),
  },
  http: { type: LINES_TYPE, headers: bearer, body: jsonLines },
} as const satisfies Readonly<Record<string, HttpForm>>;

export type HttpDestination = keyof typeof FORMS;
export const isHttpDestination = (name: string): name is HttpDestination => Object.hasOwn(FORMS, name);

export function httpDestination(name: HttpDestination): Destination {
  const form: HttpForm = FORMS[name];
  return {
    request: async ({ target, entries }) => {
      const { config } = target;
      const url = new URL(config.url);
      if (form.path !== undefined && url.pathname === '/') url.pathname = form.path;
      form.url?.(url, target);
      const { body, encoding } = await packed(form.body(entries, target), config.compressionFormat);
      return {
        method: 'POST',
        url: url.toString(),
        body,
        headers: {
          'content-type': form.type,
          ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
          ...form.headers(target),
        },
      };
    },
    ...(form.problem === undefined ? {} : { problem: form.problem }),
  };
}
