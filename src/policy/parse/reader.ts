import {
  type ExactValue,
  type JsonValue,
  type LiteralNode,
  type Node,
  type Position,
  stringValue,
  toExactValue,
  toValue,
} from '../../kernel/hujson/index.ts';
import { PolicyError } from '../errors.ts';
import type { Places } from './places.ts';

/** A member of an object with the name as written. */
export interface Entry {
  readonly name: string;
  readonly key: Node;
  readonly value: Node;
  readonly line: number;
}

/** Typed access to a HuJSON tree; every complaint carries line and column. `null` counts as absent everywhere. */
export interface Reader {
  line(node: Node): number;
  place(node: Node): Position;
  /** Refuses a value with a text that has its place in front, as those of the syntax have. */
  fail(node: Node, problem: string): never;
  /** Members by lower-cased name, the last of several with one; names outside of `known` are refused. */
  fields(node: Node, what: string, known: readonly string[]): ReadonlyMap<string, Node>;
  entries(node: Node | undefined, what: string): Entry[];
  items(node: Node | undefined, what: string): readonly Node[];
  string(node: Node, what: string): string;
  strings(node: Node | undefined, what: string): string[];
  /** The elements of a list of strings; errors without a place that reading one throws get the element's. */
  list<T>(node: Node | undefined, what: string, parse: (text: string, item: Node) => T): T[];
  boolean(node: Node | undefined, what: string): boolean;
  optionalString(node: Node | undefined, what: string): string;
  json(node: Node): JsonValue;
  /** What is passed on to devices: with its numbers as they are written. */
  exactJson(node: Node): ExactValue;
}

export function createReader(places: Places): Reader {
  const line = (node: Node): number => places.lineAt(node.start);
  const place = (node: Node): Position => places.at(node.start);

  function fail(node: Node, problem: string): never {
    const position = place(node);
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
        key: name,
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

  function list<T>(node: Node | undefined, what: string, parse: (text: string, item: Node) => T): T[] {
    return items(node, what).map((item) => {
      const text = string(item, `an element of ${what}`);
      try {
        return parse(text, item);
      } catch (error) {
        if (error instanceof PolicyError && error.line === undefined)
          throw new PolicyError(error.message, place(item));
        throw error;
      }
    });
  }

  return {
    line,
    place,
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
    strings: (node, what) => list(node, what, (text) => text),
    list,
    boolean(node, what) {
      if (!present(node)) return false;
      if (node.kind !== 'boolean') fail(node, `${what} must be true or false`);
      return node.raw === 'true';
    },
    optionalString: (node, what) => (present(node) ? string(node, what) : ''),
    json: toValue,
    exactJson: toExactValue,
  };
}
