/** Errors in the forms of GraphQL and of mutation payloads. */
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { type AppError, type ErrorCode, toAppError } from '../../kernel/errors.ts';

/** The HTTP status of a request that never got to be executed. */
export function statusOf(code: ErrorCode): number {
  switch (code) {
    case 'unauthenticated':
      return 401;
    case 'sign_in_again':
    case 'forbidden':
      return 403;
    case 'rate_limited':
      return 429;
    case 'too_large':
      return 413;
    case 'unavailable':
      return 503;
    case 'internal':
      return 500;
    case 'invalid':
    case 'not_found':
    case 'conflict':
    case 'taken':
    case 'stale':
    case 'last_admin':
    case 'policy_invalid':
    case 'tags_not_permitted':
    case 'not_implemented':
      return 400;
  }
}

export interface ErrorBody {
  readonly errors: readonly { readonly message: string; readonly extensions?: Record<string, unknown> }[];
}

export const errorBody = (error: AppError): ErrorBody => ({
  errors: [{ message: error.message, extensions: extensionsOf(error) }],
});

const extensionsOf = ({ code, field }: AppError): Record<string, unknown> => ({
  code,
  ...(field === undefined ? {} : { field }),
});

/** An error of an executed document; `onDefect` is told of what is our own fault. */
export function formatExecutionError(
  error: GraphQLError,
  onDefect: (error: unknown) => void,
): GraphQLFormattedError {
  const { originalError, path, locations } = error;
  const place = {
    ...(locations === undefined ? {} : { locations }),
    ...(path === undefined ? {} : { path }),
  };
  // graphql-js's own complaints about the document and its variables are fit for the caller.
  if (originalError === undefined || originalError instanceof GraphQLError) {
    return { message: error.message, ...place };
  }
  const known = toAppError(originalError);
  if (known.code === 'internal') onDefect(originalError);
  return { message: known.message, ...place, extensions: extensionsOf(known) };
}
