import { z } from 'zod';
import { errorMessage } from '../common/error-message.js';
import type { MetricStore } from '../fleet/metrics/create-metrics.js';
import type { Field } from '../fleet/metrics/influxql.js';
import { TELEGRAF } from '../fleet/metrics/influxdb.js';
import { PRESET_NAMES } from '../fleet/metrics/presets.js';
import { shown } from '../rules/problems.js';
import { duration, list, secret, written } from './kinds.js';

/** The values of METRICS that are stores of their own. */
export const STORE_NAMES = ['prometheus', 'influxdb'] as const;

const address = z
  .string()
  .refine((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return false;
    return url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  }, 'expected an http or https address without user, password and query')
  .optional();

const text = (meaning: string) => z.string().optional().describe(meaning);

const line = z.string().regex(/^[\x20-\x7e]+$/, 'expected one line of ASCII');

const labels = list(
  z
    .string()
    .transform((value) => value.split(',').map((name) => name.trim()))
    .refine(
      (names) => names.every((name) => /^[A-Za-z_]\w*$/.test(name)),
      'expected names of labels, separated by commas',
    ),
).optional();

const tags = list(
  z
    .string()
    .transform((value) => value.split(',').map((name) => name.trim()))
    .refine((names) => names.every((name) => name !== ''), 'expected names of tags, separated by commas'),
).optional();

const field = ({ measurement, field: name }: Field) =>
  z
    .string()
    .regex(/^.+\.[^.]+$/, 'expected MEASUREMENT.FIELD')
    .prefault(`${measurement}.${name}`)
    .transform((value): Field => {
      const dot = value.lastIndexOf('.');
      return { measurement: value.slice(0, dot), field: value.slice(dot + 1) };
    });

const unit = z.enum(['percent', 'ratio'], 'expected percent or ratio').prefault('percent');

/** A field whose numbers are told in a unit, as one that comes out in %. */
const inPercent = (where: Field, told: z.output<typeof unit>): Field =>
  told === 'ratio' ? { ...where, factor: 100 } : where;

/** The variables of the metric stores. */
export const storeVariables = {
  PROMETHEUS_URL: address.describe(
    'Prometheus, VictoriaMetrics, Thanos or Mimir; /api/v1/query is put behind the address',
  ),
  PROMETHEUS_PRESET: z
    .enum(PRESET_NAMES, `expected one of ${PRESET_NAMES.join(', ')}`)
    .prefault('telegraf')
    .describe("Which exporter's names to ask for: a preset of the chapter on metric stores"),
  PROMETHEUS_TOKEN: written(line, { secret: true }).optional().describe('Bearer token of Prometheus'),
  PROMETHEUS_USERNAME: text('User of Prometheus, where it asks for one'),
  PROMETHEUS_PASSWORD: secret.optional().describe('Password of that user'),
  PROMETHEUS_CA: text("File of the authority's certificate, PEM, where the machine does not know it"),
  PROMETHEUS_TENANT: line.optional().describe('Tenant in Mimir or Thanos, sent as X-Scope-OrgID'),
  PROMETHEUS_SCRAPE_INTERVAL: duration.prefault('1m').describe('Usual distance of two samples in Prometheus'),
  PROMETHEUS_QUERY_HOST_CPU: text("PromQL for the hosts' CPU usage, %, instead of the preset's"),
  PROMETHEUS_QUERY_HOST_MEMORY: text("PromQL for the hosts' available memory, bytes, instead of the preset's"),
  PROMETHEUS_QUERY_GUEST_CPU: text("PromQL for the guests' CPU usage, % of their vCPUs, instead of the preset's"),
  PROMETHEUS_HOST_LABEL: labels.describe(
    "Labels that name a host, the first known one counts; by default the preset's",
  ),
  PROMETHEUS_GUEST_LABEL: labels.describe(
    "Labels that name a guest, the first known one counts; by default the preset's",
  ),
  INFLUXDB_URL: address.describe('InfluxDB 1.x; /query is put behind the address'),
  INFLUXDB_DATABASE: z.string().prefault('telegraf').describe('Database in InfluxDB'),
  INFLUXDB_USERNAME: text('User of InfluxDB, where it asks for one'),
  INFLUXDB_PASSWORD: secret.optional().describe('Password of that user'),
  INFLUXDB_CA: text("File of the authority's certificate, PEM, where the machine does not know it"),
  INFLUXDB_SCRAPE_INTERVAL: duration.prefault('1m').describe('Usual distance of two samples in InfluxDB'),
  INFLUXDB_HOST_CPU: field(TELEGRAF.fields.hostCpu).describe("Measurement and field of the hosts' CPU usage"),
  INFLUXDB_HOST_MEMORY: field(TELEGRAF.fields.hostMemory).describe(
    "Measurement and field of the hosts' available memory, bytes",
  ),
  INFLUXDB_GUEST_CPU: field(TELEGRAF.fields.guestCpu).describe(
    "Measurement and field of the guests' CPU usage, of their vCPUs",
  ),
  INFLUXDB_HOST_CPU_UNIT: unit.describe('What INFLUXDB_HOST_CPU tells: percent, or ratio for 0 to 1'),
  INFLUXDB_GUEST_CPU_UNIT: unit.describe('What INFLUXDB_GUEST_CPU tells: percent, or ratio for 0 to 1'),
  INFLUXDB_HOST_TAG: tags
    .prefault(TELEGRAF.hostTags.join(','))
    .describe('Tags that name a host, the first known one counts'),
  INFLUXDB_GUEST_TAG: tags
    .prefault(TELEGRAF.guestTags.join(','))
    .describe('Tags that name a guest, the first known one counts'),
};

type StoreVariables = z.output<z.ZodObject<typeof storeVariables>>;

/** The settings of the store that METRICS names, or what is wrong with them. */
export function storeSettings(
  store: (typeof STORE_NAMES)[number],
  read: StoreVariables,
  readFile: (path: string) => string,
): { ok: true; store: MetricStore } | { ok: false; problems: string[] } {
  const problems: string[] = [];
  const prefix = store === 'prometheus' ? 'PROMETHEUS' : 'INFLUXDB';
  const url = read[`${prefix}_URL`];
  const username = read[`${prefix}_USERNAME`];
  const password = read[`${prefix}_PASSWORD`];
  const path = read[`${prefix}_CA`];
  const { PROMETHEUS_TOKEN: token, PROMETHEUS_TENANT: tenant } = read;
  let ca: string | undefined;
  if (path !== undefined) {
    try {
      ca = readFile(path);
    } catch (error) {
      const reason = errorMessage(error);
      problems.push(`${prefix}_CA: expected a file that can be read, got ${shown(path)}: ${reason}`);
    }
  }
  if (password !== undefined && username === undefined) {
    problems.push(`${prefix}_USERNAME: expected the user that ${prefix}_PASSWORD is of`);
  }
  if (store === 'prometheus' && token !== undefined && username !== undefined) {
    problems.push('PROMETHEUS_TOKEN and PROMETHEUS_USERNAME: expected only one of them');
  }
  if (url === undefined) problems.push(`${prefix}_URL: expected an address, since METRICS is ${store}`);
  if (url === undefined || problems.length > 0) return { ok: false, problems };

  const common = {
    url,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(ca !== undefined && { ca }),
    scrapeIntervalMs: read[`${prefix}_SCRAPE_INTERVAL`],
  };
  if (store === 'influxdb') {
    const fields = {
      hostCpu: inPercent(read.INFLUXDB_HOST_CPU, read.INFLUXDB_HOST_CPU_UNIT),
      hostMemory: read.INFLUXDB_HOST_MEMORY,
      guestCpu: inPercent(read.INFLUXDB_GUEST_CPU, read.INFLUXDB_GUEST_CPU_UNIT),
    };
    const { INFLUXDB_DATABASE: database, INFLUXDB_HOST_TAG: hostTags, INFLUXDB_GUEST_TAG: guestTags } = read;
    const influxdb = { ...common, database, fields, ...(hostTags && { hostTags }), ...(guestTags && { guestTags }) };
    return { ok: true, store: { kind: 'influxdb', influxdb } };
  }
  const queries = {
    ...(read.PROMETHEUS_QUERY_HOST_CPU !== undefined && { hostCpu: read.PROMETHEUS_QUERY_HOST_CPU }),
    ...(read.PROMETHEUS_QUERY_HOST_MEMORY !== undefined && { hostMemory: read.PROMETHEUS_QUERY_HOST_MEMORY }),
    ...(read.PROMETHEUS_QUERY_GUEST_CPU !== undefined && { guestCpu: read.PROMETHEUS_QUERY_GUEST_CPU }),
  };
  const prometheus = {
    ...common,
    preset: read.PROMETHEUS_PRESET,
    ...(token !== undefined && { token }),
    ...(tenant !== undefined && { tenant }),
    queries,
    ...(read.PROMETHEUS_HOST_LABEL && { hostLabels: read.PROMETHEUS_HOST_LABEL }),
    ...(read.PROMETHEUS_GUEST_LABEL && { guestLabels: read.PROMETHEUS_GUEST_LABEL }),
  };
  return { ok: true, store: { kind: 'prometheus', prometheus } };
}
