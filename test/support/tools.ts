import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';

const execute = promisify(execFile);

/**
 * What a tool says of files, standard output and error; it is called with their paths behind its arguments.
 * @param files - texts by name.
 * @throws where the tool ends with another status than 0.
 */
export async function checkedBy(
  tool: string,
  args: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'automigrate-checked-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const paths: string[] = [];
  for (const [name, text] of Object.entries(files)) {
    paths.push(join(folder, name));
    await writeFile(join(folder, name), text);
  }
  const { stdout, stderr } = await execute(tool, [...args, ...paths]);
  return stdout + stderr;
}
