/** The flag that lets one batch run at a time. A port, so that several replicas can share one later. */
export interface Busy {
  /** Takes the flag for a batch. Resolves with `true`, or `false` if another batch holds it. */
  take(batch: string): Promise<boolean>;
  /** Gives the flag back; does nothing if the batch does not hold it. */
  release(batch: string): Promise<void>;
  /** The batch that holds the flag. */
  holder(): string | undefined;
}

/** The flag of a single process. */
export function createBusy(): Busy {
  let current: string | undefined;
  return {
    take(batch) {
      const free = current === undefined;
      if (free) current = batch;
      return Promise.resolve(free);
    },
    release(batch) {
      if (current === batch) current = undefined;
      return Promise.resolve();
    },
    holder: () => current,
  };
}
