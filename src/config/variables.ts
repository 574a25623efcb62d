import { z } from 'zod';
import { cloudVariables } from './clouds.js';
import { doorVariables } from './doors.js';
import { fleetVariables } from './fleet-settings.js';
import type { Written } from './kinds.js';
import { libvirtVariables } from './libvirt-settings.js';
import { storeVariables } from './store-settings.js';
import { migrationVariables } from './migrations.js';
import { noticeVariables } from './notices.js';
import { limitVariables, serviceVariables } from './service-settings.js';

/**
 * The one table of all settings: reading, help, the schema of the configuration file, `automigrate config` and the manual go by it.
 */
export const variables = z.object({
  ...serviceVariables,
  ...fleetVariables,
  ...libvirtVariables,
  ...storeVariables,
  ...cloudVariables,
  ...doorVariables,
  ...noticeVariables,
  ...migrationVariables,
  ...limitVariables,
});

/** What all settings together have been read as. */
export type Values = z.output<typeof variables>;

/** The variable that names the configuration file; no setting that could stand in it. */
export const CONFIG_FILE = {
  name: 'CONFIG',
  meaning: 'Configuration file, YAML; what the environment says goes before it',
};

/** One setting, as the table has it. */
export interface Setting extends Written {
  name: string;
  default?: string;
  meaning: string;
  /** The words that it may be, if it is one of some. */
  words?: string[];
}

interface JsonSchema extends Written {
  default?: unknown;
  description?: string;
  enum?: string[];
}

/** All settings in order. */
export const SETTINGS: readonly Setting[] = Object.entries(
  z.toJSONSchema(variables, { io: 'input' }).properties as Record<string, JsonSchema>,
).map(([name, { default: standard, description: meaning = '', enum: words, yaml, secret }]) => ({
  name,
  meaning,
  ...(typeof standard === 'string' && { default: standard }),
  ...(words && { words }),
  ...(yaml && { yaml }),
  ...(secret && { secret }),
}));

/** One variable of the environment, for help texts and tables. */
export interface Variable {
  name: string;
  default?: string;
  meaning: string;
}

/** All variables in order. Each secret has a second one, `<name>_FILE`. */
export const VARIABLES: readonly Variable[] = [
  CONFIG_FILE,
  ...SETTINGS.flatMap(({ name, meaning, default: standard, secret, yaml }) => {
    if (!secret) return [{ name, meaning, ...(standard !== undefined && { default: standard }) }];
    return [
      { name, meaning: yaml === 'list' ? `${meaning}; several separated by commas` : meaning },
      { name: `${name}_FILE`, meaning: `File that holds ${name}` },
    ];
  }),
];

/** The setting of that name. */
export function settingOf(name: string): Setting | undefined {
  return BY_NAME.get(name);
}

const BY_NAME = new Map(SETTINGS.map((setting) => [setting.name, setting]));
