/** The form in which names and addresses are compared: NFC, lower case, trimmed, runs of blanks as one. */
export const normalizeKey = (text: string): string =>
  text.normalize('NFC').toLowerCase().trim().replace(/\s+/gu, ' ');

/** A DNS label made of free text: [a-z0-9-], at most 63 characters, neither first nor last a hyphen; '' if nothing is left. */
export function toDnsLabel(text: string): string {
  const MAX_LABEL = 63;
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/gu, '-')
    .slice(0, MAX_LABEL)
    .replace(/^-+|-+$/gu, '');
}

/** The beginning of a text, as every store and every JSON reader takes it. */
export const storableText = (text: string, max: number): string =>
  text.slice(0, max).toWellFormed().replaceAll('\0', '');
