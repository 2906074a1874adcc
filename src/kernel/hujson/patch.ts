import { type Container, type ExactValue, isContainer, type Node, stringValue } from './ast.ts';
import { hasComment, hasNewline, skipComment } from './extra.ts';
import { parse } from './parse.ts';

/**
 * Member names and array indexes from the root, an index as a number or as its digits; `'-'` as the last step of an
 * insertion means behind the last element.
 */
export type Path = readonly (string | number)[];

/** A replacement of `text.slice(start, end)`. */
export interface Edit {
  start: number;
  end: number;
  text: string;
}

/** A path that names nothing, or something of another kind. */
export class PathError extends Error {
  readonly path: Path;

  constructor(path: Path, problem: string) {
    super(`${path.join('/') || 'the whole file'}: ${problem}`);
    this.name = 'PathError';
    this.path = path;
  }
}

/** The path of a JSON Pointer (RFC 6901): `/acls/0`, `/groups/group:a`, `~1` for a slash in a name. Throws PathError. */
export function pathOf(pointer: string): Path {
  if (pointer === '') return [];
  if (!pointer.startsWith('/') || /~(?![01])/u.test(pointer))
    throw new PathError([pointer], 'not a JSON Pointer');
  const steps = pointer.slice(1).split('/');
  return steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** RFC 6901 has no leading zeros. */
const INDEX = /^(?:0|[1-9]\d*)$/u;

/** The position that a step means in an array; undefined for what is none. */
function indexOf(step: string | number): number | undefined {
  const index = typeof step === 'string' && INDEX.test(step) ? Number(step) : step;
  return typeof index === 'number' && Number.isInteger(index) && index >= 0 ? index : undefined;
}

const applyEdit = (text: string, edit: Edit): string =>
  text.slice(0, edit.start) + edit.text + text.slice(edit.end);

/** The node at a path, or undefined. Of members with equal names the last one counts. */
export function nodeAt(root: Node, path: Path): Node | undefined {
  let node: Node | undefined = root;
  for (const step of path) {
    if (node?.kind === 'array') node = node.items[indexOf(step) ?? -1];
    else if (node?.kind === 'object') {
      node = node.members.findLast(({ name }) => stringValue(name) === step)?.value;
    } else return undefined;
  }
  return node;
}

/** Replaces the value at `path`, and no byte outside of it. */
export function replaceEdit(text: string, path: Path, value: ExactValue): Edit {
  const node = nodeAt(parse(text), path);
  if (node === undefined) throw new PathError(path, 'no such value');
  return { start: node.start, end: node.end, text: render(value, lineIndent(text, node.start)) };
}

/** Removes the member or element at `path`, with its comma and, if it has lines of its own, those lines and their comments. */
function removeEdit(text: string, path: Path): Edit {
  const { parent, index } = locate(text, path);
  const before = entryExtraStart(text, parent, index);
  const current = valueAt(parent, index);
  const hasComma = index < count(parent) - 1 || parent.trailingComma;
  const past = hasComma ? current.end + current.after.length + 1 : current.end;
  const isOnLine = text[before] === '\n';
  const end = isOnLine ? lineEnd(text, past) : past;
  // One line end stays, since a comment in front may need it.
  const first = isOnLine && text[end] !== '\n' ? before + 1 : before;
  if (hasComma || index === 0) return { start: first, end, text: '' };
  // The last one without a comma: the comma in front of it goes too, and a comment behind that stays.
  const previous = valueAt(parent, index - 1);
  const comma = previous.end + previous.after.length;
  return { start: comma, end, text: text.slice(comma + 1, first) };
}

/** Inserts into the container at `path` minus its last step; siblings set the layout. */
function insertEdit(text: string, path: Path, value: ExactValue): Edit {
  const root = parse(text);
  const step = path.at(-1);
  const parent = nodeAt(root, path.slice(0, -1));
  if (parent === undefined || !isContainer(parent) || step === undefined) {
    throw new PathError(path, 'the parent is neither an object nor an array');
  }
  const n = count(parent);
  let index = n;
  let label = '';
  if (parent.kind === 'object') {
    if (typeof step !== 'string') throw new PathError(path, 'a member needs a name');
    if (parent.members.some(({ name }) => stringValue(name) === step))
      throw new PathError(path, 'already there');
    label = `${JSON.stringify(step)}: `;
  } else if (step !== '-') {
    const position = indexOf(step);
    if (position === undefined || position > n) throw new PathError(path, 'no such position');
    index = position;
  }

  const sibling = n > 0 ? entryExtra(parent, Math.max(0, index - 1)) : '';
  const ownLine = hasNewline(sibling);
  const indent = ownLine
    ? lineIndent(text, entryStart(parent, Math.max(0, index - 1)))
    : lineIndent(text, parent.start);
  const entry = label + render(value, indent);
  if (n === 0) return { start: parent.start + 1, end: parent.start + 1, text: entry };
  const gap = ownLine ? `\n${indent}` : ' ';
  if (index < n) {
    const at = entryStart(parent, index);
    return { start: at, end: at, text: `${entry},${gap}` };
  }
  // A comment that ends the line of the last one stays with it.
  const last = valueAt(parent, n - 1);
  const start = parent.trailingComma ? last.end + last.after.length + 1 : last.end;
  const end = lineEnd(text, start);
  const comment = text.slice(start, end);
  const next = (hasComment(comment) ? `\n${indent}` : gap) + entry;
  return parent.trailingComma
    ? { start, end, text: `${comment}${next},` }
    : { start, end, text: `,${comment}${next}` };
}

/** Replaces the value at `path`; every other byte of the text stays. Throws PathError when it is not there. */
export const replaceValue = (text: string, path: Path, value: ExactValue): string =>
  applyEdit(text, replaceEdit(text, path, value));

/** Removes the member or element at `path`. */
export const removeValue = (text: string, path: Path): string => applyEdit(text, removeEdit(text, path));

/** Inserts a member, or an element in front of the index that ends the path (`'-'`: at the end). */
export const insertValue = (text: string, path: Path, value: ExactValue): string =>
  applyEdit(text, insertEdit(text, path, value));

/** Replaces the value, or inserts it where its parent lacks it; objects and lists on the way there are made. */
export function setValue(text: string, path: Path, value: ExactValue): string {
  const root = parse(text);
  if (nodeAt(root, path) !== undefined) return replaceValue(text, path, value);
  let length = path.length;
  while (length > 1 && nodeAt(root, path.slice(0, length - 1)) === undefined) length--;
  const made = path
    .slice(length)
    .reduceRight<ExactValue>((inner, step) => (step === '-' ? [inner] : { [String(step)]: inner }), value);
  return insertValue(text, path.slice(0, length), made);
}

const count = (node: Container): number => (node.kind === 'array' ? node.items.length : node.members.length);

function valueAt(node: Container, index: number): Node {
  const value = node.kind === 'array' ? node.items[index] : node.members[index]?.value;
  if (value === undefined) throw new PathError([index], 'no such position');
  return value;
}

const entryStart = (node: Container, index: number): number =>
  node.kind === 'array' ? valueAt(node, index).start : (node.members[index]?.name.start ?? node.end);

const entryExtra = (node: Container, index: number): string =>
  node.kind === 'array' ? valueAt(node, index).before : (node.members[index]?.name.before ?? '');

/**
 * Where the removal of an entry begins: its whole `before`, but for a comment that ends the line of the entry in front
 * of it, which belongs to that one. At the end of a line, if the entry has lines of its own.
 */
function entryExtraStart(text: string, node: Container, index: number): number {
  const start = entryStart(node, index);
  const from = start - entryExtra(node, index).length;
  const end = lineEnd(text, from);
  if (text[end] === '\n') return end;
  return index === 0 ? start : from;
}

/** Where the line of `from` ends, if nothing but comments follows on it; else `from`. */
function lineEnd(text: string, from: number): number {
  let at = from;
  for (;;) {
    while (text[at] === ' ' || text[at] === '\t' || text[at] === '\r') at++;
    if (text[at] === '\n') return at;
    const past = skipComment(text, at);
    if (past <= at) return from;
    if (text[at + 1] === '/') return past - 1;
    if (hasNewline(text.slice(at, past))) return from;
    at = past;
  }
}

function locate(text: string, path: Path): { parent: Container; index: number } {
  const step = path.at(-1);
  const parent = nodeAt(parse(text), path.slice(0, -1));
  if (step === undefined || parent === undefined || !isContainer(parent))
    throw new PathError(path, 'no such value');
  const index =
    parent.kind === 'array'
      ? parent.items.findIndex((_, position) => position === indexOf(step))
      : parent.members.findLastIndex(({ name }) => stringValue(name) === step);
  if (index < 0) throw new PathError(path, 'no such value');
  return { parent, index };
}

/** The whitespace that the line of `offset` starts with. */
function lineIndent(text: string, offset: number): string {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  let end = lineStart;
  while (end < offset && (text[end] === ' ' || text[end] === '\t')) end++;
  return text.slice(lineStart, end);
}

const WIDE = 60;

/** JSON on one line if that is short, else indented with tabs below `indent`. */
function render(value: ExactValue, indent: string): string {
  const flat = JSON.stringify(value);
  if (flat.length <= WIDE) return flat.length > 2 ? spaced(value) : flat;
  return JSON.stringify(value, null, '\t').replaceAll('\n', `\n${indent}`);
}

/** One-line JSON with spaces behind commas and colons, as people write it. */
function spaced(value: ExactValue): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`;
  if (value === null || typeof value !== 'object' || JSON.isRawJSON(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, v]) => `${JSON.stringify(name)}: ${spaced(v)}`);
  return `{${members.join(', ')}}`;
}
