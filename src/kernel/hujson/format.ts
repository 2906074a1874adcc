import { type Container, isContainer, type Node, type ObjectNode, stringValue } from './ast.ts';
import { hasComment, hasNewline, skipComment, skipWhitespace } from './extra.ts';
import { formatExtra, trimEndSpace } from './format-extra.ts';
import { byteLength } from './parse.ts';
import { children, isStandard } from './print.ts';

/**
 * The canonical layout of HuJSON, byte for byte that of the vendor's formatter: clients compare SHA-256 of it to decide
 * whether a policy file changed. In short: a container is either on one line or has every element on a line of its own;
 * tabs indent; a line of more than 80 bytes is broken; values of neighbouring one-line members are aligned; comments
 * keep their place; plain JSON stays plain JSON.
 */
const MAX_LINE_BYTES = 80;

/** Formats a tree in place. */
export function formatNode(root: Node): void {
  root.before = formatExtra(root.before, 0, {});
  root.before = root.before.slice(skipWhitespace(root.before, 0));
  const standard = isStandard(root);
  normalize(root);
  const expanded = new Set<Container>();
  measure(root, expanded);
  layOut(root, 0, expanded, standard);
  align(root);
  root.after = `${trimEndSpace(formatExtra(root.after, 0, {}))}\n`;
}

/** Re-encodes escaped strings in their shortest form and drops whitespace in front of commas and colons. */
function normalize(node: Node): void {
  if (node.kind === 'string') {
    if (node.raw.includes('\\')) node.raw = JSON.stringify(stringValue(node));
    return;
  }
  if (!isContainer(node)) return;
  if (lengthOf(node) === 0) {
    if (!hasComment(node.inner)) node.inner = '';
    return;
  }
  for (const child of children(node)) if (!hasComment(child.after)) child.after = '';
  const last = lastValue(node);
  if (last?.after === '') node.trailingComma = false;
  for (const child of children(node)) normalize(child);
}

const lengthOf = (node: Container): number =>
  node.kind === 'array' ? node.items.length : node.members.length;

const lastValue = (node: Container): Node | undefined =>
  node.kind === 'array' ? node.items.at(-1) : node.members.at(-1)?.value;

/** The extra right behind the opening bracket. */
const firstExtra = (node: Container): string =>
  (node.kind === 'array' ? node.items[0]?.before : node.members[0]?.name.before) ?? node.inner;

interface Lines {
  first: number;
  last: number;
  multiline: boolean;
}

const oneLine = (length: number): Lines => ({ first: length, last: length, multiline: false });

/** Decides which containers are expanded; returns the line lengths that the value will roughly have. */
function measure(node: Node, expanded: Set<Container>): Lines {
  if (!isContainer(node)) return oneLine(byteLength(node.raw));
  let expand = false;
  let current = 0;
  let first = -1;
  let longest = 0;
  const add = (lines: Lines): void => {
    current += lines.first;
    if (!lines.multiline) return;
    if (first < 0) first = current;
    longest = Math.max(longest, current);
    current = lines.last;
  };
  const separator = 2; // ": " and ", "

  current += 1;
  if (node.kind === 'object') {
    for (const { name, value } of node.members) {
      expand ||= hasNewline(name.before);
      add(measureExtra(name.before));
      add(measure(name, expanded));
      add(measureExtra(name.after));
      current += separator;
      add(measureExtra(value.before));
      add(measure(value, expanded));
      add(measureExtra(value.after));
      current += separator;
    }
  } else {
    for (const item of node.items) {
      expand ||= hasNewline(item.before);
      add(measureExtra(item.before));
      add(measure(item, expanded));
      add(measureExtra(item.after));
      current += separator;
    }
  }
  current += 1;
  expand ||= hasNewline(lastValue(node)?.after ?? '') || hasNewline(node.inner);

  const multiline = first >= 0;
  longest = Math.max(longest, current);
  expand ||= longest > MAX_LINE_BYTES;
  if (!expand) return { first: multiline ? first : current, last: current, multiline };
  expanded.add(node);
  return { first: 1 + measureExtra(firstExtra(node)).first, last: 1, multiline: true };
}

function measureExtra(extra: string): Lines {
  const newline = extra.indexOf('\n');
  if (newline < 0) return oneLine(commentBytes(extra));
  return {
    first: commentBytes(extra.slice(0, newline)),
    last: commentBytes(extra.slice(extra.lastIndexOf('\n') + 1)),
    multiline: true,
  };
}

/** Bytes that the comments of one line take, each with a space in front. */
function commentBytes(line: string): number {
  let total = 0;
  for (let at = skipWhitespace(line, 0); ; at = skipWhitespace(line, at)) {
    const end = skipComment(line, at);
    if (end === at) return total > 0 ? total + 1 : 0;
    // A comment that goes on beyond the line takes the rest of it.
    if (end < 0) return total + 1 + byteLength(line.slice(at));
    total += 1 + byteLength(line.slice(at, end));
    at = end;
  }
}

function layOut(node: Node, depth: number, expanded: Set<Container>, standard: boolean): void {
  if (!isContainer(node)) return;
  const expand = expanded.has(node);
  const step = expand ? 1 : 0;
  const beforeComma = { trimLeadingBlank: true, trimTrailingBlank: true };
  const leading = (i: number) => ({ startLine: expand, trimLeadingBlank: i === 0, atLeastSpace: i !== 0 });

  if (node.kind === 'object') {
    node.members.forEach(({ name, value }, i) => {
      name.before = formatExtra(name.before, depth + 1, leading(i));
      name.after = formatExtra(name.after, depth + 2, beforeComma);
      value.before = formatExtra(value.before, depth + 2, { ...beforeComma, atLeastSpace: true });
      const shifted = hasNewline(name.after) || hasNewline(value.before) ? 1 : 0;
      layOut(value, depth + step + shifted, expanded, standard);
      value.after = formatExtra(value.after, depth + 2, beforeComma);
    });
  } else {
    node.items.forEach((item, i) => {
      item.before = formatExtra(item.before, depth + 1, leading(i));
      layOut(item, depth + step, expanded, standard);
      item.after = formatExtra(item.after, depth + 2, beforeComma);
    });
  }
  node.inner = formatExtra(node.inner, depth + 1, {
    endLine: expand,
    trimLeadingBlank: lengthOf(node) === 0,
    trimTrailingBlank: true,
    unindentLastLine: true,
  });

  const last = lastValue(node);
  if (last === undefined) return;
  const commaBetweenComments = last.after !== '' && node.inner !== '';
  if (!expand && !commaBetweenComments) {
    node.inner = last.after + node.inner;
    last.after = '';
    node.trailingComma = false;
  } else if (expand && !standard) {
    node.trailingComma = true;
  }
}

/** Aligns the values of neighbouring members that each stand on one line. */
function align(node: Node): void {
  if (node.kind === 'object') alignMembers(node);
  for (const child of children(node)) align(child);
}

function alignMembers(node: ObjectNode): void {
  let rows: { value: Node; width: number }[] = [];
  const flush = (): void => {
    const widest = Math.max(0, ...rows.map((row) => row.width));
    for (const { value, width } of rows) value.before += ' '.repeat(widest - width);
    rows = [];
  };
  for (const { name, value } of node.members) {
    const ownLine =
      hasNewline(name.before) &&
      ![name.after, value.before, value.after].some(hasNewline) &&
      !spansLines(value);
    if (!ownLine) {
      flush();
      continue;
    }
    if (name.before.indexOf('\n') !== name.before.lastIndexOf('\n')) flush(); // a blank line ends the block
    rows.push({ value, width: byteLength(name.raw) + byteLength(name.after) + byteLength(value.before) });
  }
  flush();
}

/** Whether a newline stands around any descendant. A newline in `inner` alone does not count, as in the vendor's. */
function spansLines(node: Node): boolean {
  for (const child of children(node)) {
    if (hasNewline(child.before) || hasNewline(child.after) || spansLines(child)) return true;
  }
  return false;
}
