import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../domain/access/actor.ts';
import type { Directory } from '../../domain/directory/directory.ts';
import type { OrganizationReads } from '../../domain/people/organization-reads.ts';
import type { PeopleReads } from '../../domain/people/people-reads.ts';

/** What the dialect needs of the program. */
export interface KeycardServices {
  readonly directory: Directory;
  readonly organizations: OrganizationReads;
  readonly people: PeopleReads;
}

export interface KeycardApiParts {
  readonly services: KeycardServices;
  /** From the text of a token to its actor; throws `unauthenticated`. */
  readonly authenticate: (token: string) => Promise<Actor>;
  /** Told of what was answered as our own fault. */
  readonly onError?: (error: unknown, request: FastifyRequest) => void;
}
