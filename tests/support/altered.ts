/** A secret or id that is wrong in its last character alone, whatever that is. */
export const altered = (text: string): string => `${text.slice(0, -1)}${text.endsWith('0') ? '1' : '0'}`;
