/** Which tags an organization has, and who may put them on keys and devices: the policy file's tagOwners. */
import { AppError } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';

/** `tag:` and a name that starts with a letter. */
const TAG = /^tag:[a-zA-Z][a-zA-Z0-9-]{0,62}$/u;
/** Tags that the program computes and nobody sets. */
const RESERVED_PREFIX = 'tag:hf-';
const MAX_TAGS = 100;

/** Whom the file's owners are asked about: a member, or what holds tags of its own. */
export interface TagUser {
  readonly membership: number | null;
  readonly tags: readonly string[];
}

export interface TagOwnership {
  /** Those of the tags that the organization's policy file does not have, or that are not this user's to give. */
  forbiddenTags(org: number, user: TagUser, tags: readonly string[]): Promise<readonly string[]>;
  /** Those that the file does not have, whoever asks. */
  unknownTags(org: number, tags: readonly string[]): Promise<readonly string[]>;
}

export interface TagRules {
  /** The tags, each once, in the order given. Errors: `invalid`, `too_large`, `tags_not_permitted`. */
  permitted(actor: Actor, tags: readonly string[]): Promise<readonly string[]>;
  /** As `permitted`, but a client gives its own tags only together, unless one of them owns those that it gives. */
  permittedOnKey(actor: Actor, tags: readonly string[]): Promise<readonly string[]>;
}

/** The error that names tags which do not exist or which the actor may not use. */
const tagsRefused = (tags: readonly string[]): AppError =>
  new AppError('tags_not_permitted', `requested tags [${tags.join(' ')}] are invalid or not permitted`, {
    field: 'tags',
    details: { tags },
  });

export function createTagRules({ ownership }: { readonly ownership: TagOwnership }): TagRules {
  const refusedTo = async (
    actor: Actor,
    tags: readonly string[],
    apart: boolean,
  ): Promise<readonly string[]> => {
    if (actor.kind === 'system' || actor.permissions.has('tags:use-any'))
      return ownership.unknownTags(actor.org, tags);
    if (actor.kind === 'member')
      return ownership.forbiddenTags(actor.org, { membership: actor.membership, tags: [] }, tags);
    const held = actor.credential.tags;
    const forbidden = await ownership.forbiddenTags(actor.org, { membership: null, tags: held }, tags);
    // A client gives the tags that it holds itself, as long as there are such tags.
    const givesOwn = actor.kind === 'client' && (apart || held.every((tag) => tags.includes(tag)));
    const own = forbidden.filter((tag) => givesOwn && held.includes(tag));
    const unknown = own.length === 0 ? [] : await ownership.unknownTags(actor.org, own);
    return forbidden.filter((tag) => !own.includes(tag) || unknown.includes(tag));
  };

  const permitted = async (
    actor: Actor,
    tags: readonly string[],
    apart: boolean,
  ): Promise<readonly string[]> => {
    const wanted = [...new Set(tags)];
    if (wanted.length === 0) return [];
    if (wanted.length > MAX_TAGS) {
      throw new AppError('too_large', `at most ${MAX_TAGS} tags are allowed`, { field: 'tags' });
    }
    const malformed = wanted.filter((tag) => !TAG.test(tag) || tag.startsWith(RESERVED_PREFIX));
    if (malformed.length > 0) throw tagsRefused(malformed);
    const refused = await refusedTo(actor, wanted, apart);
    if (refused.length > 0) throw tagsRefused(refused);
    return wanted;
  };

  return {
    permitted: (actor, tags) => permitted(actor, tags, true),
    permittedOnKey: (actor, tags) => permitted(actor, tags, false),
  };
}
