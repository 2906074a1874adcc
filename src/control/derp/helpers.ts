/** The plain requests that clients and their diagnostics make of a relay's host. */
import type { IncomingMessage, ServerResponse } from 'node:http';

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly text?: string;
}

const PROBE_PATHS: ReadonlySet<string> = new Set(['/derp/probe', '/derp/latency-check']);
const CHALLENGE = /^[A-Za-z0-9._:-]{1,64}$/u;
const NEVER_KEPT = 'no-cache, no-store, must-revalidate, no-transform, max-age=0';
const TEXT = { 'Content-Type': 'text/plain; charset=utf-8' };

/** Undefined for a path that is not of a relay. */
export function relayAnswer(
  request: Pick<IncomingMessage, 'method' | 'url' | 'headers'>,
): Answer | undefined {
  const path = request.url?.split('?', 1)[0] ?? '';
  const reads = request.method === 'GET' || request.method === 'HEAD';
  if (PROBE_PATHS.has(path)) {
    if (!reads)
      return { status: 405, headers: { ...TEXT, Allow: 'GET, HEAD' }, text: 'method not allowed\n' };
    return { status: 200, headers: { 'Access-Control-Allow-Origin': '*' } };
  }
  if (path === '/generate_204') {
    // Tells a portal that answers everything alike from this server.
    const challenge = request.headers['x-tailscale-challenge'];
    const echo: Record<string, string> =
      typeof challenge === 'string' && CHALLENGE.test(challenge)
        ? { 'X-Tailscale-Response': `response ${challenge}` }
        : {};
    return { status: 204, headers: { 'Cache-Control': NEVER_KEPT, ...echo } };
  }
  if (path === '/derp') {
    return { status: 426, headers: { ...TEXT, Upgrade: 'DERP' }, text: 'DERP requires connection upgrade\n' };
  }
  return undefined;
}

/** Answers everything: for a listener that is the relay's alone. */
export function handleRelayRequest(request: IncomingMessage, response: ServerResponse): void {
  const answer = relayAnswer(request) ?? { status: 404, headers: TEXT, text: 'not found\n' };
  // Bodies are not read, so the connection cannot serve another request after one.
  response.writeHead(answer.status, {
    ...answer.headers,
    ...(request.method === 'GET' || request.method === 'HEAD' ? {} : { Connection: 'close' }),
  });
  response.end(answer.text);
}
