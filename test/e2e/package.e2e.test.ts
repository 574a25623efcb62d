import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';

const execute = promisify(execFile);

// What a user gets from the registry, as npm packs it here.
describe('the package', () => {
  it("carries the program and no rule of anybody's, and runs the demo where it is installed", async () => {
    const folder = await mkdtemp(join(tmpdir(), 'automigrate-package-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const packed = await execute('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]);
    const [pack] = JSON.parse(packed.stdout) as { filename: string; files: { path: string }[] }[];
    const paths = pack!.files.map(({ path }) => path);
    expect(paths).toContain('dist/main.js');
    expect(paths.filter((path) => !path.startsWith('dist/')).toSorted()).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'package.json']),
    );
    expect(paths.filter((path) => /(^|\/)(rules|test|data)\//.test(path) && !path.startsWith('dist/'))).toEqual([]);

    await writeFile(join(folder, 'package.json'), '{}');
    const options = { cwd: folder };
    await execute('npm', ['install', '--no-audit', '--no-fund', join(folder, pack!.filename)], options);
    const { stdout } = await execute('npx', ['automigrate', 'demo', '--fast'], options);
    expect(stdout).toContain('migrate_success');
  });
});
