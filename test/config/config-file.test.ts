import { describe, expect, it } from 'vitest';
import { configFileSchema, parseConfigFile } from '../../src/config/config-file.js';
import { readConfig } from '../../src/config/read-config.js';
import { SETTINGS } from '../../src/config/variables.js';

/** The configuration of a file, and of an environment that names it. */
const read = (text: string, env: Record<string, string> = {}, others: Record<string, string> = {}) =>
  readConfig({ CONFIG: 'a.yaml', ...env }, (path) => {
    const files: Record<string, string> = { 'a.yaml': text, ...others };
    const content = files[path];
    if (content === undefined) throw new Error('ENOENT');
    return content;
  });
const config = (...given: Parameters<typeof read>) => {
  const result = read(...given);
  if (!result.ok) throw new Error(result.problems.join('\n'));
  return result.config;
};
const problems = (...given: Parameters<typeof read>) => {
  const result = read(...given);
  return result.ok ? [] : result.problems;
};

describe('a configuration file', () => {
  it('says what the environment would: texts, numbers, truth and lists', () => {
    const text = `
# where it listens
port: 8080
rules_dir: /etc/automigrate/rules
journal_fsync: false
migration_timeout: 10m
cloud: proxmox
proxmox_url: # any node
  - https://pve1.example:8006
  - https://pve2.example:8006
proxmox_token: mover@pve!automigrate=0f3c
webhook_token: [first-secret, second-secret]
`;
    const environment = readConfig({
      PORT: '8080',
      RULES_DIR: '/etc/automigrate/rules',
      JOURNAL_FSYNC: 'false',
      MIGRATION_TIMEOUT: '10m',
      CLOUD: 'proxmox',
      PROXMOX_URL: 'https://pve1.example:8006,https://pve2.example:8006',
      PROXMOX_TOKEN: 'mover@pve!automigrate=0f3c',
      WEBHOOK_TOKEN: 'first-secret,second-secret',
    });
    expect(read(text)).toEqual(environment);
    expect(environment.ok).toBe(true);
  });

  it('gives way to the environment, also where one names a secret and the other its file', () => {
    expect(config('port: 1\nlog_level: debug', { PORT: '2' })).toMatchObject({ port: 2, logLevel: 'debug' });
    const file = 'api_token_file: /run/secrets/token';
    expect(config(file, {}, { '/run/secrets/token': 'of-the-file\n' }).secrets.api).toEqual(['of-the-file']);
    expect(config(file, { API_TOKEN: 'of-the-environment' }).secrets.api).toEqual(['of-the-environment']);
  });

  it('may be empty, or nothing but comments', () => {
    expect(config('')).toEqual(config('# nothing yet\n'));
  });

  it.each([
    ['prot: 1', 'a.yaml:1: prot: no such setting; did you mean port?'],
    ['port: 1\n\nwebhoko_token: x', 'a.yaml:3: webhoko_token: no such setting; did you mean webhook_token?'],
    ['PORT: 1', 'a.yaml:1: PORT: no such setting; did you mean port?'],
    ['nonsense_of_mine: 1', 'a.yaml:1: nonsense_of_mine: no such setting'],
    ['config: other.yaml', 'a.yaml:1: config: no such setting'],
    ['log_level: info\nport: many', 'a.yaml:2: port: expected a whole number from 0 to 65535, got "many"'],
    ['journal_fsync: yes', 'a.yaml:1: journal_fsync: expected one of true, false, got "yes"'],
    ['port:', 'a.yaml:1: port: expected a value, and nothing stands there'],
    ['webhook_token: []', 'a.yaml:1: webhook_token: expected a value, and nothing stands there'],
    ['webhook_token: ["a,b", c]', 'a.yaml:1: webhook_token: expected a list of values without commas'],
    ['webhook_token: { a: b }', 'a.yaml:1: webhook_token: expected a value, or a list of values'],
    ['port: [1, 2]', 'a.yaml:1: port: expected one value'],
    ['- port', 'a.yaml:1: expected settings, each "key: value"'],
    ['port: 1\nport: 2', 'a.yaml:2: Map keys must be unique'],
    ['port: 1\nhost: "', 'a.yaml:2: Missing closing "quote'],
    ['api_token: x\napi_token_file: y', 'a.yaml:1: api_token and a.yaml:2: api_token_file: expected only one of them'],
    ['api_token_file: /none', 'a.yaml:1: api_token_file: expected a file that can be read, got "/none": ENOENT'],
    ['monitor_secret: ","', 'a.yaml:1: monitor_secret: expected one or more secrets, separated by commas'],
  ])('%j is an error with file, line and key', (text, problem) => {
    expect(problems(text)).toEqual([problem]);
  });

  it('that cannot be read is an error', () => {
    expect(problems('', { CONFIG: 'gone.yaml' })).toEqual([
      'CONFIG: expected a file that can be read, got "gone.yaml": ENOENT',
    ]);
  });

  it('never has a secret in an error', () => {
    expect(problems('proxmox_token: hush-hush').join()).not.toContain('hush');
  });
});

describe('its schema', () => {
  const { properties, additionalProperties } = configFileSchema() as {
    properties: Record<string, { description: string; default?: unknown; type?: string }>;
    additionalProperties: boolean;
  };

  it('has every setting of the table, with its meaning, and no other', () => {
    const keys = SETTINGS.flatMap(({ name, secret }) => [name, ...(secret ? [`${name}_FILE`] : [])]);
    expect(Object.keys(properties)).toEqual(keys.map((key) => key.toLowerCase()));
    expect(Object.values(properties).filter(({ description }) => description === '')).toEqual([]);
    expect(additionalProperties).toBe(false);
  });

  it('has types and defaults that reading agrees with', () => {
    expect(properties).toMatchObject({
      port: { type: 'integer', default: 9095 },
      journal_fsync: { type: 'boolean', default: true },
      cloud: { enum: ['simulated', 'cloudpods', 'openstack', 'proxmox', 'libvirt'], default: 'simulated' },
    });
    const defaults = Object.entries(properties).flatMap(([key, { default: value }]) =>
      value === undefined ? [] : [`${key}: ${JSON.stringify(value)}`],
    );
    expect(defaults.length).toBeGreaterThan(20);
    expect(config(defaults.join('\n'))).toEqual(config(''));
  });

  it('knows every key that the file may have', () => {
    const text = Object.keys(properties)
      .map((key) => `${key}: x`)
      .join('\n');
    expect(parseConfigFile(text, 'a.yaml').problems).toEqual([]);
  });
});
