/** Where the parts of a policy file stand in its text, for those who say what is wrong with one. */
import { byteLength, type Node, type Position, parse, stringValue } from '../../kernel/hujson/index.ts';

/** The index of an element, the name of a member, or the names that a member can have, the first one preferred. */
export type Step = number | string | readonly string[];

export interface Places {
  /** Line of an offset of the text, from 1. */
  lineAt(offset: number): number;
  at(offset: number): Position;
  /** Of the value at a path; of the innermost that holds it where there is no such value. */
  value(...path: readonly Step[]): Position;
  /** Of the name of the member that the last step leads to. */
  key(...path: readonly Step[]): Position;
}

export function createPlaces(text: string): Places {
  // Line starts once, so that a line number costs a binary search instead of a walk from the top.
  const lineStarts = [0];
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) lineStarts.push(i + 1);
  // A file can be one line of a megabyte: columns are counted on from the last one that was asked for.
  let last = { offset: 0, line: 1, column: 1 };

  function lineAt(offset: number): number {
    let low = 0;
    let high = lineStarts.length;
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if ((lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  function at(offset: number): Position {
    const line = lineAt(offset);
    const from =
      line === last.line && offset >= last.offset
        ? last
        : { offset: lineStarts[line - 1] ?? 0, column: 1, line };
    last = { offset, line, column: from.column + byteLength(text.slice(from.offset, offset)) };
    return { line, column: last.column };
  }

  // The tree is not kept: a policy is in force for months, and this is asked when it is refused.
  const find = (path: readonly Step[], wantsKey: boolean): Position => {
    let node = parse(text);
    let start = node.start;
    for (const step of path) {
      const next = entryAt(node, step);
      if (next === undefined) break;
      node = next.value;
      start = wantsKey ? next.start : node.start;
    }
    return at(start);
  };

  return {
    lineAt,
    at,
    value: (...path) => find(path, false),
    key: (...path) => find(path, true),
  };
}

function entryAt(node: Node, step: Step): { readonly value: Node; readonly start: number } | undefined {
  if (node.kind === 'array') {
    const item = typeof step === 'number' ? node.items[step] : undefined;
    return item && { value: item, start: item.start };
  }
  if (node.kind !== 'object' || typeof step === 'number') return undefined;
  const present = node.members.filter(({ value }) => value.kind !== 'null');
  for (const wanted of typeof step === 'string' ? [step] : step) {
    const lower = wanted.toLowerCase();
    const member =
      present.findLast(({ name }) => stringValue(name) === wanted) ??
      present.findLast(({ name }) => stringValue(name).toLowerCase() === lower);
    if (member !== undefined) return { value: member.value, start: member.name.start };
  }
  return undefined;
}
