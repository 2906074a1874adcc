/**
 * HuJSON ("JSON with commas and comments") as a lossless tree: every byte of the source is in exactly one `raw`,
 * `before`, `after` or `inner`, or is implied punctuation. Offsets are indexes into the JavaScript string.
 *
 * Only `before` of the first token after `{`, `[`, `,` or `:` and `after` of a token in front of `,`, `:` or the end of
 * the text hold anything; what stands between the last value (or its trailing comma) and the closing bracket is the
 * container's `inner`.
 */
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

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

export const isContainer = (node: Node): node is Container => node.kind === 'array' || node.kind === 'object';

/** The unescaped text of a string literal; the raw text of any other literal. */
export function stringValue(node: LiteralNode): string {
  if (node.kind !== 'string') return node.raw;
  if (!node.raw.includes('\\')) return node.raw.slice(1, -1);
  // Go's decoder, which the vendor uses, puts U+FFFD in the place of a lone surrogate escape.
  return String(JSON.parse(node.raw)).toWellFormed();
}

/**
 * The plain JSON value of a tree. Of members with equal names the last one wins, as in Go's and JavaScript's decoders.
 */
export function toValue(node: Node): JsonValue {
  switch (node.kind) {
    case 'array':
      return node.items.map(toValue);
    case 'object': {
      const out: { [key: string]: JsonValue } = {};
      for (const { name, value } of node.members) {
        // A plain assignment would call the setter that objects inherit for "__proto__".
        Object.defineProperty(out, stringValue(name), {
          value: toValue(value),
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
      return Number(node.raw);
    case 'boolean':
      return node.raw === 'true';
    case 'null':
      return null;
  }
}
