/** Where a thing stands in a text; both count from 1, the column in bytes of UTF-8. */
interface Place {
  readonly line: number;
  readonly column: number;
}

/**
 * A policy that cannot be saved. `message` is the text that clients show and match; `line` and `column` (from 1) tell
 * where, when a place is known. `status` 500 stands for the one input that the real service fails on.
 */
export class PolicyError extends Error {
  readonly line: number | undefined;
  readonly column: number | undefined;
  readonly status: 400 | 500;

  constructor(message: string, place?: Place, status: 400 | 500 = 400) {
    super(message);
    this.name = 'PolicyError';
    this.line = place?.line;
    this.column = place?.column;
    this.status = status;
  }
}

/** Refuses a policy if there is a problem; the place is looked for then only. */
export function refuseAt(problem: string | undefined, place: () => Place): void {
  if (problem !== undefined) throw new PolicyError(problem, place());
}

/** The message for people, with the place in front when it is known. */
export function placedMessage({ message, line, column }: PolicyError): string {
  if (line === undefined || column === undefined) return message;
  const place = `line ${line}, column ${column}: `;
  return message.startsWith(place) ? message : place + message;
}
