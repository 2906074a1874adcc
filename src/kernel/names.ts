/** Names: those that people give to things, and those of the DNS. */
import { invalid } from './errors.ts';

const MAX_NAME = 255;

/** The name without blanks around it. Errors: `invalid`, naming `field`. */
export function checkName(text: string, field = 'name'): string {
  const name = text.trim();
  if (name === '') throw invalid(`the ${field} must not be empty`, field);
  if (name.length > MAX_NAME) throw invalid(`the ${field} must not exceed ${MAX_NAME} characters`, field);
  if (/\p{Cc}/u.test(name)) throw invalid(`the ${field} must not contain control characters`, field);
  return name;
}

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const DNS_NAME = new RegExp(`^(?=.{1,253}$)(?:${LABEL}\\.)*${LABEL}$`, 'iu');

/** Labels of letters, digits, hyphens and underscores, without a dot at the end. */
export const isDnsName = (text: string): boolean => DNS_NAME.test(text);
