/**
 * The two ceremonies of WebAuthn, as far as this program needs them: options for a browser, and whether what comes back is
 * right. A challenge is remembered nowhere: it travels sealed with the form, for one browser, one use and five minutes.
 */
import type { verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server';
import { z } from 'zod';
import type { Identity } from '../../domain/model/people.ts';
import type { SealedPlace, Sealer } from '../../domain/ports/sealer.ts';
import { INSTALLATION } from '../../domain/ports/store.ts';
import { type Clock, MINUTE } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';

/** Where passkeys belong: a host, and the origin that its pages have. */
export interface RelyingParty {
  readonly id: string;
  readonly origin: string;
}

/** Loaded when the first person needs it: it takes as long as the rest of the program together. */
const webauthn = () => import('@simplewebauthn/server');

const LIFETIME_MS = 5 * MINUTE;
const CHALLENGE_BYTES = 32;
const MAX_RESPONSE = 12_000;
const MAX_STATE = 4_000;
const NAME = 'Holdfast';
/** COSE: Ed25519, ECDSA with P-256, RSA; what authenticators have. */
const ALGORITHMS = [-8, -7, -257];

export type Ceremony =
  | { readonly kind: 'register'; readonly org: number; readonly account: number }
  /** With `account`: only that account's passkeys, in `org` or everywhere. */
  | { readonly kind: 'sign-in'; readonly org: number; readonly account: number | undefined }
  | { readonly kind: 'factor'; readonly org: number; readonly account: number };

export interface OpenCeremony {
  readonly ceremony: Ceremony;
  readonly challenge: string;
  readonly expiresAt: number;
}

/** What the browser's script is given, as JSON, and what comes back with its answer. */
export interface Prepared {
  readonly options: string;
  readonly state: string;
}

export interface Assertion {
  readonly id: string;
  readonly userHandle: string | undefined;
}

export interface NewPasskey {
  readonly id: string;
  readonly publicKey: string;
  readonly counter: number;
  readonly transports: readonly string[];
}

export interface PasskeyData {
  readonly name: string;
  readonly counter: number;
  readonly transports: readonly string[];
  readonly rpId: string;
  /** Asked for after a password as well. */
  readonly afterPassword: boolean;
  readonly used: readonly { readonly hash: string; readonly until: number }[];
}

const stored = z.object({
  name: z.string().catch(''),
  counter: z.number().catch(0),
  transports: z.array(z.string()).catch([]),
  rpId: z.string().catch(''),
  afterPassword: z.boolean().catch(false),
  used: z.array(z.object({ hash: z.string(), until: z.number() })).catch([]),
});
export const passkeyData = ({ data }: Pick<Identity, 'data'>): PasskeyData => stored.parse(data);

const text = z.string().max(MAX_RESPONSE);
const Shared = z.object({
  id: z.string().min(1).max(1_400),
  rawId: text,
  type: z.literal('public-key'),
  clientExtensionResults: z.object({}).catch({}),
});
const RegistrationAnswer = Shared.extend({
  response: z.object({
    clientDataJSON: text,
    attestationObject: text,
    transports: z.array(z.string().max(40)).max(20).optional(),
  }),
});
const AssertionAnswer = Shared.extend({
  response: z.object({
    clientDataJSON: text,
    authenticatorData: text,
    signature: text,
    userHandle: z.string().max(200).optional(),
  }),
});

function parse<T extends z.ZodType>(answer: string, schema: T): z.output<T> | undefined {
  if (answer.length > MAX_RESPONSE) return undefined;
  try {
    return schema.safeParse(JSON.parse(answer)).data;
  } catch {
    return undefined;
  }
}

const placeOf = (browser: string): SealedPlace => ({
  kind: 'passkeyState',
  org: INSTALLATION,
  key: browser,
  column: 'state',
});

export const credentialsOf = (passkeys: readonly Identity[]) =>
  passkeys.map((passkey) => ({ id: passkey.subject, transports: [...passkeyData(passkey).transports] }));

export interface Ceremonies {
  prepareRegistration(request: {
    readonly rp: RelyingParty;
    readonly browser: string;
    readonly ceremony: Ceremony;
    readonly userHandle: string;
    readonly login: string;
    readonly displayName: string;
    readonly present: readonly Identity[];
  }): Promise<Prepared>;
  /** @param passkeys those that may answer; none: whichever the person chooses */
  prepareAssertion(request: {
    readonly rp: RelyingParty;
    readonly browser: string;
    readonly ceremony: Ceremony;
    readonly passkeys: readonly { readonly id: string; readonly transports: string[] }[];
    readonly userVerification: 'required' | 'preferred';
  }): Promise<Prepared>;
  /** Undefined for what is too old, another browser's, altered, or of another kind. */
  open(state: string, browser: string, kind: Ceremony['kind']): OpenCeremony | undefined;
  /** Undefined when it is wrong. */
  registered(open: OpenCeremony, rp: RelyingParty, answer: string): Promise<NewPasskey | undefined>;
  /** Which passkey an answer is of; nothing is proven by it. */
  claimed(answer: string): Assertion | undefined;
  /** The new counter; undefined when the answer is wrong. */
  asserted(
    open: OpenCeremony,
    rp: RelyingParty,
    answer: string,
    passkey: Identity,
    requireUserVerification: boolean,
  ): Promise<number | undefined>;
}

export function createCeremonies(parts: {
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
}): Ceremonies {
  const { sealer, clock, random } = parts;
  const begin = (ceremony: Ceremony, browser: string) => {
    const challenge = Buffer.from(random.bytes(CHALLENGE_BYTES)).toString('base64url');
    const open: OpenCeremony = { ceremony, challenge, expiresAt: clock.now() + LIFETIME_MS };
    return {
      bytes: new Uint8Array(Buffer.from(challenge, 'base64url')),
      state: sealer.seal(JSON.stringify(open), placeOf(browser)),
    };
  };

  return {
    prepareRegistration: async ({ rp, browser, ceremony, userHandle, login, displayName, present }) => {
      const { bytes, state } = begin(ceremony, browser);
      const options = await (await webauthn()).generateRegistrationOptions({
        rpName: NAME,
        rpID: rp.id,
        userName: login,
        userDisplayName: displayName,
        userID: new TextEncoder().encode(userHandle),
        challenge: bytes,
        timeout: LIFETIME_MS,
        attestationType: 'none',
        supportedAlgorithmIDs: ALGORITHMS,
        excludeCredentials: credentialsOf(present),
        authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
      });
      return { options: JSON.stringify(options), state };
    },
    prepareAssertion: async ({ rp, browser, ceremony, passkeys, userVerification }) => {
      const { bytes, state } = begin(ceremony, browser);
      const options = await (await webauthn()).generateAuthenticationOptions({
        rpID: rp.id,
        challenge: bytes,
        timeout: LIFETIME_MS,
        userVerification,
        allowCredentials: [...passkeys],
      });
      return { options: JSON.stringify(options), state };
    },
    open: (state, browser, kind) => {
      if (state.length > MAX_STATE) return undefined;
      try {
        // Only this program can have sealed it.
        const open: OpenCeremony = JSON.parse(sealer.open(state, placeOf(browser)));
        return open.expiresAt > clock.now() && open.ceremony.kind === kind ? open : undefined;
      } catch {
        return undefined;
      }
    },
    registered: async ({ challenge }, rp, answer) => {
      const response = parse(answer, RegistrationAnswer);
      if (response === undefined) return undefined;
      try {
        const { verified, registrationInfo } = await (await webauthn()).verifyRegistrationResponse({
          // The library types texts of enumerations more narrowly than browsers send them, and checks what counts.
          response: response as Parameters<typeof verifyRegistrationResponse>[0]['response'],
          expectedChallenge: challenge,
          expectedOrigin: rp.origin,
          expectedRPID: rp.id,
          requireUserVerification: false,
          supportedAlgorithmIDs: ALGORITHMS,
        });
        if (!verified) return undefined;
        const { id, publicKey, counter, transports = [] } = registrationInfo.credential;
        return {
          id,
          publicKey: Buffer.from(publicKey).toString('base64url'),
          counter,
          transports,
        };
      } catch {
        return undefined;
      }
    },
    claimed: (answer) => {
      const response = parse(answer, AssertionAnswer);
      if (response === undefined) return undefined;
      const handle = response.response.userHandle;
      return {
        id: response.id,
        userHandle:
          handle === undefined || handle === ''
            ? undefined
            : Buffer.from(handle, 'base64url').toString('utf8'),
      };
    },
    asserted: async ({ challenge }, rp, answer, passkey, requireUserVerification) => {
      const response = parse(answer, AssertionAnswer);
      if (response === undefined || passkey.secretHash === null) return undefined;
      const { counter } = passkeyData(passkey);
      try {
        const { verified, authenticationInfo } = await (await webauthn()).verifyAuthenticationResponse({
          response: response as Parameters<typeof verifyAuthenticationResponse>[0]['response'],
          expectedChallenge: challenge,
          expectedOrigin: rp.origin,
          expectedRPID: rp.id,
          credential: {
            id: passkey.subject,
            publicKey: new Uint8Array(Buffer.from(passkey.secretHash, 'base64url')),
            counter,
          },
          requireUserVerification,
        });
        return verified ? authenticationInfo.newCounter : undefined;
      } catch {
        return undefined;
      }
    },
  };
}
