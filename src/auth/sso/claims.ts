/** What a provider says of a person, from the id token and the userinfo endpoint. */
import { z } from 'zod';

export interface SsoClaims {
  readonly subject: string;
  readonly email: string | undefined;
  readonly emailVerified: boolean;
  readonly displayName: string | undefined;
  readonly givenName: string | undefined;
  readonly familyName: string | undefined;
  /** Undefined: the provider says nothing of groups, which changes none. */
  readonly groups: readonly string[] | undefined;
}

const MAX_NAME = 255;
const MAX_CLAIM = 1_000;
const MAX_GROUPS_READ = 1_000;

const text = z.string().max(MAX_CLAIM).optional().catch(undefined);
const Person = z.object({
  email: text,
  // Some providers send the text; only what is true counts.
  email_verified: z
    .union([z.literal(true), z.literal('true')])
    .optional()
    .catch(undefined),
  name: text,
  given_name: text,
  family_name: text,
  groups: z.array(z.unknown()).optional().catch(undefined),
});

const named = (value: string | undefined): string | undefined => {
  const name = value
    ?.trim()
    .replace(/\p{Cc}/gu, '')
    .slice(0, MAX_NAME);
  return name === '' || name?.isWellFormed() !== true ? undefined : name;
};

/** Of two sources the first goes before. */
export function claimsOf(subject: string, ...sources: readonly object[]): SsoClaims {
  const parsed = sources.map((source) => Person.parse(source));
  // The address and whether it was verified belong together: one source must say both.
  const mail = parsed.find(({ email }) => email !== undefined);
  const first = (name: 'name' | 'given_name' | 'family_name'): string | undefined =>
    named(parsed.find((source) => source[name] !== undefined)?.[name]);
  return {
    subject,
    email: mail?.email,
    emailVerified: mail?.email_verified !== undefined,
    displayName: first('name'),
    givenName: first('given_name'),
    familyName: first('family_name'),
    groups: parsed
      .find(({ groups }) => groups !== undefined)
      ?.groups?.slice(0, MAX_GROUPS_READ)
      .filter((group) => typeof group === 'string'),
  };
}

/** Whether a provider's answer lacks what the userinfo endpoint may have. */
export const needsMore = (source: object): boolean => !('email' in source) || !('groups' in source);
