/**
 * HuJSON: JSON with `//` and block comments and trailing commas, lossless.
 *
 *   parse(text)        -> Node; throws HujsonError (line, column, offset)
 *   print(node)        -> text; print(parse(x)) === x
 *   format(text)       -> the canonical layout; the ETag of a policy file is SHA-256 of it
 *   minify(text)       -> plain JSON text, literals as they were written
 *   parseValue(text)   -> plain JSON value
 *   setValue, insertValue, removeValue, replaceValue (text, path, …) -> text with one span changed
 */
import { type JsonValue, toValue } from './ast.ts';
import { formatNode } from './format.ts';
import { parse } from './parse.ts';
import { minifyNode, print } from './print.ts';

export {
  type ArrayNode,
  type ExactValue,
  type JsonValue,
  type LiteralNode,
  type Member,
  type Node,
  type ObjectNode,
  stringValue,
  toExactValue,
  toValue,
} from './ast.ts';
export { byteLength, HujsonError, type Position, parse } from './parse.ts';
export {
  insertValue,
  nodeAt,
  type Path,
  PathError,
  pathOf,
  removeValue,
  replaceEdit,
  replaceValue,
  setValue,
} from './patch.ts';
export { print } from './print.ts';

/** The canonical layout. Throws HujsonError on bad syntax. */
export function format(text: string): string {
  const root = parse(text);
  formatNode(root);
  return print(root);
}

/** Plain JSON without comments, trailing commas or space; numbers keep all their digits. Throws HujsonError on bad syntax. */
export function minify(text: string): string {
  const root = parse(text);
  minifyNode(root);
  return print(root);
}

/** The value of a HuJSON text. Throws HujsonError on bad syntax. */
export const parseValue = (text: string): JsonValue => toValue(parse(text));
