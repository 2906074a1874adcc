/** One-time codes as a second factor. */
import { z } from 'zod';
import type { Verified } from '../../auth/sessions.ts';
import { fromBase32 } from '../../auth/totp.ts';
import type { Actor } from '../../domain/access/actor.ts';
import type { Membership } from '../../domain/model/people.ts';
import { sameDigest } from '../../kernel/hash.ts';
import { qrPng } from '../../kernel/qr-png.ts';
import { normalizeKey } from '../../kernel/text.ts';
import type { Identify, Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { bearerOf, openSession } from './authentication.ts';
import { envelope, NetmakerError } from './envelope.ts';
import type { NetmakerApiParts } from './parts.ts';
import { bodyOf } from './request.ts';
import { fromPreAuthJwt } from './session-token.ts';

const ISSUER = 'Netmaker';
const QR_PIXELS = 200;
const MAX_URL = 2_000;
const MAX_CODE = 50;

const Completion = z.object({
  otp_auth_url: z.string().max(MAX_URL),
  otp_auth_url_signature: z.string().max(MAX_CODE * 2),
  totp: z.string().max(MAX_CODE),
});
const Code = z.object({ totp: z.string().max(MAX_CODE) });

/** The secret of a setup that was signed, as base64. */
function secretOf(url: string): string {
  const bytes = fromBase32(new URL(url).searchParams.get('secret') ?? '');
  if (bytes === undefined) throw new Error('a signed setup holds no secret');
  return Buffer.from(bytes).toString('base64');
}

export const totpOperations = ({ services }: NetmakerApiParts, identify: Identify): Operation[] => {
  const { people, factors, keyedTexts, secondStep, sessions } = services;
  const signatureOf = ({ org, id }: Membership, url: string): string =>
    keyedTexts.sign('totp setup', [org, id, url]);
  /** One's own row, if codes can be set up for it, by somebody who has just signed in. */
  const own = async (actor: Actor, username: string): Promise<Membership> => {
    const member = await people.self(actor, username, 'write');
    const facts = (await people.signInFacts(actor, [member])).get(member.id);
    if (facts?.issuer != null && !facts.hasPassword) {
      throw new NetmakerError(400, 'auth type is oauth, cannot process totp setup');
    }
    await sessions.requireRecent(actor);
    return member;
  };
  return [
    {
      id: 'netmaker.totp.init',
      method: 'POST',
      path: '/api/users/:username/auth/init-totp',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const member = await own(actor, pathText(request, 'username'));
        const { uri } = factors.propose(ISSUER, member, member.username);
        return envelope('totp setup initiated', {
          otp_auth_url: uri,
          otp_auth_url_signature: signatureOf(member, uri),
          qr_code: `data:image/png;base64,${qrPng(uri, QR_PIXELS).toString('base64')}`,
        });
      },
    },
    {
      id: 'netmaker.totp.complete',
      method: 'POST',
      path: '/api/users/:username/auth/complete-totp',
      requires: 'authenticated',
      handle: async ({ actor, request }) => {
        const member = await own(actor, pathText(request, 'username'));
        const body = bodyOf(Completion, request, 'invalid request body: ');
        if (!sameDigest(body.otp_auth_url_signature, signatureOf(member, body.otp_auth_url))) {
          throw new NetmakerError(400, 'otp auth url signature mismatch');
        }
        const enrolled = await factors.enroll(member, member.org, secretOf(body.otp_auth_url), body.totp);
        if (enrolled === undefined) {
          throw new NetmakerError(400, `cannot setup totp for user ${member.username}: invalid otp`);
        }
        // The vendor has no such codes and answers null; this is the one moment at which they can be shown.
        return envelope(`totp setup complete for user ${member.username}`, {
          recovery_codes: enrolled.recoveryCodes,
        });
      },
    },
    {
      id: 'netmaker.totp.verify',
      method: 'POST',
      path: '/api/users/:username/auth/verify-totp',
      // Whoever comes here has shown a password and has no session yet; what they hold is looked at below.
      requires: 'public',
      handle: async ({ request }) => {
        const sealed = fromPreAuthJwt(bearerOf(request));
        let opened: Pick<Verified, 'identity' | 'provenAt'> | undefined;
        let member: Membership;
        const username = pathText(request, 'username');
        if (sealed === undefined) {
          const actor = await identify(request);
          member = await people.self(actor, username, 'write');
          // The way in stays what it was, and as old: a code is none, and a token's owner does not become a session by it.
          opened = actor.kind === 'member' ? await sessions.openedWith(actor) : undefined;
        } else {
          const step = await secondStep.open(sealed);
          member = step.member;
          opened = { identity: step.identity };
          if (member.usernameKey !== normalizeKey(username)) throw new NetmakerError(403, 'forbidden');
        }
        const { totp } = bodyOf(Code, request, 'invalid request body: ');
        const factor = await secondStep.check(member, totp);
        if (factor === null) {
          throw new NetmakerError(
            400,
            `mfa is disabled for user(${member.username}), cannot process totp verification`,
          );
        }
        if (factor === undefined) throw new NetmakerError(401, 'invalid otp');
        if (opened === undefined) throw new NetmakerError(403, 'forbidden');
        const token = await openSession(services, request, { ...opened, member }, factor.id);
        return envelope(`W1R3: User ${member.username} Authorized`, {
          UserName: member.username,
          AuthToken: token,
        });
      },
    },
  ];
};
