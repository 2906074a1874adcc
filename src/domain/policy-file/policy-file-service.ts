/** The policy file: read, replaced as a whole under a condition on its present state, and tried out. */
import { AppError, invalid } from '../../kernel/errors.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import { format, HujsonError, type Node, parse } from '../../kernel/hujson/index.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { PolicyVersion } from '../model/configuration.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store, Tx } from '../ports/store.ts';
import { DEFAULT_POLICY } from './default-policy.ts';
import type { PolicyChecker, PolicyPreview, PolicyProblem, PolicyReport } from './policy-checker.ts';

const MAX_POLICY_BYTES = 1024 * 1024;

/** What a writer believes of the file it replaces. */
export type PolicyCondition =
  | { readonly kind: 'none' }
  /** The file's ETag: SHA-256 of its canonical form, hex. */
  | { readonly kind: 'etag'; readonly etag: string }
  /** The file that the organization began with, never replaced. */
  | { readonly kind: 'untouched-default' };

export interface PolicyFileService {
  read(actor: Actor): Promise<PolicyVersion>;
  /** The present file with what the checker has to say of it. */
  inspect(actor: Actor): Promise<{ readonly file: PolicyVersion; readonly report: PolicyReport }>;
  /** Errors: `stale`, `policy_invalid` (details: the problem), `too_large`. */
  replace(
    actor: Actor,
    text: string,
    condition: PolicyCondition,
    origin: AuditOrigin,
  ): Promise<PolicyVersion>;
  /** Back to the file of a new organization, which then counts as untouched. */
  reset(actor: Actor, condition: PolicyCondition, origin: AuditOrigin): Promise<PolicyVersion>;
  /** Checks a file without saving it. Errors: `policy_invalid` (syntax), `too_large`. */
  validate(actor: Actor, text: string): Promise<PolicyReport>;
  /** Runs tests, the text of a list, against the present file. Errors: `policy_invalid`, `too_large`; `invalid` for too many. */
  runTests(actor: Actor, tests: string): Promise<PolicyReport>;
  /** The rules of a file that concern somebody. Errors: `policy_invalid`, `too_large`. */
  preview(
    actor: Actor,
    text: string,
    subject: { type: 'user' | 'ipport'; of: string },
  ): Promise<PolicyPreview>;
}

export interface PolicyFileParts {
  readonly store: Store;
  readonly checker: PolicyChecker;
}

const STALE = 'precondition failed, invalid old hash';

const holds = (condition: PolicyCondition, file: PolicyVersion): boolean => {
  switch (condition.kind) {
    case 'none':
      return true;
    case 'etag':
      return condition.etag === file.etag;
    case 'untouched-default':
      return file.isDefault;
  }
};

/** The tree of a text. Errors: `too_large`, `policy_invalid` with line and column. */
function checkSyntax(text: string): Node {
  if (Buffer.byteLength(text) > MAX_POLICY_BYTES) {
    throw new AppError('too_large', `the policy file is larger than ${MAX_POLICY_BYTES} bytes`);
  }
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof HujsonError) throw new AppError('policy_invalid', error.message, { cause: error });
    throw error;
  }
}

function checkFile(text: string): void {
  if (checkSyntax(text).kind === 'object') return;
  throw new AppError('policy_invalid', 'line 1, column 1: the policy file must be an object');
}

/** Errors: `policy_invalid`; `details` is the problem. */
export function refuseProblem(problem: PolicyProblem | null): void {
  if (problem !== null) throw new AppError('policy_invalid', problem.message, { details: problem });
}

export function createPolicyFileService({ store, checker }: PolicyFileParts): PolicyFileService {
  const current = async (org: number): Promise<PolicyVersion> => {
    const found = await store.queries.currentPolicy(org);
    if (found === undefined) throw new Error(`organization ${org} has no policy file`);
    return found;
  };

  /** The version in force as the transaction sees it: whoever holds the organization's head is alone in writing. */
  const currentIn = async (tx: Tx, org: number): Promise<PolicyVersion> => {
    const [found] = await tx.list('policyVersion', org, {
      orderBy: [{ column: 'version', descending: true }],
      limit: 1,
    });
    if (found === undefined) throw new Error(`organization ${org} has no policy file`);
    return found;
  };

  const save = (
    actor: Actor,
    file: { readonly text: string; readonly isDefault: boolean },
    condition: PolicyCondition,
    origin: AuditOrigin,
  ): Promise<PolicyVersion> => {
    const etag = sha256Hex(format(file.text));
    return store.write(contextOf(actor, origin), async (tx) => {
      const before = await currentIn(tx, actor.org);
      if (!holds(condition, before)) throw new AppError('stale', STALE);
      if (before.text === file.text && before.isDefault === file.isDefault) return before;
      const after = await tx.insert('policyVersion', {
        org: actor.org,
        id: tx.newId(),
        version: before.version + 1,
        text: file.text,
        etag,
        isDefault: file.isDefault,
        createdAt: tx.now,
        ...byColumnsOf(actor),
      });
      tx.audit(actor.org, {
        verb: 'update',
        objectKind: 'policyVersion',
        objectId: after.id,
        objectName: `version ${after.version}`,
        field: 'text',
        before: before.text,
        after: after.text,
      });
      return after;
    });
  };

  return {
    read: (actor) => {
      authorize(actor, 'policy:read');
      return current(actor.org);
    },
    inspect: async (actor) => {
      authorize(actor, 'policy:read');
      const file = await current(actor.org);
      return { file, report: await checker.check(file.text, { org: actor.org }) };
    },
    replace: async (actor, text, condition, origin) => {
      authorize(actor, 'policy:write');
      // Whoever is out of date hears that first: what is wrong with the file may be that it is out of date.
      if (!holds(condition, await current(actor.org))) throw new AppError('stale', STALE);
      checkFile(text);
      refuseProblem((await checker.check(text, { org: actor.org })).problem);
      return save(actor, { text, isDefault: false }, condition, origin);
    },
    reset: async (actor, condition, origin) => {
      authorize(actor, 'policy:write');
      return save(actor, { text: DEFAULT_POLICY, isDefault: true }, condition, origin);
    },
    validate: async (actor, text) => {
      authorize(actor, 'policy:read');
      checkFile(text);
      return checker.check(text, { org: actor.org });
    },
    runTests: async (actor, tests) => {
      authorize(actor, 'policy:read');
      const list = checkSyntax(tests);
      if (list.kind === 'array' && list.items.length > MAX_TESTS)
        throw invalid(`at most ${MAX_TESTS} tests can be run at once`);
      const { text } = await current(actor.org);
      return checker.runTests(text, tests, { org: actor.org });
    },
    preview: async (actor, text, subject) => {
      authorize(actor, 'policy:read');
      checkFile(text);
      return checker.preview(text, subject, { org: actor.org });
    },
  };
}

const MAX_TESTS = 10_000;
