/** `tailscale id-token AUDIENCE`: a token by which the device says to others who it is. */
import { z } from 'zod';
import { type DeviceIdentity, MAX_AUDIENCE } from '../../domain/devices/device-identity.ts';
import type { Clock } from '../../kernel/clock.ts';
import { createTokenBuckets } from '../../kernel/token-buckets.ts';
import { wireText } from '../hostinfo-schema.ts';
import { nodeKey } from '../requests.ts';
import { answerJson, parseJson } from './answers.ts';
import type { OwnNode } from './own-node.ts';
import type { MachineRoute } from './router.ts';

export interface IdTokenParts {
  readonly ownNode: OwnNode;
  readonly identity: DeviceIdentity;
  /** The origin that people open; undefined: the one that the device called. */
  readonly publicUrl: string | undefined;
  readonly clock: Clock;
}

const idTokenRequest = z.object({ NodeKey: nodeKey, Audience: wireText(MAX_AUDIENCE) });

/** A token lives for minutes, and each costs a signature. */
const TOKENS = {
  depth: 20,
  perSecond: 1,
  capacity: 10_000,
  refusal: 'too many tokens; keep one until it ends',
};

export function idTokenRoute({ ownNode, identity, publicUrl, clock }: IdTokenParts): MachineRoute {
  const tokens = createTokenBuckets({ ...TOKENS, clock });
  return {
    method: 'POST',
    path: '/machine/id-token',
    handle: async (call) => {
      const request = parseJson(idTokenRequest, await call.body());
      const found = await ownNode(call, request.NodeKey);
      if (found === undefined) return;
      const { device } = found.facts;
      tokens.take(`${device.org}/${device.id}`);
      const asked = { audience: request.Audience, origin: publicUrl ?? call.context.origin };
      answerJson(call.stream, { id_token: await identity.tokenFor(device, asked) });
    },
  };
}
