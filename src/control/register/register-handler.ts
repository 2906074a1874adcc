/** `POST /machine/register`: from the wire to the join service and back. */
import {
  DEVICE_LOGIN_PATH,
  type DeviceLogins,
  type LoginDecision,
} from '../../domain/device-logins/device-login-service.ts';
import type { JoinService } from '../../domain/devices/join-service.ts';
import type { JoinOutcome, JoinRequest } from '../../domain/devices/join-types.ts';
import { displayName, loginName } from '../../domain/organizations/names.ts';
import { INSTALLATION } from '../../domain/ports/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import { TAGGED_DEVICES_USER } from '../map/device-render.ts';
import { hostFactsOf, type RegisterInput } from '../requests.ts';
import type { RowWaiters } from '../row-waiters.ts';
import type { ConnectionContext } from '../transport/index.ts';
import type { Login, RegisterResponse, User } from '../wire/index.ts';

const NO_USER: User = { ID: 0, DisplayName: '' };
const NO_LOGIN: Login = { ID: 0, Provider: '', LoginName: '', DisplayName: '' };

const answer = (part: Partial<RegisterResponse>): RegisterResponse => ({
  User: NO_USER,
  Login: NO_LOGIN,
  NodeKeyExpired: false,
  MachineAuthorized: false,
  AuthURL: '',
  NodeKeySignature: null,
  Error: '',
  ...part,
});

/** Clients log out with an expiry long past; Go's zero time means that none was given. */
function asksToLogOut(expiry: string | null | undefined, now: number): boolean {
  if (!expiry) return false;
  const at = Date.parse(expiry);
  const GO_ZERO_YEAR = '0001-';
  return !Number.isNaN(at) && !expiry.startsWith(GO_ZERO_YEAR) && at < now;
}

type Settled = Exclude<JoinOutcome, { readonly kind: 'login-needed' }>;

function ofOutcome(outcome: Settled): RegisterResponse {
  switch (outcome.kind) {
    case 'refused':
      return answer({ Error: outcome.reason });
    case 'key-expired':
      return answer({ NodeKeyExpired: true });
    case 'joined': {
      const { device, owner } = outcome;
      const person = device.ownerKind === 'membership' ? owner : null;
      const id = person?.id ?? TAGGED_DEVICES_USER;
      const name = person === null ? 'Tagged Devices' : displayName(person);
      const login = person === null ? 'tagged-devices' : loginName(person);
      return answer({
        User: { ID: id, DisplayName: name },
        Login: { ID: id, Provider: 'holdfast', LoginName: login, DisplayName: name },
        MachineAuthorized: device.authorizedAt !== null && device.blockedAt === null,
      });
    }
  }
}

/** The id in the link that an earlier answer held; the rest of the link is the client's word alone. */
const idOfLink = (link: string): string => link.slice(link.lastIndexOf('/') + 1);

export interface RegisterHandlerParts {
  readonly joins: JoinService;
  readonly logins: Pick<DeviceLogins, 'begin' | 'stateOf'>;
  readonly waiters: Pick<RowWaiters<LoginDecision>, 'wait'>;
  /** The origin that people open; undefined: the one that the client called. */
  readonly publicUrl: string | undefined;
  readonly clock: Clock;
}

/**
 * Answers a request; undefined when there is nobody left to answer. `gone` is aborted when the client is gone: a request
 * that waits for a person is held open for minutes.
 */
export type RegisterHandler = (
  context: ConnectionContext,
  request: RegisterInput,
  gone: AbortSignal,
) => Promise<RegisterResponse | undefined>;

export function createRegisterHandler(parts: RegisterHandlerParts): RegisterHandler {
  const { joins, logins, waiters, publicUrl, clock } = parts;

  const beginLogin = async (context: ConnectionContext, request: JoinRequest): Promise<RegisterResponse> => {
    try {
      const id = await logins.begin(request, context.remoteAddress);
      return answer({ AuthURL: `${publicUrl ?? context.origin}${DEVICE_LOGIN_PATH}${id}` });
    } catch (error) {
      if (error instanceof AppError && error.code === 'too_large') return answer({ Error: error.message });
      throw error;
    }
  };

  return async (context, request, gone) => {
    // First of all: a request to log out may carry an auth key as well.
    if (asksToLogOut(request.Expiry, clock.now())) {
      await joins.logout(context.machineKey, request.NodeKey);
      return answer({ NodeKeyExpired: true });
    }
    const authKey = request.Auth?.AuthKey || null;
    if (request.Followup && authKey === null) {
      const device = { machineKey: context.machineKey, nodeKey: request.NodeKey };
      const id = idOfLink(request.Followup);
      const decision = await waiters.wait(INSTALLATION, () => logins.stateOf(id, device), gone);
      if (decision === 'gone') return undefined;
      if (decision === 'denied') return answer({ Error: 'the sign-in was refused' });
      if (decision === 'expired')
        return answer({ Error: 'nobody signed in for this device in time; start again' });
      // Joined: the device is known by its key now. Unknown: it may be, if it joined long ago; else it gets a new link.
    }
    const host = hostFactsOf(request.Hostinfo);
    const joining: JoinRequest = {
      machineKey: context.machineKey,
      nodeKey: request.NodeKey,
      authKey,
      ephemeral: request.Ephemeral ?? false,
      hostname: host.hostname,
      os: host.os,
      clientVersion: host.clientVersion,
      capver: context.capver,
      advertised: host.advertised,
      requestTags: host.requestTags,
      hostinfo: host.hostinfo,
      netInfo: host.netInfo ?? null,
      homeDerp: host.homeDerp ?? 0,
      shieldsUp: host.shieldsUp,
    };
    const outcome = await joins.join(joining);
    return outcome.kind === 'login-needed' ? beginLogin(context, joining) : ofOutcome(outcome);
  };
}
