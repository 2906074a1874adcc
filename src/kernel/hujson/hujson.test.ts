import { describe, expect, it } from 'vitest';
import {
  format,
  HujsonError,
  insertValue,
  minify,
  PathError,
  parse,
  parseValue,
  pathOf,
  print,
  removeValue,
  replaceValue,
  setValue,
  toExactValue,
} from './index.ts';

const failure = (text: string): string => {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof HujsonError) return error.message;
  }
  return 'no error';
};

describe('parsing', () => {
  it.each([
    ['{"a": 1 "b": 2}', "line 1, column 9: invalid character '\"' after object value (expecting ',' or '}')"],
    [
      '{\n  "a": [1, 2\n}',
      "line 3, column 1: invalid character '}' after array value (expecting ',' or ']')",
    ],
    ['{a: 1}', 'line 1, column 2: invalid literal: a'],
    ['{1: 1}', "line 1, column 2: invalid character '1' at start of object name"],
    ['[1,, 2]', "line 1, column 4: invalid character ',' at start of value"],
    ['[01]', 'line 1, column 2: invalid literal: 01'],
    ['"a\\x"', 'line 1, column 1: invalid literal: "a\\x"'],
    ['', 'line 1, column 1: parsing value: unexpected EOF'],
    ['{"é": x}', 'line 1, column 8: invalid literal: x'],
    ['{} // no newline', 'line 1, column 4: parsing comment: unexpected EOF'],
    ['{} /* never closed', 'line 1, column 4: parsing comment: unexpected EOF'],
    ['{} {}', "line 1, column 4: invalid character '{' after top-level value"],
  ])('tells where and why %j is wrong', (text, message) => {
    expect(failure(text)).toBe(message);
  });

  it('refuses nesting beyond a bound instead of overflowing the stack', () => {
    expect(failure('['.repeat(100_000))).toMatch(/nested deeper/);
  });

  it('keeps the last of members with equal names, and "__proto__" as a plain member', () => {
    const value = parseValue('{"a": 1, "a": 2, "__proto__": {"b": 3}}');
    expect(JSON.stringify(value)).toBe('{"a":2,"__proto__":{"b":3}}');
  });
});

describe('formatting', () => {
  // Recorded from the vendor's formatter.
  it.each([
    ['{"a":1,"b":[1,2,],}', '{"a": 1, "b": [1, 2]}\n'],
    ['{\n"a":1,"bbb":2}', '{\n\t"a":   1,\n\t"bbb": 2\n}\n'],
    ['{ // c\n"a":1}', '{ // c\n\t"a": 1,\n}\n'],
    ['// h\n\n\n\n{}', '// h\n\n{}\n'],
    ['["\\u00e9\\/"]', '["é/"]\n'],
    [
      '// hi\n{"acls":[ // c\n {"a":1,"bb":[1,2,3,],}, /* x\n * y\n */ {"q":2}],"groups":{"g":["x"],"long":2,\n}}\n',
      '// hi\n{"acls": [ // c\n\t{"a": 1, "bb": [1, 2, 3]}, /* x\n\t * y\n\t */ {"q": 2},\n], "groups": {\n\t"g":    ["x"],\n\t"long": 2,\n}}\n',
    ],
  ])('lays out %j as the vendor does', (text, expected) => {
    expect(format(text)).toBe(expected);
  });
});

describe('minifying', () => {
  it('leaves out comments, trailing commas and space, and nothing of what is written', () => {
    expect(minify(' {"a": 1.0, // é\n "b c": [12345678901234567890 , "\\u00e9",],}\n')).toBe(
      '{"a":1.0,"b c":[12345678901234567890,"\\u00e9"]}',
    );
  });
});

const FILE = `{
	// people
	"groups": {
		"group:a": ["x@d"], // first
		"group:b": [],
	},
	"acls": [
		{"action": "accept", "src": ["*"], "dst": ["*:*"]}
	]
}
`;

describe('patching', () => {
  it('replaces a value in its place', () => {
    expect(replaceValue(FILE, ['groups', 'group:a'], ['y@d'])).toBe(FILE.replace('["x@d"]', '["y@d"]'));
  });

  it('appends behind a last element without a comma, on a line of its own', () => {
    expect(insertValue(FILE, ['acls', '-'], { a: 1 })).toBe(
      FILE.replace('"*:*"]}\n', '"*:*"]},\n\t\t{"a": 1}\n'),
    );
  });

  it('appends a member behind a trailing comma', () => {
    expect(setValue(FILE, ['groups', 'group:c'], ['z@d'])).toBe(
      FILE.replace('"group:b": [],', '"group:b": [],\n\t\t"group:c": ["z@d"],'),
    );
  });

  it('removes a member with its line and leaves the comment of the line in front', () => {
    expect(removeValue(FILE, ['groups', 'group:b'])).toBe(FILE.replace('\n\t\t"group:b": [],', ''));
  });

  it.each([
    ['', 'b'],
    [',', 'b,'],
  ])('leaves each comment at the end of a line with its element (last comma: %j)', (comma, b) => {
    const lines = (...all: string[]) => `{"a": [\n${all.map((line) => `\t${line}\n`).join('')}]}\n`;
    const [first, second] = ['1, // first', `2${comma} // second`];
    const both = lines(first, '// on', second);
    expect(removeValue(both, ['a', 1])).toBe(lines(`1${comma} // first`));
    expect(removeValue(both, ['a', 0])).toBe(lines('// on', second));
    expect(removeValue(lines(second), ['a', 0])).toBe(lines());
    expect(insertValue(both, ['a', '-'], 3)).toBe(lines(first, '// on', '2, // second', `3${comma}`));
    expect(insertValue(`[1${comma} // one\n]`, ['-'], b)).toBe(`[1, // one\n"${b}"${comma}\n]`);
    expect(insertValue(`[1${comma} /* one */]`, ['-'], 2)).toBe(`[1, 2${comma} /* one */]`);
  });

  it('removes a comment of several lines whole', () => {
    expect(removeValue('[1, /* on\n two */ 2, /* three */ 3]', [1])).toBe('[1, /* three */ 3]');
    expect(removeValue('[/* of\n one */ 1, 2 /* two */]', [0])).toBe('[/* of\n one */  2 /* two */]');
    expect(removeValue('[ // of\n1, 2]', [0])).toBe('[ // of\n 2]');
    expect(removeValue('[\n\t1,\n\t/* on\n\ttwo */\n\t2, // two\n]', [1])).toBe('[\n\t1,\n]');
  });

  it('inserts into an empty array and removes the only element again', () => {
    const one = insertValue('{"a": []}', ['a', '-'], 1);
    expect(one).toBe('{"a": [1]}');
    expect(removeValue(one, ['a', 0])).toBe('{"a": []}');
  });

  it('makes the objects and lists on the way to a value that are not there', () => {
    expect(setValue('{}', ['groups', 'group:a'], ['x@d'])).toBe('{"groups": {"group:a": ["x@d"]}}');
    expect(setValue('{"groups": {},}', ['acls', '-'], 1)).toBe('{"groups": {}, "acls": [1],}');
  });

  it('takes JSON Pointers, whose digits are positions in lists and names in objects', () => {
    expect(removeValue('{"a": [1, 2]}', pathOf('/a/0'))).toBe('{"a": [ 2]}');
    expect(setValue('{"a": {"0": 1}}', pathOf('/a/0'), 2)).toBe('{"a": {"0": 2}}');
    expect(setValue('{"a/b~": 1}', pathOf('/a~1b~0'), 2)).toBe('{"a/b~": 2}');
    for (const bad of ['a', '/~', '/~2']) expect(() => pathOf(bad)).toThrow(PathError);
    for (const step of ['00', '-1', '1.0', ' 0', '2']) {
      expect(() => removeValue('[1, 2]', [step])).toThrow(PathError);
    }
  });

  it('keeps every digit of a number that is put in', () => {
    const value = toExactValue(parse('{"id": 9007199254740993, "x": [1.0, 1e400]}'));
    expect(setValue('{}', ['a'], value)).toBe('{"a": {"id": 9007199254740993, "x": [1.0, 1e400]}}');
  });

  it('refuses a path that is not there', () => {
    expect(() => replaceValue(FILE, ['groups', 'group:z'], 1)).toThrow(PathError);
    expect(() => insertValue(FILE, ['groups', 'group:a', 7], 1)).toThrow(PathError);
    expect(() => removeValue(FILE, ['acls', 1])).toThrow(PathError);
  });

  it('parses what it printed', () => {
    expect(print(parse(FILE))).toBe(FILE);
  });
});
