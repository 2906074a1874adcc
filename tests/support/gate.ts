// A point at which a test holds something up until it says otherwise.

export interface Gate {
  /** Resolves when it is opened, at once if it is open. */
  readonly passed: Promise<void>;
  readonly open: () => void;
}

export function createGate(): Gate {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}
