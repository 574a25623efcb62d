/** Something outside that is read again and again, and may be broken at any time. */
export interface Source<Raw, Value> {
  /** Reads it; what cannot be read is part of the result. Never throws. */
  read: () => Promise<Raw>;
  /** Makes of it what is used; or tells everything that is wrong with it, one line each. */
  load: (raw: Raw) => { ok: true; value: Value } | { ok: false; problems: string[] };
  /** Told of every change that is in force from now on, and whether what was there before was broken. */
  onGood: (value: Value, before: Value, isMended: boolean) => void;
  /** Told of every change that cannot be used. */
  onBroken: (problems: string[]) => void;
}

/** What a source last held that could be used. */
export interface LastGood<Value> {
  value(): Value;
  /** Why what the source holds now cannot be used; empty if it is in force. */
  problems(): string[];
  /** Reads the source now; resolves when what it held is in force or refused. */
  reload(): Promise<void>;
  /** What is being read is thrown away, and nothing is in force after. */
  close(): void;
}

/**
 * Reads a source for the first time, and then whenever it is told to. A change that breaks it leaves the last good value in
 * force, and is told of once.
 * @returns the value that is kept; or what is wrong with the source.
 */
export async function openLastGood<Raw, Value>({
  read,
  load,
  onGood,
  onBroken,
}: Source<Raw, Value>): Promise<{ ok: true; kept: LastGood<Value> } | { ok: false; problems: string[] }> {
  const raw = await read();
  const first = load(raw);
  if (!first.ok) return first;
  let good = first.value;
  let problems: string[] = [];
  let seen = JSON.stringify(raw);
  let isClosed = false;
  let reading: Promise<void> = Promise.resolve();

  const readAgain = async (): Promise<void> => {
    const now = await read();
    const text = JSON.stringify(now);
    if (isClosed || text === seen) return;
    seen = text;
    const loaded = load(now);
    const isMended = problems.length > 0;
    if (!loaded.ok) {
      problems = loaded.problems;
      onBroken([...problems]);
      return;
    }
    problems = [];
    const before = good;
    good = loaded.value;
    onGood(good, before, isMended);
  };

  const kept: LastGood<Value> = {
    value: () => good,
    problems: () => [...problems],
    // One reading after the other: an older one must never overtake a newer one.
    reload: () => (reading = reading.then(readAgain)),
    close: () => (isClosed = true),
  };
  return { ok: true, kept };
}
