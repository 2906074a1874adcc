/**
 * Passwords: argon2id, hashed off the event loop, in the PHC text form
 * (`$argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<hash>`, base64 without padding). Hashing is slow by intent, so only
 * a few run at once, a short queue waits, and whoever comes after that is told to come back.
 */
import { type Argon2Parameters, argon2, timingSafeEqual } from 'node:crypto';
import { AppError, invalid } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';

/** Parameters of new hashes: OWASP's minimum for argon2id (19 MiB, 2 passes, 1 lane), 128 bits of salt. */
const MEMORY_KIB = 19 * 1024;
const PASSES = 2;
const LANES = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Version 1.3, the only one there is in practice. */
const VERSION = 19;

/** Bounds on what a stored hash may ask for, so that a planted one cannot exhaust the machine. */
const MAX_MEMORY_KIB = 256 * 1024;
const MAX_PASSES = 16;
const MAX_LANES = 16;
const MAX_HASH_BYTES = 128;

const MAX_PASSWORD_BYTES = 1024;
/** Waiting calls for each one that runs. */
const QUEUE_PER_SLOT = 16;
const RETRY_AFTER_SECONDS = 2;

export interface Passwords {
  /**
   * The text to store. Errors: `invalid` (empty, or over 1,024 bytes of UTF-8), `rate_limited` when too many wait;
   * `details.retryAfterSeconds` says how long to stay away.
   */
  hash(password: string): Promise<string>;
  /**
   * Whether the password is the one that was hashed. Without a stored hash (no such user, no password set) it works as
   * long and says no, so that its time does not tell who exists. Errors: `rate_limited`.
   */
  verify(password: string, stored: string | null | undefined): Promise<boolean>;
}

export interface PasswordsParts {
  readonly random: Random;
  /** Cores of the machine; one of them is left to the rest of the program. */
  readonly cores: number;
}

interface Phc {
  readonly memory: number;
  readonly passes: number;
  readonly lanes: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,88})\$([A-Za-z0-9+/]{16,172})$/u;

function parsePhc(text: string): Phc | undefined {
  const match = PHC.exec(text);
  if (match === null) return undefined;
  const [memory, passes, lanes] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const salt = Buffer.from(match[4] ?? '', 'base64');
  const hash = Buffer.from(match[5] ?? '', 'base64');
  const sane =
    lanes >= 1 &&
    lanes <= MAX_LANES &&
    passes >= 1 &&
    passes <= MAX_PASSES &&
    memory >= 8 * lanes &&
    memory <= MAX_MEMORY_KIB &&
    hash.length <= MAX_HASH_BYTES;
  return sane ? { memory, passes, lanes, salt, hash } : undefined;
}

const unpadded = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/=+$/u, '');

const derive = (parameters: Argon2Parameters): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, key) => (error === null ? resolve(key) : reject(error)));
  });

/** Runs at most `slots` pieces of work at once, and lets at most `waiting` wait. */
function createGate(slots: number, waiting: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const queue: (() => void)[] = [];
  return async (work) => {
    if (running >= slots) {
      if (queue.length >= waiting) {
        throw new AppError('rate_limited', 'too many sign-ins at once, try again in a moment', {
          details: { retryAfterSeconds: RETRY_AFTER_SECONDS },
        });
      }
      // Whoever ends hands its place on, so that nobody who comes later gets in between.
      await new Promise<void>((resolve) => queue.push(resolve));
    } else running += 1;
    try {
      return await work();
    } finally {
      const next = queue.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

export function createPasswords({ random, cores }: PasswordsParts): Passwords {
  const slots = Math.max(1, cores - 1);
  const throughGate = createGate(slots, slots * QUEUE_PER_SLOT);
  const decoy: Phc = {
    memory: MEMORY_KIB,
    passes: PASSES,
    lanes: LANES,
    salt: Buffer.from(random.bytes(SALT_BYTES)),
    hash: Buffer.from(random.bytes(HASH_BYTES)),
  };
  const run = (password: string, { memory, passes, lanes, salt }: Phc, length: number): Promise<Buffer> =>
    throughGate(() =>
      derive({ message: password, nonce: salt, memory, passes, parallelism: lanes, tagLength: length }),
    );

  return {
    hash: async (password) => {
      if (password === '') throw invalid('the password must not be empty', 'password');
      if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) {
        throw invalid(`the password must not exceed ${MAX_PASSWORD_BYTES} bytes`, 'password');
      }
      const salt = Buffer.from(random.bytes(SALT_BYTES));
      const hash = await run(password, { ...decoy, salt }, HASH_BYTES);
      return `$argon2id$v=${VERSION}$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${unpadded(salt)}$${unpadded(hash)}`;
    },
    verify: async (password, stored) => {
      // A password that could never have been hashed is wrong; it must not cost memory in proportion to its length.
      if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) return false;
      const known = parsePhc(stored ?? '');
      const phc = known ?? decoy;
      const hash = await run(password, phc, phc.hash.length);
      return known !== undefined && timingSafeEqual(hash, known.hash);
    },
  };
}
