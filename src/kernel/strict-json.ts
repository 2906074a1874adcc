/** JSON in which no object has a name twice: readers that keep the first and readers that keep the last read the same. */

const WHITE = /[\t\n\r ]/u;

/** Undefined when the text is not JSON, or an object in it names something twice. */
export function parseStrictJson(text: string): { readonly value: unknown } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return hasDuplicates(text) ? undefined : { value };
}

/** Of a text that is JSON: walks over its strings and brackets, and remembers the names of each open object. */
function hasDuplicates(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const start = at;
      for (at += 1; text[at] !== '"'; at += 1) if (text[at] === '\\') at += 1;
      let next = at + 1;
      while (WHITE.test(text[next] ?? '')) next += 1;
      if (text[next] !== ':') continue;
      // Two spellings of one name are one name.
      const name = String(JSON.parse(text.slice(start, at + 1)));
      const names = open.at(-1);
      if (names?.has(name) === true) return true;
      names?.add(name);
    }
  }
  return false;
}
