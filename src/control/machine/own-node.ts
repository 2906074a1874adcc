import { constants } from 'node:http2';
import type { Found, Hubs } from '../hubs.ts';
import { answerText } from './answers.ts';
import type { MachineCall } from './router.ts';

/**
 * The node of a request, if it belongs to the machine at the other end; else the request is answered, with the same words for
 * all that is not so, and it is undefined.
 */
export type OwnNode = (
  call: Pick<MachineCall, 'context' | 'stream'>,
  nodeKey: string,
) => Promise<Found | undefined>;

export const createOwnNode =
  (hubs: Pick<Hubs, 'find'>): OwnNode =>
  async ({ context, stream }, key) => {
    const found = await hubs.find(key);
    if (found?.facts.device.machineKey === context.machineKey) return found;
    answerText(stream, constants.HTTP_STATUS_NOT_FOUND, 'node not found');
    return undefined;
  };
