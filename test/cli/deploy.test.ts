import { describe, expect, it } from 'vitest';
import { deployCommand } from '../../src/cli/deploy.js';
import { run } from './run.js';

const deploy = (args: string) => run(`deploy ${args}`, { handlers: { commands: [deployCommand] } });

describe('automigrate deploy --for openstack-policy', () => {
  it('prints a policy.yaml of one rule a line, each once', async () => {
    const { out, status } = await deploy('--for openstack-policy');
    expect(status).toBe(0);
    const lines = out.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const rules = lines.map((line) => /^"([a-z0-9_:-]+)": "([^"]+)"$/.exec(line));
    expect(rules).not.toContain(null);
    expect(new Set(rules.map((rule) => rule?.[1])).size).toBe(lines.length);
  });

  it('opens to the role what automigrate asks for, and nothing that changes a server but a live migration', async () => {
    const { out } = await deploy('--for openstack-policy');
    const opened = out.split('\n').filter((line) => line.startsWith('"') && line.includes('role:automigrate'));
    const changing = opened.filter(
      (line) => !/index|list|show|detail|all_filters|get_all_tenants|events|attributes/.test(line),
    );
    expect(changing.map((line) => line.split('"')[1])).toEqual([
      'context_is_admin',
      'os_compute_api:os-migrate-server:migrate_live',
      'os_compute_api:os-migrate-server:migrate_live:host',
      'os_compute_api:servers:migrations:delete',
    ]);
  });

  it.each(['', '--for everything'])('ends with 2 for "%s", and says what there is', async (args) => {
    const { status, err } = await deploy(args);
    expect(status).toBe(2);
    expect(err).toContain('--for <what>');
  });
});
