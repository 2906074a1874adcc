/** Runs GraphQL documents: parsed and validated once, measured each time, then executed. */
import {
  type DocumentNode,
  execute,
  type FormattedExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  OperationTypeNode,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import { AppError, toAppError } from '../../kernel/errors.ts';
import type { Context } from './context.ts';
import { errorBody, formatExecutionError } from './errors.ts';
import { checkLimits, MAX_TOKENS } from './limits.ts';

const MAX_CACHED = 500;
const MAX_CACHED_LENGTH = 20_000;
const MAX_VALIDATION_ERRORS = 20;

export interface GraphqlRequest {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly operationName: string | undefined;
  /** A GET changes nothing. */
  readonly readOnly: boolean;
}

export interface Executor {
  run(
    request: GraphqlRequest,
    context: Context,
    onDefect: (error: unknown) => void,
  ): Promise<FormattedExecutionResult>;
}

type Checked = { readonly document: DocumentNode } | { readonly errors: readonly GraphQLError[] };

export function createExecutor(schema: GraphQLSchema): Executor {
  const known = new Map<string, Checked>();

  const check = (query: string): Checked => {
    try {
      const document = parse(query, { maxTokens: MAX_TOKENS, noLocation: false });
      const errors = validate(schema, document, specifiedRules, { maxErrors: MAX_VALIDATION_ERRORS });
      return errors.length > 0 ? { errors } : { document };
    } catch (error) {
      if (error instanceof GraphQLError) return { errors: [error] };
      throw error;
    }
  };
  const checked = (query: string): Checked => {
    if (query.length > MAX_CACHED_LENGTH) return check(query);
    let found = known.get(query);
    if (found === undefined) {
      found = check(query);
      const oldest = known.size >= MAX_CACHED ? known.keys().next().value : undefined;
      if (oldest !== undefined) known.delete(oldest);
    } else known.delete(query);
    // Last used goes last, so that the first is the one to forget.
    known.set(query, found);
    return found;
  };

  return {
    run: async ({ query, variables, operationName, readOnly }, context, onDefect) => {
      const document = checked(query);
      if ('errors' in document) return { errors: document.errors.map((error) => error.toJSON()) };
      const operation = getOperationAST(document.document, operationName);
      if (!operation) {
        return { errors: [{ message: 'operationName must name one of the operations of the document' }] };
      }
      try {
        if (readOnly && operation.operation !== OperationTypeNode.QUERY) {
          throw new AppError('invalid', 'only queries can be sent with GET', { field: 'query' });
        }
        checkLimits(schema, document.document, operation, variables);
      } catch (error) {
        const known = toAppError(error);
        if (known.code === 'internal') throw error;
        return { errors: [...errorBody(known).errors] };
      }
      const result = await execute({
        schema,
        document: document.document,
        variableValues: variables,
        contextValue: context,
        ...(operationName === undefined ? {} : { operationName }),
      });
      if (result.errors === undefined) return { data: result.data ?? null };
      const errors = result.errors.map((error) => formatExecutionError(error, onDefect));
      // Variables that do not fit the document leave nothing to answer with.
      return result.data === undefined ? { errors } : { errors, data: result.data };
    },
  };
}
