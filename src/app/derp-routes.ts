/** What a relay's host answers besides relaying, and the question of relays elsewhere: may this node use you? */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { relayAnswer } from '../control/derp/index.ts';
import { isKeyText } from '../control/noise/index.ts';
import type { Derp } from './derp.ts';

const VERIFY_LIMIT_BYTES = 4 * 1024;
const BAD_REQUEST = 400;

const verifyRequest = z.looseObject({ NodePublic: z.string(), Source: z.string().optional() });

export function mountDerpRoutes(server: FastifyInstance, { admission, relay }: Derp): void {
  const helpers = [
    ['/generate_204', 'relay.generate204'],
    ...(relay === undefined
      ? []
      : [
          ['/derp', 'relay.upgrade'],
          ['/derp/probe', 'relay.probe'],
          ['/derp/latency-check', 'relay.latency'],
        ]),
  ] as const;
  for (const [url = '', operation = ''] of helpers) {
    server.all(url, { config: { operation } }, async (request, reply) => {
      const answer = relayAnswer(request.raw);
      if (answer === undefined) return reply.callNotFound();
      return reply
        .code(answer.status)
        .headers(answer.headers ?? {})
        .send(answer.text);
    });
  }
  server.post(
    '/verify',
    { config: { operation: 'relay.verify' }, bodyLimit: VERIFY_LIMIT_BYTES },
    async (request, reply) => {
      const result = verifyRequest.safeParse(request.body);
      if (!result.success || !isKeyText('node', result.data.NodePublic)) {
        return reply.code(BAD_REQUEST).send({ code: 'invalid', message: 'NodePublic must be a node key' });
      }
      return reply.send({ Allow: await admission.isKnownNode(result.data.NodePublic) });
    },
  );
}
