/**
 * Operations of the API that this program does not have yet. They say so, in the API's own form, instead of pretending to
 * be unknown or done.
 */
import type { Requirement } from '../../domain/access/authorize.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Method, Operation } from '../shared/operation.ts';
import { BASE, DEVICE, inTailnet, TAILNET, type TailscaleApiParts } from './parts.ts';

type Line = readonly [id: string, method: Method, path: string, requires: Exclude<Requirement, 'public'>];

const DEVICE_INVITE = `${BASE}/device-invites/:deviceInviteId`;
const STREAM = `${TAILNET}/logging/:logType/stream`;
const AWS = `${TAILNET}/aws-external-id`;
const APPS = `${TAILNET}/oauth-apps`;

const LINES: readonly Line[] = [
  ['device-invites.list', 'GET', `${DEVICE}/device-invites`, 'shares:read'],
  ['device-invites.create', 'POST', `${DEVICE}/device-invites`, 'shares:write'],
  ['device-invites.get', 'GET', DEVICE_INVITE, 'shares:read'],
  ['device-invites.delete', 'DELETE', DEVICE_INVITE, 'shares:write'],
  ['device-invites.resend', 'POST', `${DEVICE_INVITE}/resend`, 'shares:write'],
  ['device-invites.accept', 'POST', `${BASE}/device-invites/-/accept`, 'shares:write'],
  ['logging.stream.status', 'GET', `${STREAM}/status`, 'log-streams:read'],
  ['aws.validate', 'POST', `${AWS}/:externalId/validate-aws-trust-policy`, 'log-streams:write'],
  ['oauth-apps.list', 'GET', APPS, 'oauth-apps:read'],
  ['oauth-apps.create', 'POST', APPS, 'oauth-apps:write'],
  ['oauth-apps.get', 'GET', `${APPS}/:appId`, 'oauth-apps:read'],
  ['oauth-apps.replace', 'PUT', `${APPS}/:appId`, 'oauth-apps:write'],
  ['oauth-apps.delete', 'DELETE', `${APPS}/:appId`, 'oauth-apps:write'],
  ['tailnets.list', 'GET', `${BASE}/organizations/:organization/tailnets`, 'organization:read'],
  ['tailnets.create', 'POST', `${BASE}/organizations/:organization/tailnets`, 'organization:write'],
  ['tailnets.delete', 'DELETE', TAILNET, 'organization:delete'],
];

export const unbuiltOperations = ({ services }: TailscaleApiParts): Operation[] =>
  LINES.map(([id, method, path, requires]) => {
    const refuse = async (): Promise<never> => {
      throw new AppError('not_implemented', 'not implemented');
    };
    const handle = path.startsWith(TAILNET) ? inTailnet(services.organizations, refuse) : refuse;
    return { id: `tailscale.${id}`, method, path, requires, handle };
  });
