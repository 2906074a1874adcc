/** `POST /machine/register`: from the wire to the join service and back. */
import type { JoinService } from '../../domain/devices/join-service.ts';
import type { JoinOutcome } from '../../domain/devices/join-types.ts';
import { displayName, loginName } from '../../domain/organizations/names.ts';
import type { Clock } from '../../kernel/clock.ts';
import { TAGGED_DEVICES_USER } from '../map/device-render.ts';
import { hostFactsOf, type RegisterInput } from '../requests.ts';
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

function ofOutcome(outcome: JoinOutcome): RegisterResponse {
  switch (outcome.kind) {
    case 'refused':
      return answer({ Error: outcome.reason });
    case 'key-expired':
      return answer({ NodeKeyExpired: true });
    case 'login-needed':
      return answer({ Error: 'this device needs an auth key to join (tailscale up --auth-key=…)' });
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

export interface RegisterHandlerParts {
  readonly joins: JoinService;
  readonly clock: Clock;
}

export function createRegisterHandler({ joins, clock }: RegisterHandlerParts) {
  return async (context: ConnectionContext, request: RegisterInput): Promise<RegisterResponse> => {
    // First of all: a request to log out may carry an auth key as well.
    if (asksToLogOut(request.Expiry, clock.now())) {
      await joins.logout(context.machineKey, request.NodeKey);
      return answer({ NodeKeyExpired: true });
    }
    const host = hostFactsOf(request.Hostinfo);
    const outcome = await joins.join({
      machineKey: context.machineKey,
      nodeKey: request.NodeKey,
      authKey: request.Auth?.AuthKey || null,
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
    });
    return ofOutcome(outcome);
  };
}
