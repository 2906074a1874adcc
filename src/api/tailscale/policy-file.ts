import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PolicyVersion } from '../../domain/model/configuration.ts';
import type { PolicyFinding, PolicyReport } from '../../domain/policy-file/policy-checker.ts';
import { type PolicyCondition, refuseProblem } from '../../domain/policy-file/policy-file-service.ts';
import { AppError, invalid } from '../../kernel/errors.ts';
import { HujsonError, minify, parseValue } from '../../kernel/hujson/index.ts';
import type { Operation } from '../shared/operation.ts';
import { isTrue, queryValue, textBody } from './body.ts';
import { inTailnet, ORIGIN, TAILNET, type TailscaleApiParts } from './parts.ts';
import { placeText, problemData } from './policy-problem.ts';

const JSON_TYPE = 'application/json';
const HUJSON_TYPE = 'application/hujson';
/** The condition of tools that must not replace what somebody wrote. */
const TAILSCALE_DEFAULT = 'ts-default';

/** Go's clients quote an ETag that has its quotes already, and escape those. */
const QUOTES_AROUND = /^[\\"]+|[\\"]+$/gu;
/** Of characters; what is longer is no ETag, and is not searched for quotes, which takes the square of their number. */
const MAX_CONDITION = 256;

/** `If-Match`: an ETag with quotes, without, or with too many, `ts-default`, `*`, or nothing. No state has an empty ETag. */
function conditionOf(request: FastifyRequest): PolicyCondition {
  const header = request.headers['if-match']?.trim() ?? '';
  const value = header.length > MAX_CONDITION ? header : header.replace(QUOTES_AROUND, '');
  if (header === '' || value === '*') return { kind: 'none' };
  if (value === TAILSCALE_DEFAULT) return { kind: 'untouched-default' };
  return { kind: 'etag', etag: value };
}

const wantsJson = (request: FastifyRequest): boolean =>
  (request.headers.accept ?? '')
    .split(',')
    .some((entry) => entry.split(';', 1)[0]?.trim().toLowerCase() === JSON_TYPE);

const etagOf = (file: PolicyVersion): string => `"${file.etag}"`;

/** The file as JSON without comments, or byte for byte as it was written. */
function sendFile(request: FastifyRequest, reply: FastifyReply, file: PolicyVersion): string {
  void reply.header('etag', etagOf(file));
  if (wantsJson(request)) {
    void reply.header('content-type', JSON_TYPE);
    return minify(file.text);
  }
  void reply.header('content-type', HUJSON_TYPE);
  return file.text;
}

const lines = (findings: readonly PolicyFinding[], pick: (finding: PolicyFinding) => readonly string[]) => {
  const all = findings.flatMap((finding) =>
    pick(finding).map((line) => (finding.user === '' ? line : `"${finding.user}": ${line}`)),
  );
  return all.length === 0 ? null : all;
};

/** Clients take everything but `{}` for a problem, whatever the status. */
function verdict(report: PolicyReport): object {
  if (report.problem !== null) {
    return { message: report.problem.message, ...problemData(report.problem) };
  }
  // Warnings stay out: clients fail a plan on every message, and the file may name people who are yet to come.
  return {};
}

/** A list of tests to run on the present file, or a whole file to look at. */
function toValidate(text: string): { readonly tests: string } | { readonly file: string } {
  let value: unknown;
  try {
    value = parseValue(text);
  } catch (error) {
    if (error instanceof HujsonError) return { file: text };
    throw error;
  }
  return Array.isArray(value) ? { tests: text } : { file: text };
}

export function policyFileOperations({ services }: TailscaleApiParts): Operation[] {
  const { organizations, policyFile } = services;
  const path = `${TAILNET}/acl`;
  return [
    {
      id: 'tailscale.acl.get',
      method: 'GET',
      path,
      requires: 'policy:read',
      handle: inTailnet(organizations, async ({ actor, request, reply }) => {
        if (!isTrue(queryValue(request, 'details'))) {
          return sendFile(request, reply, await policyFile.read(actor));
        }
        const { file, report } = await policyFile.inspect(actor);
        void reply.header('etag', etagOf(file)).header('content-type', JSON_TYPE);
        const errors =
          report.problem === null ? null : [report.problem.message, ...placeText(report.problem)];
        return JSON.stringify({
          acl: Buffer.from(file.text).toString('base64'),
          warnings: lines(report.warnings, (finding) => finding.warnings ?? finding.errors),
          errors,
        });
      }),
    },
    {
      id: 'tailscale.acl.set',
      method: 'POST',
      path,
      requires: 'policy:write',
      handle: inTailnet(organizations, async ({ actor, request, reply }) => {
        const text = textBody(request);
        const condition = conditionOf(request);
        const file =
          text === ''
            ? await policyFile.reset(actor, condition, ORIGIN)
            : await policyFile.replace(actor, text, condition, ORIGIN);
        return sendFile(request, reply, file);
      }),
    },
    {
      id: 'tailscale.acl.validate',
      method: 'POST',
      path: `${path}/validate`,
      requires: 'policy:read',
      handle: inTailnet(organizations, async ({ actor, request }) => {
        const text = textBody(request);
        if (text.trim() === '')
          throw invalid('request body is empty; a policy file or a list of tests is needed');
        const wanted = toValidate(text);
        try {
          return verdict(
            'tests' in wanted
              ? await policyFile.runTests(actor, wanted.tests)
              : await policyFile.validate(actor, wanted.file),
          );
        } catch (error) {
          if (error instanceof AppError && error.code === 'policy_invalid') return { message: error.message };
          throw error;
        }
      }),
    },
    {
      id: 'tailscale.acl.preview',
      method: 'POST',
      path: `${path}/preview`,
      requires: 'policy:read',
      handle: inTailnet(organizations, async ({ actor, request }) => {
        const type = queryValue(request, 'type');
        const previewFor = queryValue(request, 'previewFor');
        if (type !== 'user' && type !== 'ipport') throw invalid('type must be user or ipport', 'type');
        if (previewFor === undefined || previewFor === '') {
          throw invalid('previewFor must name a user or an address and port', 'previewFor');
        }
        const preview = await policyFile.preview(actor, textBody(request), { type, of: previewFor });
        refuseProblem(preview.problem);
        return { matches: preview.matches, type, previewFor };
      }),
    },
  ];
}
