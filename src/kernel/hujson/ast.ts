/**
 * HuJSON ("JSON with commas and comments") as a lossless tree: every byte of the source is in exactly one `raw`,
 * `before`, `after` or `inner`, or is implied punctuation. Offsets are indexes into the JavaScript string.
 *
 * Only `before` of the first token after `{`, `[`, `,` or `:` and `after` of a token in front of `,`, `:` or the end of
 * the text hold anything; what stands between the last value (or its trailing comma) and the closing bracket is the
 * container's `inner`.
 */
import { exactNumber, type WrittenNumber } from './exact-number.ts';

interface Surroundings {
  /** Whitespace and comments before the value. */
  before: string;
  /** Offset of the first character of the value. */
  start: number;
  /** Offset just past the value. */
  end: number;
  /** Whitespace and comments after the value, up to the next `,`, `:` or the end of the text. */
  after: string;
}

export interface LiteralNode extends Surroundings {
  kind: 'string' | 'number' | 'boolean' | 'null';
  /** The literal as written, quotes and escapes included. */
  raw: string;
}

export interface ArrayNode extends Surroundings {
  kind: 'array';
  items: Node[];
  trailingComma: boolean;
  inner: string;
}

export interface Member {
  name: LiteralNode;
  value: Node;
}

export interface ObjectNode extends Surroundings {
  kind: 'object';
  members: Member[];
  trailingComma: boolean;
  inner: string;
}

export type Container = ArrayNode | ObjectNode;
export type Node = LiteralNode | Container;

type ValueOf<N> = null | boolean | string | N | ValueOf<N>[] | { [key: string]: ValueOf<N> };

export type JsonValue = ValueOf<number>;

/** A value that keeps its numbers as they are written. */
export type ExactValue = ValueOf<number | WrittenNumber>;

export const isContainer = (node: Node): node is Container => node.kind === 'array' || node.kind === 'object';

/** The unescaped text of a string literal; the raw text of any other literal. */
export function stringValue(node: LiteralNode): string {
  if (node.kind !== 'string') return node.raw;
  if (!node.raw.includes('\\')) return node.raw.slice(1, -1);
  // Go's decoder, which the vendor uses, puts U+FFFD in the place of a lone surrogate escape.
  return String(JSON.parse(node.raw)).toWellFormed();
}

/**
 * The plain JSON value of a tree, with its numbers as JavaScript has them. Of members with equal names the last one wins,
 * as in Go's and JavaScript's decoders.
 */
export const toValue = (node: Node): JsonValue => readValue<number>(node, Number);

/** The same with numbers as they are written. */
export const toExactValue = (node: Node): ExactValue => readValue(node, exactNumber);

function readValue<N>(node: Node, numberOf: (raw: string) => N): ValueOf<N> {
  switch (node.kind) {
    case 'array':
      return node.items.map((item) => readValue(item, numberOf));
    case 'object': {
      const out: { [key: string]: ValueOf<N> } = {};
      for (const { name, value } of node.members) {
        // A plain assignment would call the setter that objects inherit for "__proto__".
        Object.defineProperty(out, stringValue(name), {
          value: readValue(value, numberOf),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
      return out;
    }
    case 'string':
      return stringValue(node);
    case 'number':
      return numberOf(node.raw);
    case 'boolean':
      return node.raw === 'true';
    case 'null':
      return null;
  }
}
