import { spawn } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage } from '../../common/error-message.js';

/** The right to write to a data directory. */
export interface DirectoryLock {
  /** A sentence if other processes cannot be kept out on this machine; for the log. */
  readonly warning?: string;
  /** Gives it back. The end of the process, whatever ends it, does so too. */
  release(): void;
}

/**
 * Keeps other processes from writing to a data directory. The kernel holds the lock (flock on `<directory>/lock`) and lets
 * go of it when this process ends in whatever way: nothing stale is left, and process ids, which repeat in containers, play
 * no part.
 * @param holder - what a second process is told of this one.
 * @throws Error that names the directory, if another process has it or it cannot be written.
 */
export async function lockDirectory(directory: string, holder: string): Promise<DirectoryLock> {
  const path = join(directory, 'lock');
  let file: number;
  try {
    file = openSync(path, 'a+');
  } catch (error) {
    throw new Error(`DATA_DIR: cannot write to ${directory}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  const taken = await flock(file);
  if (taken === 'held') {
    closeSync(file);
    throw new Error(`DATA_DIR: ${directory} is in use by another automigrate: ${holderOf(path)}`);
  }
  const release = () => closeSync(file);
  if (taken !== 'taken') {
    return { release, warning: `DATA_DIR: ${directory} cannot be locked (${taken.problem}): let one process use it` };
  }
  try {
    ftruncateSync(file);
    writeSync(file, `${holder}\n`);
  } catch {
    // A full disk: what stands there is only for people, the lock is the kernel's.
  }
  return { release };
}

function holderOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim() || 'it does not say which';
  } catch {
    return 'it cannot be read which';
  }
}

/**
 * Node cannot lock a file by itself, but a lock belongs to the open file, not to a process: the command of that name locks
 * the file that it inherits from us, ends, and the lock stays for as long as we have the file open.
 */
function flock(file: number): Promise<'taken' | 'held' | { problem: string }> {
  return new Promise((resolve) => {
    const child = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', file] });
    child.once('error', ({ message }) => resolve({ problem: message }));
    child.once('exit', (code, signal) => {
      if (code === 0) resolve('taken');
      else if (code === 1) resolve('held');
      else resolve({ problem: `flock ended with ${code ?? signal}` });
    });
  });
}
