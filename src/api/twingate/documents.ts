/**
 * Documents that clients send, parsed and checked against the schema once. They are few: a client's queries are written in its
 * code. One that comes again and again is compiled to a function, which runs large answers in a fraction of the time; the cost
 * of compiling pays from some uses on.
 */
import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import { type CompiledQuery, compileQuery, isCompiledQuery } from 'graphql-jit';
import { createRecentMap } from '../../kernel/recent-map.ts';
import type { Context } from './context.ts';
import { MAX_TOKENS } from './limits.ts';

export interface DocumentsOptions {
  readonly maxParsed?: number;
  readonly maxCompiled?: number;
  /** How often a document is interpreted before it is compiled. */
  readonly compileAfter?: number;
}

export interface CheckedDocument {
  readonly document: DocumentNode;
  /** Runs a query of it. Changes are few and short: they are run by `execute`. */
  query(
    operationName: string | undefined,
    variables: Readonly<Record<string, unknown>>,
    context: Context,
  ): Promise<ExecutionResult>;
}

type Checked = CheckedDocument | { readonly errors: readonly GraphQLError[] };

export interface Documents {
  get(text: string): Checked;
  /** How many are held as functions. */
  readonly compiled: number;
}

const MAX_PARSED = 500;
const MAX_COMPILED = 100;
const COMPILE_AFTER = 2;
/** Longer ones are written by machines for one use. */
const MAX_KEPT_LENGTH = 20_000;
const MAX_VALIDATION_ERRORS = 20;

export function createDocuments(schema: GraphQLSchema, options: DocumentsOptions = {}): Documents {
  const { maxParsed = MAX_PARSED, maxCompiled = MAX_COMPILED, compileAfter = COMPILE_AFTER } = options;
  const known = createRecentMap<Checked>(maxParsed);
  const functions = createRecentMap<CompiledQuery>(maxCompiled);

  const compile = (document: DocumentNode, operationName: string | undefined): CompiledQuery | undefined => {
    const made = compileQuery(schema, document, operationName, { disablingCapturingStackErrors: true });
    return isCompiledQuery(made) ? made : undefined;
  };

  const runnable = (text: string, document: DocumentNode): CheckedDocument => {
    let uses = 0;
    return {
      document,
      query: async (operationName, variables, context) => {
        uses += 1;
        const key = `${operationName ?? ''}\n${text}`;
        let found = functions.get(key);
        if (found === undefined && uses > compileAfter) {
          found = compile(document, operationName);
          if (found !== undefined) functions.set(key, found);
        }
        if (found === undefined) return interpret(schema, document, operationName, variables, context);
        // The interpreter's words for variables that do not fit, whichever way the document goes.
        const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? [];
        const { errors } = getVariableValues(schema, definitions, variables, {
          maxErrors: MAX_VALIDATION_ERRORS,
        });
        return errors === undefined ? found.query(undefined, context, variables) : { errors };
      },
    };
  };

  const check = (text: string): Checked => {
    try {
      const document = parse(text, { maxTokens: MAX_TOKENS });
      const errors = validate(schema, document, specifiedRules, { maxErrors: MAX_VALIDATION_ERRORS });
      return errors.length > 0 ? { errors } : runnable(text, document);
    } catch (error) {
      if (error instanceof GraphQLError) return { errors: [error] };
      throw error;
    }
  };

  return {
    get: (text) => {
      if (text.length > MAX_KEPT_LENGTH) return check(text);
      const found = known.get(text) ?? check(text);
      known.set(text, found);
      return found;
    },
    get compiled() {
      return functions.size;
    },
  };
}

export const interpret = (
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | undefined,
  variableValues: Readonly<Record<string, unknown>>,
  contextValue: Context,
): ExecutionResult | Promise<ExecutionResult> =>
  execute({
    schema,
    document,
    variableValues,
    contextValue,
    ...(operationName === undefined ? {} : { operationName }),
  });
