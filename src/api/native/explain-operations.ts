/** Whether one thing may reach another, and why: `POST /app/api/explain`, the same as `holdfast policy explain --json`. */
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import { type AccessQuestion, accessQuestion } from '../../effective-policy/access-question.ts';
import type { AccessExplanation } from '../../effective-policy/explain-access.ts';
import type { GuardedOperation } from '../shared/operation.ts';
import { parsed } from './parsed.ts';

export interface Explanations {
  /**
   * In the actor's organization. Errors: `not_found` for a name that is nothing's there, `invalid` for what cannot be asked
   * about, both with the field; `rate_limited` and `unavailable` as of impacts.
   */
  of(actor: Actor, question: AccessQuestion): Promise<AccessExplanation>;
}

/** Names of resources are the longest that there are. */
const MAX_NAME = 1_000;
const MAX_PROTOCOL = 20;

const question = z.strictObject({
  /** A device, user, group, tag or address. */
  src: z.string().max(MAX_NAME),
  /** With a port behind a colon: `web:443`, `[fd7a::1]:443`, `resource:database:5432`. */
  dst: z.string().max(MAX_NAME),
  /** TCP unless said. */
  proto: z.string().max(MAX_PROTOCOL).optional(),
});

export const explainOperations = (explanations: Explanations): readonly GuardedOperation[] => [
  {
    id: 'native.explain',
    method: 'POST',
    path: '/app/api/explain',
    // An answer tells of rules, and of devices, their posture and the networks behind them.
    requires: { allOf: ['policy:read', 'devices:read', 'attributes:read', 'networks:read', 'access:read'] },
    handle: ({ request, actor }) => explanations.of(actor, accessQuestion(parsed(question, request.body))),
  },
];
