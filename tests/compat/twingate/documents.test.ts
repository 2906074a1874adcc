import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type DocumentNode, Kind, parse, specifiedRules, validate, visit } from 'graphql';
import { describe, expect, test } from 'vitest';
import { createTwingateSchema } from '../../../src/api/twingate/schema.ts';
import { unless } from '../../support/requirements.ts';
import { TERRAFORM_DOCUMENTS } from './terraform-documents.ts';

const schema = createTwingateSchema();
const complaints = (document: DocumentNode): string[] =>
  validate(schema, document, specifiedRules).map(({ message }) => message);

/** The provider declares a variable as required where it has a value for it. */
const withValues = (document: DocumentNode): DocumentNode =>
  visit(document, {
    VariableDefinition: (definition) => {
      const { type } = definition;
      return type.kind === Kind.NON_NULL_TYPE
        ? undefined
        : { ...definition, type: { kind: Kind.NON_NULL_TYPE, type } };
    },
  });

const titleOf = (text: string): string => text.replace(/\s+/gu, ' ').slice(0, 60);

describe('documents of the Terraform provider', () => {
  test.each(TERRAFORM_DOCUMENTS.map((text) => [titleOf(text), text]))('%s', (_title, text) => {
    expect(complaints(parse(text))).toEqual([]);
  });

  test('a variable may be declared with and without a value', () => {
    for (const text of TERRAFORM_DOCUMENTS) expect(complaints(withValues(parse(text))), text).toEqual([]);
  });
});

// Files of one JSON object a line, `{"client", "query", "accepted"?}`, collected from the vendor's and the public clients; those
// that the clients' own errors make invalid are marked `"accepted": false`.
const FOLDER = process.env.HOLDFAST_TWINGATE_DOCUMENTS;
const lines =
  FOLDER === undefined
    ? []
    : readdirSync(FOLDER)
        .filter((name) => name.endsWith('.jsonl'))
        .flatMap((name) => readFileSync(path.join(FOLDER, name), 'utf8').split('\n'))
        .filter((line) => line !== '')
        .map((line): { client: string; query: string; accepted?: boolean } => JSON.parse(line));
const missing = FOLDER === undefined ? 'HOLDFAST_TWINGATE_DOCUMENTS names no folder' : undefined;

describe('documents of public clients', unless(missing, { optional: true }), () => {
  test('are there', () => {
    expect(lines.length).toBeGreaterThan(0);
  });

  test.each(
    lines.map(({ client, query, accepted }) => [client, titleOf(query), query, accepted !== false] as const),
  )('%s: %s', (_client, _title, query, accepted) => {
    const found = complaints(parse(query));
    expect(found.length === 0, found.join('; ')).toBe(accepted);
  });
});
