/** Names under which connections keep statements prepared: parsed once a connection instead of once a call. */
import { sha256Hex } from '../../kernel/hash.ts';

/** Statements without a name beyond this many, so that rare texts do not pile up in the server's memory. */
const MAX_NAMES = 400;
/** Texts of large inserts are long and rare. */
const MAX_TEXT_LENGTH = 4_000;
/** A text gets a name when it comes the third time. */
const USES_BEFORE_NAME = 3;
const MAX_COUNTED = 2_000;
const NAME_LENGTH = 16;

export interface StatementNames {
  /** Undefined: send it without a name. */
  of(sql: string): string | undefined;
}

export function createStatementNames(): StatementNames {
  const names = new Map<string, string>();
  const uses = new Map<string, number>();
  return {
    of: (sql) => {
      const known = names.get(sql);
      if (known !== undefined) return known;
      if (sql.length > MAX_TEXT_LENGTH || names.size >= MAX_NAMES) return undefined;
      const used = (uses.get(sql) ?? 0) + 1;
      if (used < USES_BEFORE_NAME) {
        if (uses.size >= MAX_COUNTED) uses.clear();
        uses.set(sql, used);
        return undefined;
      }
      uses.delete(sql);
      // By content: two processes behind one pooler mean the same by the same name.
      const name = `holdfast_${sha256Hex(sql).slice(0, NAME_LENGTH)}`;
      names.set(sql, name);
      return name;
    },
  };
}
