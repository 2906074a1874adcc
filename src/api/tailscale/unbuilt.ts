/**
 * Operations of the API that this program does not have yet. They say so, in the API's own form, instead of pretending to
 * be unknown or done.
 */
import type { Requirement } from '../../domain/access/authorize.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Method, Operation } from '../shared/operation.ts';
import { inTailnet, TAILNET, type TailscaleApiParts } from './parts.ts';

type Line = readonly [id: string, method: Method, path: string, requires: Exclude<Requirement, 'public'>];

const STREAM = `${TAILNET}/logging/:logType/stream`;
const AWS = `${TAILNET}/aws-external-id`;

const LINES: readonly Line[] = [
  ['logging.stream.status', 'GET', `${STREAM}/status`, 'log-streams:read'],
  ['aws.validate', 'POST', `${AWS}/:externalId/validate-aws-trust-policy`, 'log-streams:write'],
];

export const unbuiltOperations = ({ services }: TailscaleApiParts): Operation[] =>
  LINES.map(([id, method, path, requires]) => {
    const refuse = async (): Promise<never> => {
      throw new AppError('not_implemented', 'not implemented');
    };
    const handle = path.startsWith(TAILNET) ? inTailnet(services.organizations, refuse) : refuse;
    return { id: `tailscale.${id}`, method, path, requires, handle };
  });
