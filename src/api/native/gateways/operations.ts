/** What the agent of a gateway asks for, and how an administrator lets it in. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../../domain/access/actor.ts';
import { openPresharedKey } from '../../../domain/ext-clients/client-secrets.ts';
import { decodeDecimalId } from '../../../domain/ids/external-id.ts';
import { decodeUuid } from '../../../domain/ids/uuid8.ts';
import type { AgentIdentity, GatewayAgentService } from '../../../domain/networks/gateway-agent-service.ts';
import type { GatewayFeed, GatewayMessage, GatewayPeer } from '../../../domain/ports/gateway-feed.ts';
import type { Sealer } from '../../../domain/ports/sealer.ts';
import { type Clock, SECOND } from '../../../kernel/clock.ts';
import { AppError, invalid, notFound } from '../../../kernel/errors.ts';
import { createTokenBuckets } from '../../../kernel/token-buckets.ts';
import { tokenOfAuthorization } from '../../shared/credentials.ts';
import type { Operation } from '../../shared/operation.ts';
import { pathText } from '../../shared/parameters.ts';

/** A line is sent at least so often, so that either side notices when the other is gone. */
const KEEP_ALIVE_MS = 5 * SECOND;
const MAX_STREAMS = 2_000;
const MAX_VERSION = 64;
const MAX_ENDPOINT = 255;
const MAX_SAMPLES = 10_000;
/** A stream whose reader does not drain so much is ended; the agent comes again and gets everything anew. */
const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;
/** An agent says hello, follows, and reports every few seconds; one that does it over and over again is told to wait. */
const CALLS = { depth: 30, perSecond: 1, capacity: 10_000, refusal: 'this gateway calls too often' };
const REPORT_LIMIT_BYTES = 4 * 1024 * 1024;

const Hello = z.strictObject({
  public_key: z.string().max(MAX_ENDPOINT),
  endpoint: z.string().max(MAX_ENDPOINT).optional(),
  listen_port: z.number().int(),
  mtu: z.number().int(),
  version: z.string().max(MAX_VERSION),
});

const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const Report = z.strictObject({
  version: z.string().max(MAX_VERSION),
  clients: z
    .array(
      z.strictObject({
        id: count,
        /** Milliseconds since 1970. */
        last_handshake: count.nullable(),
        received_bytes: count,
        sent_bytes: count,
        endpoint: z.string().max(MAX_ENDPOINT),
      }),
    )
    .max(MAX_SAMPLES),
});

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(issue?.message ?? 'is not valid', issue?.path.join('.') || 'body');
}

export interface GatewayOperationsParts {
  readonly agents: GatewayAgentService;
  readonly feed: GatewayFeed;
  readonly sealer: Sealer;
  readonly clock: Clock;
}

export interface GatewayOperations {
  readonly operations: readonly Operation[];
  /** Ends all streams. */
  readonly close: () => void;
}

export function gatewayOperations({
  agents,
  feed,
  sealer,
  clock,
}: GatewayOperationsParts): GatewayOperations {
  const open = new Set<() => void>();

  const calls = createTokenBuckets({ ...CALLS, clock });

  const identify = async (request: FastifyRequest): Promise<AgentIdentity> => {
    const token = tokenOfAuthorization(request);
    if (token === undefined) throw new AppError('unauthenticated', 'the token of the gateway is needed');
    const identity = await agents.authenticate(token);
    calls.take(`${identity.org}/${identity.gateway}`);
    return identity;
  };

  const peerWire = ({ client, allowedIps, rules }: GatewayPeer) => ({
    id: client.id,
    name: client.clientId,
    public_key: client.publicKey,
    preshared_key: openPresharedKey(sealer, client) ?? null,
    allowed_ips: allowedIps,
    rules: rules.map(({ to, protocols, ports }) => ({
      to,
      protocols: protocols ?? null,
      first_port: ports.first,
      last_port: ports.last,
    })),
  });

  const line = ({ kind, addresses, set, removed }: GatewayMessage): string =>
    `${JSON.stringify({ kind, addresses, clients: set.map(peerWire), removed })}\n`;

  const stream = async (reply: FastifyReply, identity: AgentIdentity): Promise<void> => {
    if (open.size >= MAX_STREAMS)
      throw new AppError('rate_limited', 'too many gateways follow their clients');
    const answer = reply.raw;
    // The first message comes before this function knows how to stop, and before the answer has begun.
    const early: string[] = [];
    let started = false;
    let ended = false;
    let unfollow = (): void => undefined;
    const send = (text: string): void => {
      if (!started) early.push(text);
      else if (!ended) {
        answer.write(text);
        if (answer.writableLength > MAX_BACKLOG_BYTES) end();
      }
    };
    const end = (): void => {
      if (ended) return;
      ended = true;
      open.delete(end);
      unfollow();
      clearInterval(keepAlive);
      if (started) answer.end();
    };
    const keepAlive = setInterval(() => send('{"kind":"alive"}\n'), KEEP_ALIVE_MS);
    const { org, gateway: id, credential } = identity;
    const stop = await feed.follow(
      { org, id, credential },
      { message: (message) => send(line(message)), end },
    );
    if (stop === undefined || ended) {
      clearInterval(keepAlive);
      stop?.();
      throw notFound('gateway');
    }
    unfollow = stop;
    open.add(end);
    reply.hijack();
    answer.writeHead(200, {
      'content-type': 'application/x-ndjson',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    started = true;
    for (const text of early) send(text);
    answer.once('close', end);
  };

  return {
    close: () => {
      for (const end of [...open]) end();
    },
    operations: [
      {
        id: 'native.gateways.agent-token',
        method: 'POST',
        path: '/app/api/gateways/:gateway/agent-token',
        requires: 'networks:write',
        handle: async ({ actor, request }: { readonly actor: Actor; readonly request: FastifyRequest }) => {
          const gateway = pathText(request, 'gateway');
          const id = decodeUuid('gateway', gateway) ?? decodeDecimalId(gateway);
          if (id === undefined) throw notFound('gateway');
          return { token: await agents.createToken(actor, id, 'native-api') };
        },
      },
      // The agent's token stands for no person: these operations find out themselves whose agent calls.
      {
        id: 'native.gateway-agent.hello',
        method: 'POST',
        path: '/app/api/gateway-agent/hello',
        requires: 'public',
        handle: async ({ request }) => {
          const identity = await identify(request);
          const body = parse(Hello, request.body);
          const { gateway, network, agent, addresses } = await agents.hello(
            identity,
            {
              publicKey: body.public_key,
              listenPort: body.listen_port,
              mtu: body.mtu,
              version: body.version,
              ...(body.endpoint === undefined ? {} : { endpoint: body.endpoint }),
            },
            request.ip,
          );
          return {
            gateway: { id: gateway.id, name: gateway.name },
            network: { id: network.id, name: network.name, slug: network.slug },
            endpoint: agent.endpoint,
            listen_port: agent.listenPort,
            mtu: agent.mtu,
            addresses,
          };
        },
      },
      {
        id: 'native.gateway-agent.clients',
        method: 'GET',
        path: '/app/api/gateway-agent/clients',
        requires: 'public',
        handle: async ({ request, reply }) => stream(reply, await identify(request)),
      },
      {
        id: 'native.gateway-agent.report',
        method: 'POST',
        path: '/app/api/gateway-agent/report',
        requires: 'public',
        bodyLimit: REPORT_LIMIT_BYTES,
        handle: async ({ request }) => {
          const identity = await identify(request);
          const { version, clients } = parse(Report, request.body);
          await agents.report(
            identity,
            version,
            clients.map(({ id, last_handshake, received_bytes, sent_bytes, endpoint }) => ({
              client: id,
              lastHandshake: last_handshake,
              receivedBytes: received_bytes,
              sentBytes: sent_bytes,
              endpoint,
            })),
          );
          return { accepted: true };
        },
      },
    ],
  };
}
