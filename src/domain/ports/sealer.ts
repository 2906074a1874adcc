/** Keeps secrets that must be used again: sealed for the one row and column that they stand in. */
export interface SealedPlace {
  readonly kind: string;
  readonly org: number;
  readonly key: string | number;
  readonly column: string;
}

export interface Sealer {
  seal(plain: string, place: SealedPlace): string;
  /** Throws for a text that was sealed for another place, with another key, or altered. */
  open(sealed: string, place: SealedPlace): string;
}
