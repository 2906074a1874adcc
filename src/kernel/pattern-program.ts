/** A tree as instructions that run over a text in time linear in it: all ways to match are followed at once. */
import { invalid } from './errors.ts';
import { point, type Tree } from './pattern-tree.ts';

const MAX_INSTRUCTIONS = 4_000;

export type Instruction =
  | { readonly op: 'set'; readonly holds: (code: number) => boolean }
  | { op: 'fork'; first: number; second: number }
  | { readonly op: 'start' | 'end' | 'match' };

/** Throws `invalid` for what is too large. */
export function compile(tree: Tree): readonly Instruction[] {
  const program: Instruction[] = [];
  const emit = (instruction: Instruction): number => {
    if (program.length >= MAX_INSTRUCTIONS) {
      throw invalid('the regular expression is too large', 'regexp');
    }
    return program.push(instruction) - 1;
  };
  const fork = (): { op: 'fork'; first: number; second: number } => {
    const made = { op: 'fork' as const, first: 0, second: 0 };
    emit(made);
    return made;
  };
  const visit = (node: Tree): void => {
    switch (node.kind) {
      case 'start':
      case 'end':
        emit({ op: node.kind });
        return;
      case 'set': {
        const { ranges, negated } = node;
        emit({
          op: 'set',
          holds: (code) => ranges.some(([from, to]) => code >= from && code <= to) !== negated,
        });
        return;
      }
      case 'sequence':
        for (const part of node.parts) visit(part);
        return;
      case 'either': {
        const ends: { second: number; first: number }[] = [];
        node.parts.forEach((part, index) => {
          const last = index === node.parts.length - 1;
          const branch = last ? undefined : fork();
          if (branch !== undefined) branch.first = program.length;
          visit(part);
          if (!last) ends.push(fork());
          if (branch !== undefined) branch.second = program.length;
        });
        for (const end of ends) {
          end.first = program.length;
          end.second = program.length;
        }
        return;
      }
      case 'repeat': {
        for (let count = 0; count < node.min; count += 1) visit(node.part);
        if (node.max === Number.POSITIVE_INFINITY) {
          const begin = program.length;
          const loop = fork();
          loop.first = program.length;
          visit(node.part);
          const back = fork();
          back.first = begin;
          back.second = begin;
          loop.second = program.length;
          return;
        }
        const exits = [];
        for (let count = node.min; count < node.max; count += 1) {
          const exit = fork();
          exit.first = program.length;
          exits.push(exit);
          visit(node.part);
        }
        for (const exit of exits) exit.second = program.length;
      }
    }
  };
  visit(tree);
  emit({ op: 'match' });
  return program;
}

/** Whether some part of the text matches. */
export function run(program: readonly Instruction[], text: string): boolean {
  const codes = [...text].map(point);
  let current = new Set<number>();
  for (let position = 0; position <= codes.length; position += 1) {
    // Every position may begin a match.
    const pending = [0, ...current];
    current = new Set();
    const next = new Set<number>();
    const code = codes[position];
    for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
      if (current.has(index)) continue;
      current.add(index);
      const instruction = program[index];
      if (instruction === undefined) continue;
      if (instruction.op === 'match') return true;
      if (instruction.op === 'fork') pending.push(instruction.first, instruction.second);
      else if (instruction.op === 'set') {
        if (code !== undefined && instruction.holds(code)) next.add(index + 1);
      } else if (instruction.op === 'start' ? position === 0 : position === codes.length) {
        pending.push(index + 1);
      }
    }
    current = next;
  }
  return false;
}
