/** A client's words of any length and kind, fit for a line of text: a report must not be lost over how it is put. */
export const plainText = (text: string, max: number): string =>
  text
    .slice(0, max)
    .toWellFormed()
    .replace(/\p{Cc}+/gu, ' ')
    .trim();
