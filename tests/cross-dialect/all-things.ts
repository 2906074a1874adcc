import {
  accessEdge,
  accessRequest,
  externalClient,
  gateway,
  hostGateway,
  resource,
  securityPolicy,
} from './network-things.ts';
import {
  accessToken,
  invitation,
  passwordUser,
  serviceAccount,
  serviceKey,
  ssoConnection,
} from './organization-things.ts';
import { deviceInvite } from './sharing-things.ts';
import { device, group, network, person, type Thing } from './things.ts';

// Each thing works on references of its own making; the list takes them as they are.
export const THINGS = [
  person,
  passwordUser,
  group,
  invitation,
  serviceAccount,
  serviceKey,
  accessToken,
  ssoConnection,
  device,
  deviceInvite,
  network,
  gateway,
  hostGateway,
  resource,
  accessEdge,
  externalClient,
  accessRequest,
  securityPolicy,
] as unknown as readonly Thing<unknown>[];
