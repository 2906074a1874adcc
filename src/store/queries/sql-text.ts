/** Collects the values of a statement while its text is put together, so that no value is ever part of the text. */
import type { StoredValue } from '../rows.ts';
import type { Placeholder } from '../statements.ts';

export interface SqlValues {
  readonly values: StoredValue[];
  /** The placeholder for a value; the text must hold the placeholders in the order of the calls. */
  readonly mark: (value: StoredValue) => string;
}

export function sqlValues(placeholder: Placeholder): SqlValues {
  const values: StoredValue[] = [];
  return {
    values,
    mark: (value) => {
      values.push(value);
      return placeholder(values.length);
    },
  };
}
