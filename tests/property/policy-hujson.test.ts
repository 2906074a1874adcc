import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  format,
  HujsonError,
  insertValue,
  type JsonValue,
  minify,
  nodeAt,
  type Path,
  parse,
  parseValue,
  print,
  removeValue,
  replaceEdit,
  replaceValue,
} from '../../src/kernel/hujson/index.ts';

const RUNS = process.env.HOLDFAST_LONG === '1' ? 10_000 : 1_000;

const extra = fc
  .array(
    fc.constantFrom(
      ' ',
      '\n',
      '\t',
      '\n\n\n',
      '\r\n',
      '\r',
      '// é line\n',
      '//x  \n',
      '/* b */',
      '/*\n * s\n * t\n */',
      '/*\n  a\n\n y*/',
    ),
    { maxLength: 3 },
  )
  .map((parts) => parts.join(''));
const name = fc.constantFrom('"a"', '"bb"', '"é"', '"d\\u0041"', '"a/b"', '"__proto__"');
const literal = fc.constantFrom(
  '1',
  '-2.5e3',
  'null',
  'true',
  '"x"',
  '"\\u00e9\\n"',
  '"\\ud800"',
  `"${'long'.repeat(9)}"`,
);

/** HuJSON text with comments, blanks and trailing commas in every place that the grammar allows. */
const document = fc
  .letrec<{ value: string; array: string; object: string }>((tie) => ({
    value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, literal, tie('array'), tie('object')),
    array: fc
      .tuple(fc.array(fc.tuple(extra, tie('value'), extra), { maxLength: 4 }), fc.boolean(), extra)
      .map(([items, comma, inner]) => {
        const body = items.map((parts) => parts.join('')).join(',');
        return `[${body}${comma && items.length > 0 ? ',' : ''}${inner}]`;
      }),
    object: fc
      .tuple(
        fc.array(fc.tuple(extra, name, extra, extra, tie('value'), extra), { maxLength: 4 }),
        fc.boolean(),
        extra,
      )
      .map(([members, comma, inner]) => {
        const body = members.map(([a, n, b, c, v, d]) => `${a}${n}${b}:${c}${v}${d}`).join(',');
        return `{${body}${comma && members.length > 0 ? ',' : ''}${inner}}`;
      }),
  }))
  .value.chain((value) => fc.tuple(extra, extra).map(([before, after]) => before + value + after));

function pathsOf(value: JsonValue, path: Path = []): Path[] {
  if (value === null || typeof value !== 'object') return [path];
  const entries: [string | number, JsonValue][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value);
  return [path, ...entries.flatMap(([step, child]) => pathsOf(child, [...path, step]))];
}

describe('HuJSON, for any document', () => {
  it('prints exactly what it parsed', () => {
    fc.assert(
      fc.property(document, (text) => {
        expect(print(parse(text))).toBe(text);
      }),
      { numRuns: RUNS },
    );
  });

  it('formats without changing a value, and a second time without changing a byte', () => {
    fc.assert(
      fc.property(document, (text) => {
        const once = format(text);
        expect(parseValue(once)).toEqual(parseValue(text));
        expect(format(once)).toBe(once);
      }),
      { numRuns: RUNS },
    );
  });

  it('minifies to plain JSON of the same value, without a space between its tokens', () => {
    fc.assert(
      fc.property(document, (text) => {
        const plain = minify(text);
        expect(() => JSON.parse(plain)).not.toThrow();
        expect(parseValue(plain)).toEqual(parseValue(text));
        expect(minify(plain)).toBe(plain);
        expect(plain.replace(/"(?:[^"\\]|\\.)*"/gu, '')).not.toMatch(/[\s/]/u);
      }),
      { numRuns: RUNS },
    );
  });

  it('replaces one value and leaves every byte around it alone', () => {
    fc.assert(
      fc.property(document, fc.nat(), fc.jsonValue(), (text, pick, replacement) => {
        const paths = pathsOf(parseValue(text));
        const path = paths[pick % paths.length]!;
        const edit = replaceEdit(text, path, replacement as JsonValue);
        const node = nodeAt(parse(text), path)!;
        expect([edit.start, edit.end]).toEqual([node.start, node.end]);
        const patched = replaceValue(text, path, replacement as JsonValue);
        expect(patched.startsWith(text.slice(0, edit.start))).toBe(true);
        expect(patched.endsWith(text.slice(edit.end))).toBe(true);
        const found = nodeAt(parse(patched), path)!;
        expect(parseValue(patched.slice(found.start, found.end))).toEqual(
          JSON.parse(JSON.stringify(replacement)),
        );
      }),
      { numRuns: RUNS },
    );
  });

  it('undoes an insertion at the end of an array by removing it', () => {
    fc.assert(
      fc.property(document, fc.nat(), (text, pick) => {
        const value = parseValue(text);
        const arrays = pathsOf(value).filter((path) => nodeAt(parse(text), path)?.kind === 'array');
        fc.pre(arrays.length > 0);
        const path = arrays[pick % arrays.length]!;
        const array = nodeAt(parse(text), path)!;
        const length = array.kind === 'array' ? array.items.length : 0;
        const longer = insertValue(text, [...path, '-'], 'inserted');
        expect(nodeAt(parse(longer), [...path, length])).toMatchObject({ raw: '"inserted"' });
        expect(parseValue(removeValue(longer, [...path, length]))).toEqual(value);
      }),
      { numRuns: RUNS },
    );
  });

  it('removes one element of an array and no other value', () => {
    fc.assert(
      fc.property(document, fc.nat(), (text, pick) => {
        const paths = pathsOf(parseValue(text)).filter((path) => typeof path.at(-1) === 'number');
        fc.pre(paths.length > 0);
        const path = paths[pick % paths.length]!;
        const expected = parseValue(text);
        const list = path
          .slice(0, -1)
          .reduce<unknown>((at, step) => Reflect.get(at as object, step), expected);
        (list as JsonValue[]).splice(Number(path.at(-1)), 1);
        expect(parseValue(removeValue(text, path))).toEqual(expected);
      }),
      { numRuns: RUNS },
    );
  });

  it('answers any text with a tree or a positioned error, quickly', () => {
    const noise = fc.tuple(document, fc.nat(), fc.string({ maxLength: 3 })).map(([text, at, junk]) => {
      const cut = at % (text.length + 1);
      return text.slice(0, cut) + junk + text.slice(cut + (at % 3));
    });
    fc.assert(
      fc.property(fc.oneof(noise, fc.string()), (text) => {
        try {
          expect(print(parse(text))).toBe(text);
        } catch (error) {
          if (!(error instanceof HujsonError)) throw error;
          expect(error.message).toMatch(/^line \d+, column \d+: ./);
          expect(error.offset).toBeLessThanOrEqual(text.length);
        }
      }),
      { numRuns: RUNS },
    );
  });
});
