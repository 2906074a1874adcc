/**
 * Questions to a running client ("c2n" in its source). The question goes down the device's map stream as a `PingRequest`
 * that names an address of ours; the client posts the raw answer there, over Noise, on any of its connections.
 */
import { SECOND } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { type ClientAnswer, type ClientCall, formatCall, parseAnswer } from './raw-http.ts';

export type { ClientAnswer, ClientCall } from './raw-http.ts';

/** Clients post to the path that they were given; the host is not looked at. */
export const CLIENT_ANSWER_PATH = '/machine/c2n/';
const ANSWER_URL = `https://unused${CLIENT_ANSWER_PATH}`;
const TOKEN_BYTES = 16;
const PATIENCE_MS = 20 * SECOND;
const MAX_WAITING = 10_000;

/** The way to one device's stream in this process. */
export interface CallTarget {
  /** The device's machine key: the only one whose answer counts. */
  readonly machineKey: string;
  /** Sends members of a message; false when there is no stream. */
  send(members: string): boolean;
}

export interface ClientCalls {
  /** Errors: `unavailable` when the device is not connected here or does not answer. */
  ask(target: CallTarget, call: ClientCall): Promise<ClientAnswer>;
  /** An answer came in. False when nobody waits for it, or it is another machine's to give. */
  answer(token: string, machineKey: string, body: Buffer): boolean;
  close(): void;
}

interface Waiting {
  readonly machineKey: string;
  readonly settle: (answer: ClientAnswer | AppError) => void;
}

export function createClientCalls({ random }: { readonly random: Random }): ClientCalls {
  const waiting = new Map<string, Waiting>();
  const unavailable = (why: string): AppError => new AppError('unavailable', why);

  return {
    ask: (target, call) =>
      new Promise((resolve, reject) => {
        if (waiting.size >= MAX_WAITING) return reject(unavailable('too many devices are being asked'));
        const token = Buffer.from(random.bytes(TOKEN_BYTES)).toString('hex');
        const timer = setTimeout(
          () => waiting.get(token)?.settle(unavailable('the device did not answer')),
          PATIENCE_MS,
        );
        timer.unref();
        const settle = (answer: ClientAnswer | AppError): void => {
          clearTimeout(timer);
          waiting.delete(token);
          if (answer instanceof AppError) reject(answer);
          else resolve(answer);
        };
        waiting.set(token, { machineKey: target.machineKey, settle });
        const ping = {
          URL: `${ANSWER_URL}${token}`,
          URLIsNoise: true,
          Types: 'c2n',
          Payload: formatCall(call).toString('base64'),
        };
        if (!target.send(`"PingRequest":${JSON.stringify(ping)}`))
          settle(unavailable('the device is not connected'));
      }),

    answer: (token, machineKey, body) => {
      const known = waiting.get(token);
      if (known === undefined || known.machineKey !== machineKey) return false;
      known.settle(parseAnswer(body) ?? unavailable('the device gave no answer that can be read'));
      return true;
    },

    close: () => {
      for (const { settle } of [...waiting.values()]) settle(unavailable('the server stops'));
    },
  };
}
