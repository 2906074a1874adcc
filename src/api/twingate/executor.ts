/** Runs GraphQL documents: parsed and checked once, measured each time, then executed. */
import {
  type FormattedExecutionResult,
  type GraphQLSchema,
  getOperationAST,
  OperationTypeNode,
} from 'graphql';
import { AppError, toAppError } from '../../kernel/errors.ts';
import type { Context } from './context.ts';
import { createDocuments, type DocumentsOptions, interpret } from './documents.ts';
import { errorBody, formatExecutionError } from './errors.ts';
import { checkLimits } from './limits.ts';

export interface GraphqlRequest {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly operationName: string | undefined;
  /** A GET changes nothing. */
  readonly readOnly: boolean;
}

export interface Executor {
  run(request: GraphqlRequest, context: Context): Promise<FormattedExecutionResult>;
}

export function createExecutor(schema: GraphQLSchema, options?: DocumentsOptions): Executor {
  const documents = createDocuments(schema, options);
  return {
    run: async ({ query, variables, operationName, readOnly }, context) => {
      const checked = documents.get(query);
      if ('errors' in checked) return { errors: checked.errors.map((error) => error.toJSON()) };
      const { document } = checked;
      const operation = getOperationAST(document, operationName);
      if (!operation) {
        return { errors: [{ message: 'operationName must name one of the operations of the document' }] };
      }
      const isQuery = operation.operation === OperationTypeNode.QUERY;
      try {
        if (readOnly && !isQuery) {
          throw new AppError('invalid', 'only queries can be sent with GET', { field: 'query' });
        }
        checkLimits(schema, document, operation, variables);
      } catch (error) {
        const known = toAppError(error);
        if (known.code === 'internal') throw error;
        return { errors: [...errorBody(known).errors] };
      }
      const result = isQuery
        ? await checked.query(operationName, variables, context)
        : await interpret(schema, document, operationName, variables, context);
      if (result.errors === undefined || result.errors.length === 0) return { data: result.data ?? null };
      const errors = result.errors.map((error) => formatExecutionError(error, context.onDefect));
      // Variables that do not fit the document leave nothing to answer with.
      return result.data === undefined ? { errors } : { errors, data: result.data };
    },
  };
}
