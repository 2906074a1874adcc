/** The one REST call that admin clients make: whether a connector's pair of tokens is the present one. */
import type { GatewayService } from '../../domain/networks/gateway-service.ts';
import type { Operation } from '../shared/operation.ts';

const BEARER = /^Bearer +(\S+)$/iu;
const PATH = '/api/v4/connector/validate_tokens';

export const connectorTokenOperations = (gateways: GatewayService): Operation[] =>
  [PATH, `${PATH}/`].map((path) => ({
    id: 'twingate.connector.validate-tokens',
    method: 'POST',
    path,
    // The pair is its own credential: whoever holds it learns nothing but that it is good.
    requires: 'public',
    handle: async ({ request, reply }) => {
      const accessToken = BEARER.exec(request.headers.authorization ?? '')?.[1];
      const { body } = request;
      const refreshToken =
        typeof body === 'object' && body !== null && 'refresh_token' in body ? body.refresh_token : undefined;
      const valid =
        accessToken !== undefined &&
        typeof refreshToken === 'string' &&
        (await gateways.areValid({ accessToken, refreshToken }));
      return valid ? reply.code(200).send({}) : reply.code(401).send({ error: 'invalid tokens' });
    },
  }));
