/** One thing that was looked at in an installation. */
export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'failure';
  /** What was found, and for all but `ok` what to do. */
  readonly says: string;
}
