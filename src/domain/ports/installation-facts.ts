/** Facts of the installation as a whole, by name: keys of the server, the state of the first run. */
export interface InstallationFacts {
  get(name: string): Promise<string | undefined>;
  /** Writes `value` unless the fact exists, and resolves with what stands: every process gets the same. */
  ensure(name: string, value: string): Promise<string>;
  set(name: string, value: string): Promise<void>;
  /** Removes all facts whose names start with `prefix`. */
  removeStartingWith(prefix: string): Promise<void>;
}
