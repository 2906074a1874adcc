/** What of the organization the meaning of names depends on. */
export interface ValidationContext {
  /** Domains of the organization, lower case: `user:*@domain` and `localpart:*@domain` may name only these. */
  readonly domains: ReadonlySet<string>;
  /** Groups of the directory that `group:name@domain` may mean; more than one makes the name ambiguous. */
  directoryGroups(name: string): readonly { readonly id: number; readonly label: string }[];
  /** Whether some user has this login; a policy may name others, with a warning. */
  hasUser(login: string): boolean;
}

/** A context without people and directory; every domain counts as known. */
export const EMPTY_CONTEXT: ValidationContext = {
  domains: new Set(),
  directoryGroups: () => [],
  hasUser: () => true,
};
