/** Rows by the number in one of their columns, kept up to date as rows come, change and go. */
export interface RowIndex<R> {
  /** `row` undefined: it is gone. */
  set(key: string, row: R | undefined): void;
  of(column: number): readonly R[];
  /** The numbers under which there are rows. */
  columns(): Iterable<number>;
}

/** `columnOf`: null for a row that is to be found under none. */
export function createRowIndex<R>(columnOf: (row: R) => number | null): RowIndex<R> {
  const byColumn = new Map<number, Map<string, R>>();
  const placed = new Map<string, number>();
  const lists = new Map<number, readonly R[]>();

  function take(key: string): void {
    const before = placed.get(key);
    if (before === undefined) return;
    const rows = byColumn.get(before);
    rows?.delete(key);
    if (rows?.size === 0) byColumn.delete(before);
    lists.delete(before);
    placed.delete(key);
  }

  return {
    set: (key, row) => {
      take(key);
      const column = row === undefined ? null : columnOf(row);
      if (row === undefined || column === null) return;
      const rows = byColumn.get(column) ?? new Map<string, R>();
      byColumn.set(column, rows.set(key, row));
      lists.delete(column);
      placed.set(key, column);
    },
    of: (column) => {
      const known = lists.get(column);
      if (known !== undefined) return known;
      const rows = byColumn.get(column);
      const list = rows === undefined ? [] : [...rows.values()];
      if (list.length > 0) lists.set(column, list);
      return list;
    },
    columns: () => byColumn.keys(),
  };
}
