/** What is asked of a thread, and how it answers or says that it cannot. */
import { INSTALLATION, type Store } from '../domain/ports/store.ts';
import { loadAccessHistory } from '../effective-policy/access-history.ts';
import type { AccessQuestion } from '../effective-policy/access-question.ts';
import { type AccessExplanation, answeredAccess } from '../effective-policy/explain-access.ts';
import { loadOrganizationPolicy } from '../effective-policy/organization-policy.ts';
import type { NamedImpact } from '../effective-policy/policy-impact.ts';
import { AppError, type ErrorCode, notFound } from '../kernel/errors.ts';
import { type ImpactJob, impactOfChanges } from './impact-job.ts';

export interface ExplainJob {
  readonly kind: 'explain';
  readonly org: number;
  readonly question: AccessQuestion;
  /** The time of the question, in milliseconds. */
  readonly now: number;
}

export type QuestionJob = ImpactJob | ExplainJob;

interface Answers {
  readonly impact: NamedImpact;
  readonly explain: AccessExplanation;
}
export type AnswerTo<J extends QuestionJob> = Answers[J['kind']];

/** What comes back from a thread, as it can be sent. */
export type Outcome =
  | { readonly kind: 'answer'; readonly answer: NamedImpact | AccessExplanation }
  /** An `AppError`. */
  | {
      readonly kind: 'refusal';
      readonly code: ErrorCode;
      readonly message: string;
      readonly field: string | undefined;
    }
  /** Anything else that was thrown. */
  | { readonly kind: 'defect'; readonly text: string };

async function explanation(store: Store, { org, question, now }: ExplainJob): Promise<AccessExplanation> {
  const organization = await store.get('organization', INSTALLATION, org);
  if (organization === undefined) throw notFound('organization');
  const loaded = await loadOrganizationPolicy(store, { now: () => now }, organization);
  return answeredAccess(loaded, question, await loadAccessHistory(store, org, now));
}

/** Never rejects. */
export async function outcomeOf(store: Store, job: QuestionJob): Promise<Outcome> {
  try {
    const answer = await (job.kind === 'impact' ? impactOfChanges(store, job) : explanation(store, job));
    return { kind: 'answer', answer };
  } catch (error) {
    if (error instanceof AppError && error.code !== 'internal') {
      const { code, message, field } = error;
      return { kind: 'refusal', code, message, field };
    }
    return { kind: 'defect', text: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
