import {
  type JsonValue,
  type LiteralNode,
  type Node,
  positionAt,
  stringValue,
  toValue,
} from '../../kernel/hujson/index.ts';
import { PolicyError } from '../errors.ts';

/** A member of an object with the name as written. */
export interface Entry {
  readonly name: string;
  readonly value: Node;
  readonly line: number;
}

/** Typed access to a HuJSON tree; every complaint carries line and column. `null` counts as absent everywhere. */
export interface Reader {
  line(node: Node): number;
  fail(node: Node, problem: string): never;
  /** Members by lower-cased name; names outside of `known` (and duplicates that differ in case) are refused. */
  fields(node: Node, what: string, known: readonly string[]): ReadonlyMap<string, Node>;
  entries(node: Node | undefined, what: string): Entry[];
  items(node: Node | undefined, what: string): readonly Node[];
  string(node: Node, what: string): string;
  strings(node: Node | undefined, what: string): string[];
  boolean(node: Node | undefined, what: string): boolean;
  optionalString(node: Node | undefined, what: string): string;
  json(node: Node): JsonValue;
}

export function createReader(text: string): Reader {
  // Line starts once, so that a line number costs a binary search instead of a walk from the top.
  const lineStarts = [0];
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) lineStarts.push(i + 1);

  function line(node: Node): number {
    let low = 0;
    let high = lineStarts.length;
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if ((lineStarts[middle] ?? 0) <= node.start) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  function fail(node: Node, problem: string): never {
    const position = positionAt(text, node.start);
    throw new PolicyError(`line ${position.line}, column ${position.column}: ${problem}`, position);
  }

  const present = (node: Node | undefined): node is Node => node !== undefined && node.kind !== 'null';

  function entries(node: Node | undefined, what: string): Entry[] {
    if (!present(node)) return [];
    if (node.kind !== 'object') fail(node, `${what} must be an object`);
    return node.members
      .filter(({ value }) => value.kind !== 'null')
      .map(({ name, value }: { name: LiteralNode; value: Node }) => ({
        name: stringValue(name),
        value,
        line: line(name),
      }));
  }

  function items(node: Node | undefined, what: string): readonly Node[] {
    if (!present(node)) return [];
    if (node.kind !== 'array') fail(node, `${what} must be an array`);
    return node.items;
  }

  function string(node: Node, what: string): string {
    if (node.kind !== 'string') fail(node, `${what} must be a string`);
    return stringValue(node);
  }

  return {
    line,
    fail,
    entries,
    items,
    string,
    fields(node, what, known) {
      if (node.kind !== 'object') fail(node, `${what} must be an object`);
      const allowed = new Set(known.map((name) => name.toLowerCase()));
      const out = new Map<string, Node>();
      for (const { name, value } of node.members) {
        const key = stringValue(name);
        if (!allowed.has(key.toLowerCase())) fail(name, `unknown field: ${JSON.stringify(key)}`);
        if (value.kind !== 'null') out.set(key.toLowerCase(), value);
      }
      return out;
    },
    strings: (node, what) => items(node, what).map((item) => string(item, `an element of ${what}`)),
    boolean(node, what) {
      if (!present(node)) return false;
      if (node.kind !== 'boolean') fail(node, `${what} must be true or false`);
      return node.raw === 'true';
    },
    optionalString: (node, what) => (present(node) ? string(node, what) : ''),
    json: toValue,
  };
}
