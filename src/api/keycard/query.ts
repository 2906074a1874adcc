/** Query parameters: arrays arrive in three spellings, depending on the client's version. */
import { invalid } from '../../kernel/errors.ts';

type Query = Readonly<Record<string, unknown>>;

const MAX_TEXT = 255;
const MAX_LIMIT = 100;
/** No client turns the page by itself, so a list is as long as it may be. */
const DEFAULT_LIMIT = MAX_LIMIT;

const textsOf = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : [value]).filter((one) => typeof one === 'string');

/** The last one given, where one is expected. */
export function textParameter(query: unknown, name: string): string | undefined {
  const text = textsOf((query as Query)[name]).at(-1);
  if (text === undefined) return undefined;
  if (text.length < 1 || text.length > MAX_TEXT) {
    throw invalid(`${name} must have 1 to ${MAX_TEXT} characters`, name);
  }
  return text;
}

export function choiceParameter<T extends string>(
  query: unknown,
  name: string,
  choices: readonly T[],
): T | undefined {
  const text = textParameter(query, name);
  if (text === undefined) return undefined;
  const choice = choices.find((one) => one === text);
  if (choice === undefined) throw invalid(`${name} must be one of ${choices.join(', ')}`, name);
  return choice;
}

/** `expand=a&expand=b`, `expand[]=a&expand[]=b` and `expand=a,b`. Values that nothing here uses are ignored. */
export function expansions(query: unknown): ReadonlySet<string> {
  const { expand, 'expand[]': list } = query as Query;
  return new Set([...textsOf(expand), ...textsOf(list)].flatMap((text) => text.split(',')));
}

export interface PageParameters {
  readonly afterId: number | undefined;
  readonly beforeId: number | undefined;
  readonly limit: number;
}

const CURSOR = /^i([0-9]{1,16})$/u;

export const encodeCursor = (id: number): string => Buffer.from(`i${id}`).toString('base64url');

/** A cursor that is none of ours counts as absent. */
function decodeCursor(text: string | undefined): number | undefined {
  const digits = CURSOR.exec(Buffer.from(text ?? '', 'base64url').toString('latin1'))?.[1];
  const id = Number(digits);
  return digits !== undefined && Number.isSafeInteger(id) ? id : undefined;
}

export function pageParameters(query: unknown): PageParameters {
  const text = textParameter(query, 'limit');
  const limit = text === undefined ? DEFAULT_LIMIT : Number(/^[0-9]{1,4}$/u.test(text) ? text : Number.NaN);
  if (!(limit >= 1 && limit <= MAX_LIMIT))
    throw invalid(`limit must be an integer from 1 to ${MAX_LIMIT}`, 'limit');
  return {
    afterId: decodeCursor(textParameter(query, 'after')),
    beforeId: decodeCursor(textParameter(query, 'before')),
    limit,
  };
}
