/** Which tags an organization has, and who may put them on keys and devices: the policy file's tagOwners. */
import { AppError } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import type { Queries } from '../ports/queries.ts';
import { sectionsOf } from './policy-checker.ts';

/** `tag:` and a name that starts with a letter. */
const TAG = /^tag:[a-zA-Z][a-zA-Z0-9-]{0,62}$/u;
/** Tags that the program computes and nobody sets. */
const RESERVED_PREFIX = 'tag:hf-';
const MAX_TAGS = 100;
const MAX_CACHED = 1_000;

interface TagPolicy {
  readonly version: number;
  readonly owners: ReadonlyMap<string, readonly string[]>;
  readonly groups: ReadonlyMap<string, readonly string[]>;
}

export interface TagRules {
  /** The tags, each once, in the order given. Errors: `invalid`, `too_large`, `tags_not_permitted`. */
  permitted(actor: Actor, tags: readonly string[]): Promise<readonly string[]>;
}

/** The error that names tags which do not exist or which the actor may not use. */
const tagsRefused = (tags: readonly string[]): AppError =>
  new AppError('tags_not_permitted', `requested tags [${tags.join(' ')}] are invalid or not permitted`, {
    field: 'tags',
    details: { tags },
  });

function lists(section: unknown): ReadonlyMap<string, readonly string[]> {
  if (section === null || typeof section !== 'object') return new Map();
  return new Map(
    Object.entries(section).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === 'string') : [],
    ]),
  );
}

const sameText = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

function owns(actor: Actor, owner: string, policy: TagPolicy): boolean {
  switch (actor.kind) {
    case 'system':
      return true;
    case 'client':
    case 'service-account':
      return actor.credential.tags.includes(owner);
    case 'member':
      return (
        sameText(owner, actor.name) ||
        owner === 'autogroup:member' ||
        owner === 'autogroup:members' ||
        owner === `autogroup:${actor.role}` ||
        (policy.groups.get(owner)?.some((member) => sameText(member, actor.name)) ?? false)
      );
  }
}

function mayUse(actor: Actor, tag: string, policy: TagPolicy): boolean {
  const owners = policy.owners.get(tag);
  if (owners === undefined || tag.startsWith(RESERVED_PREFIX)) return false;
  if (actor.permissions.has('tags:use-any')) return true;
  if (actor.kind === 'client' && actor.credential.tags.includes(tag)) return true;
  return owners.some((owner) => owns(actor, owner, policy));
}

export function createTagRules({ queries }: { readonly queries: Pick<Queries, 'currentPolicy'> }): TagRules {
  const cache = new Map<number, TagPolicy>();

  const policyOf = async (org: number): Promise<TagPolicy> => {
    const current = await queries.currentPolicy(org);
    const version = current?.version ?? 0;
    const known = cache.get(org);
    if (known?.version === version) return known;
    const sections = current === undefined ? new Map<string, unknown>() : sectionsOf(current.text);
    const policy: TagPolicy = {
      version,
      owners: lists(sections.get('tagowners')),
      groups: lists(sections.get('groups')),
    };
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(org, policy);
    return policy;
  };

  return {
    permitted: async (actor, tags) => {
      const wanted = [...new Set(tags)];
      if (wanted.length === 0) return [];
      if (wanted.length > MAX_TAGS) {
        throw new AppError('too_large', `at most ${MAX_TAGS} tags are allowed`, { field: 'tags' });
      }
      const malformed = wanted.filter((tag) => !TAG.test(tag));
      if (malformed.length > 0) throw tagsRefused(malformed);
      const policy = await policyOf(actor.org);
      const refused = wanted.filter((tag) => !mayUse(actor, tag, policy));
      if (refused.length > 0) throw tagsRefused(refused);
      return wanted;
    },
  };
}
