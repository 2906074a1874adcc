/** What a slow client has missed: subjects, not messages. It is told their present state when it takes more. */
export interface Backlog {
  readonly devices: Set<number>;
  /** Memberships whose profile changed. */
  readonly profiles: Set<number>;
  own: boolean;
  dns: boolean;
}

export const emptyBacklog = (): Backlog => ({
  devices: new Set(),
  profiles: new Set(),
  own: false,
  dns: false,
});
