/** Texts that only this installation can make, by a key of its own. */
export interface KeyedTexts {
  /** A code of letters A to Z and digits 2 to 7; the same for the same parts. `purpose` keeps uses apart. */
  code(purpose: string, length: number, parts: readonly (string | number)[]): string;
  /** A signature of the parts: 64 hex digits. */
  sign(purpose: string, parts: readonly (string | number)[]): string;
}
