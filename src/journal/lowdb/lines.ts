import { open } from 'node:fs/promises';

/** Bytes read at a time. */
const CHUNK = 64 * 1024;
const NEWLINE = 0x0a;

/**
 * The lines of a file from the last to the first; only as much is read as lines are taken.
 * @param file - path; a file that is not there has no lines.
 * @param texts - only lines that hold one of these; the others are passed over as bytes, which costs next to nothing.
 */
export async function* linesBackward(file: string, texts?: readonly string[]): AsyncGenerator<string> {
  const holdsOne = (block: Buffer | string) => texts?.some((text) => block.includes(text)) ?? true;
  const handle = await open(file, 'r').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (!handle) return;
  try {
    let position = (await handle.stat()).size;
    if (position === 0) return;
    /** What stands before the first line break that was seen. */
    let rest = Buffer.alloc(0);
    while (position > 0) {
      // A line longer than a chunk is taken in ever larger pieces: copying it stays in proportion to its length.
      const length = Math.min(position, Math.max(CHUNK, rest.length));
      position -= length;
      const piece = Buffer.alloc(length);
      await handle.read(piece, 0, length, position);
      const text = Buffer.concat([piece, rest]);
      const firstBreak = text.indexOf(NEWLINE);
      if (firstBreak === -1) {
        rest = text;
        continue;
      }
      rest = text.subarray(0, firstBreak);
      const lines = text.subarray(firstBreak + 1);
      if (holdsOne(lines)) yield* lines.toString('utf8').split('\n').filter(holdsOne).reverse();
    }
    if (holdsOne(rest)) yield rest.toString('utf8');
  } finally {
    await handle.close();
  }
}

/** Whether the last line of a file has no line break behind it; `false` for an empty file or none. */
export async function endsInsideALine(file: string): Promise<boolean> {
  for await (const last of linesBackward(file)) return last !== '';
  return false;
}
