import { isContainer, type Node } from './ast.ts';
import { hasComment } from './extra.ts';

/** The text of a tree; of an unchanged one, exactly the text it was parsed from. */
export function print(node: Node): string {
  const out: string[] = [];
  write(node, out);
  return out.join('');
}

function write(node: Node, out: string[]): void {
  out.push(node.before);
  if (node.kind === 'array') {
    out.push('[');
    node.items.forEach((item, i) => {
      write(item, out);
      if (i < node.items.length - 1 || node.trailingComma) out.push(',');
    });
    out.push(node.inner, ']');
  } else if (node.kind === 'object') {
    out.push('{');
    node.members.forEach(({ name, value }, i) => {
      write(name, out);
      out.push(':');
      write(value, out);
      if (i < node.members.length - 1 || node.trailingComma) out.push(',');
    });
    out.push(node.inner, '}');
  } else {
    out.push(node.raw);
  }
  out.push(node.after);
}

/** The direct children of a container, member names included, in source order. */
export function* children(node: Node): Generator<Node> {
  if (node.kind === 'array') yield* node.items;
  else if (node.kind === 'object') {
    for (const { name, value } of node.members) {
      yield name;
      yield value;
    }
  }
}

/** Whether the tree is plain JSON: no comment, no trailing comma. */
export function isStandard(node: Node): boolean {
  if (hasComment(node.before) || hasComment(node.after)) return false;
  if (!isContainer(node)) return true;
  if (node.trailingComma || hasComment(node.inner)) return false;
  for (const child of children(node)) if (!isStandard(child)) return false;
  return true;
}

/** Turns the tree into plain JSON without any space in place; literals stay as they were written. */
export function minifyNode(node: Node): void {
  node.before = '';
  node.after = '';
  if (!isContainer(node)) return;
  for (const child of children(node)) minifyNode(child);
  node.inner = '';
  node.trailingComma = false;
}
