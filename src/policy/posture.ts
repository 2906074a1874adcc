/** The condition language of `postures`: `attribute OP value`. */

export type AttributeValue = string | number | boolean;
export type Attributes = Readonly<Record<string, AttributeValue>>;

export type Operator = '==' | '!=' | 'IN' | 'NOT IN' | 'IS SET' | 'NOT SET' | '<' | '<=' | '>' | '>=';

export interface Condition {
  readonly attribute: string;
  readonly operator: Operator;
  /** One value, or those of the list of IN and NOT IN; none for IS SET and NOT SET. */
  readonly values: readonly AttributeValue[];
  /** As written, for people. */
  readonly text: string;
}

const CONDITION =
  /^([a-zA-Z][\w:.-]*)\s*(==|!=|<=|>=|<|>|(?:NOT\s+IN|IN|IS\s+SET|NOT\s+SET)(?=[\s['"]|$))\s*(.*)$/is;

/** Attributes whose values are versions and compare as such. */
const VERSION_ATTRIBUTES = new Set(['node:osversion', 'node:tsversion']);

const isVersion = (attribute: string): boolean => VERSION_ATTRIBUTES.has(attribute.toLowerCase());

const isOperator = (text: string): text is Operator =>
  ['==', '!=', 'IN', 'NOT IN', 'IS SET', 'NOT SET', '<', '<=', '>', '>='].includes(text);

/** Parses one condition; a text instead of a condition says what is wrong. */
export function parseCondition(text: string): Condition | string {
  const match = CONDITION.exec(text.trim());
  const [, attribute, rawOperator, rest = ''] = match ?? [];
  if (attribute === undefined || rawOperator === undefined) return 'expected "attribute operator value"';
  const operator = rawOperator.toUpperCase().replace(/\s+/g, ' ');
  if (!isOperator(operator)) return `unknown operator ${JSON.stringify(rawOperator)}`;
  const base = { attribute, operator, text: text.trim() };
  if (operator === 'IS SET' || operator === 'NOT SET') {
    return rest.trim() === '' ? { ...base, values: [] } : `${operator} takes no value`;
  }
  if (operator === 'IN' || operator === 'NOT IN') {
    const list = parseList(attribute, rest.trim());
    return list === undefined ? `${operator} needs a list like ['a', 'b']` : { ...base, values: list };
  }
  const value = valueFor(attribute, rest.trim());
  return value === undefined
    ? 'expected a quoted string, a number, true or false'
    : { ...base, values: [value] };
}

/** What is wrong with a condition; undefined when nothing is. */
export function conditionProblem(text: string): string | undefined {
  const condition = parseCondition(text);
  return typeof condition === 'string' ? condition : undefined;
}

const ORDERS: ReadonlySet<Operator> = new Set(['<', '<=', '>', '>=']);

/** Why a condition never holds, whatever a device has: what is no number and no version has no order. */
export function orderProblem({ attribute, operator, values }: Condition): string | undefined {
  const kind = isVersion(attribute) ? 'string' : 'number';
  if (!ORDERS.has(operator) || values.every((value) => typeof value === kind)) return undefined;
  return `${operator} compares numbers, and the versions node:osVersion and node:tsVersion`;
}

function parseValue(text: string): AttributeValue | undefined {
  const quote = text[0];
  if ((quote === "'" || quote === '"') && text.length >= 2 && text.endsWith(quote)) {
    const inner = text.slice(1, -1);
    return inner.includes(quote) ? undefined : inner;
  }
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?[0-9]+(?:\.[0-9]+)?$/.test(text) ? Number(text) : undefined;
}

/** Versions compare as texts, also where they look like numbers: 1.40 is not 1.4. */
function valueFor(attribute: string, text: string): AttributeValue | undefined {
  const value = parseValue(text);
  return typeof value === 'number' && isVersion(attribute) ? text : value;
}

function parseList(attribute: string, text: string): AttributeValue[] | undefined {
  if (!text.startsWith('[') || !text.endsWith(']')) return undefined;
  const items = text.slice(1, -1).match(/'[^']*'|"[^"]*"|[^,\s][^,]*/g);
  if (items === null) return undefined;
  const values = items.map((item) => valueFor(attribute, item.trim()));
  return values.every((value) => value !== undefined) ? values : undefined;
}

/** Whether one condition holds. An unset attribute fails every operator but NOT SET. */
export function conditionHolds(condition: Condition, attributes: Attributes): boolean {
  const actual = lookUp(attributes, condition.attribute);
  if (condition.operator === 'NOT SET') return actual === undefined;
  if (actual === undefined) return false;
  const [wanted] = condition.values;
  switch (condition.operator) {
    case 'IS SET':
      return true;
    case '==':
      return same(actual, wanted);
    case '!=':
      return !same(actual, wanted);
    case 'IN':
      return condition.values.some((value) => same(actual, value));
    case 'NOT IN':
      return !condition.values.some((value) => same(actual, value));
    default: {
      if (wanted === undefined) return false;
      const order = compare(condition.attribute, actual, wanted);
      if (order === undefined) return false;
      if (condition.operator === '<') return order < 0;
      if (condition.operator === '<=') return order <= 0;
      return condition.operator === '>' ? order > 0 : order >= 0;
    }
  }
}

/** The names of attributes in lower case, with the names as they are: a device may be asked for many. */
const namesOf = new WeakMap<Attributes, ReadonlyMap<string, string>>();

/** Attribute names do not depend on case. */
export function lookUp(attributes: Attributes, name: string): AttributeValue | undefined {
  if (Object.hasOwn(attributes, name)) return attributes[name];
  let names = namesOf.get(attributes);
  if (names === undefined) {
    // Of several that differ in case alone, the first counts.
    names = new Map(
      Object.keys(attributes)
        .map((key) => [key.toLowerCase(), key] as const)
        .reverse(),
    );
    namesOf.set(attributes, names);
  }
  const key = names.size === 0 ? undefined : names.get(name.toLowerCase());
  return key === undefined ? undefined : attributes[key];
}

const same = (a: AttributeValue, b: AttributeValue | undefined): boolean => a === b;

function compare(attribute: string, a: AttributeValue, b: AttributeValue): number | undefined {
  if (isVersion(attribute)) return compareVersions(String(a), String(b));
  return typeof a === 'number' && typeof b === 'number' ? a - b : undefined;
}

/** Orders versions by their runs of digits and of other characters, the digits as numbers. */
export function compareVersions(a: string, b: string): number {
  const left = a.match(/[0-9]+|[^0-9]+/g) ?? [];
  const right = b.match(/[0-9]+|[^0-9]+/g) ?? [];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [x, y] = [left[i], right[i]];
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    if (x === y) continue;
    const digits = /^[0-9]/;
    if (digits.test(x) && digits.test(y)) {
      const [m, n] = [x.replace(/^0+(?=.)/, ''), y.replace(/^0+(?=.)/, '')];
      if (m !== n) return m.length - n.length || (m < n ? -1 : 1);
    } else return x < y ? -1 : 1;
  }
  return 0;
}
