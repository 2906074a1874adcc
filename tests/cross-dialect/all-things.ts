import {
  accessEdge,
  accessRequest,
  externalClient,
  gateway,
  hostGateway,
  resource,
  securityPolicy,
  servedResource,
} from './network-things.ts';
import {
  accessToken,
  invitation,
  passwordUser,
  serviceAccount,
  serviceKey,
  ssoConnection,
} from './organization-things.ts';
import { policyFile } from './policy-things.ts';
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
  servedResource,
  accessEdge,
  externalClient,
  accessRequest,
  securityPolicy,
  policyFile,
] as unknown as readonly Thing<unknown>[];
