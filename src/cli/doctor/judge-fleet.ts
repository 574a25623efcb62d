import type { FleetReadings, HostRecord, Inventory, MetricName } from '../../fleet/fleet.js';
import type { Answer, Evidence, Finding, PingAnswer } from './finding.js';
import { counted, some } from './finding.js';

/** A clock that is further off than this makes readings look stale, or not taken yet, ms. */
const MOST_SKEW_MS = 30_000;

/** What to do about an error, by its words. */
function remedyOf(text: string, settings: string): string {
  if (/HTTP 401|authentication/i.test(text)) return `check user and secret: ${settings}`;
  if (/HTTP 403|forbidden|privilege|rights/i.test(text))
    return 'give the user the rights that the manual names for this cloud or store';
  if (/certificate|self.signed|CERT_/i.test(text)) return `name the authority's certificate: ${settings}`;
  if (/database not found/i.test(text)) return 'check INFLUXDB_DATABASE';
  return `check the address, and whether a firewall or proxy is in the way: ${settings}`;
}

const SETTINGS_OF: Readonly<Record<string, string>> = {
  simulated: 'SIMULATION',
  cloudpods: 'OS_AUTH_URL, OS_USERNAME, OS_PASSWORD, OS_CACERT',
  openstack: 'OS_AUTH_URL, OS_USERNAME, OS_PASSWORD, OS_CACERT',
  proxmox: 'PROXMOX_URL, PROXMOX_TOKEN, PROXMOX_CA',
  libvirt: 'LIBVIRT_URIS',
  prometheus: 'PROMETHEUS_URL, PROMETHEUS_TOKEN, PROMETHEUS_PASSWORD, PROMETHEUS_CA',
  influxdb: 'INFLUXDB_URL, INFLUXDB_USERNAME, INFLUXDB_PASSWORD, INFLUXDB_CA',
};

function judgeClock(subject: Finding['subject'], name: string, ping: Answer<PingAnswer> | undefined): Finding[] {
  if (!ping?.ok || ping.value.clockAt === undefined) return [];
  const skew = ping.value.clockAt - ping.value.at;
  if (Math.abs(skew) <= MOST_SKEW_MS) return [];
  const text = `the clock of ${name} is ${Math.round(Math.abs(skew) / 1000)} s ${skew > 0 ? 'ahead of' : 'behind'} ours`;
  return [{ subject, verdict: 'wrong', text, remedy: 'set both clocks by NTP: readings look stale, or not taken yet' }];
}

/** Whether the cloud lets us in, and shows a fleet. */
export function judgeCloud({ cloud, setup }: Pick<Evidence, 'cloud' | 'setup'>): Finding[] {
  const subject = 'cloud';
  if (!cloud) {
    const remedy = 'install what is missing, or choose another CLOUD';
    return setup.map((text) => ({ subject, verdict: 'wrong', text, remedy }));
  }
  const { name, inventory, ping } = cloud;
  const settings = SETTINGS_OF[name] ?? 'CLOUD';
  if (!inventory.ok) {
    return [
      { subject, verdict: 'wrong', text: inventory.text, remedy: remedyOf(inventory.text, settings) },
      ...judgeClock(subject, name, ping),
    ];
  }
  const { hosts, guests } = inventory.value;
  const text = `${name}: signed in; ${counted(hosts.length, 'host')}, ${counted(guests.length, 'guest')}`;
  const isEmpty = hosts.length === 0;
  return [
    isEmpty
      ? { subject, verdict: 'wrong', text, remedy: 'no host is shown: check project, region and rights of the user' }
      : { subject, verdict: 'ok', text },
    ...judgeHosts(hosts),
    ...(cloud.warnings.ok ? cloud.warnings.value : [cloud.warnings.text]).map((warning): Finding => ({
      subject,
      verdict: 'wrong',
      text: `${name}: ${warning}`,
      remedy: 'see "Least rights" in the chapter on this cloud of the manual',
    })),
    ...judgeClock(subject, name, ping),
  ];
}

function judgeHosts(hosts: readonly HostRecord[]): Finding[] {
  const away = hosts.filter(({ status }) => status !== 'online');
  if (away.length === 0) return [];
  const named = away.map(({ name, status, tags }) => `${name} (${tags?.offline_reason ?? status})`);
  const text = `${counted(away.length, 'host')} not online, and no target: ${some(named, 3)}`;
  const remedy = 'bring them back, or take them out of the fleet if they are gone for good';
  return [{ subject: 'cloud', verdict: away.length === hosts.length ? 'wrong' : 'note', text, remedy }];
}

/** For whom there are readings, and how old they are. */
export function judgeReadings({ store, cloud, now }: Pick<Evidence, 'store' | 'cloud' | 'now'>): Finding[] {
  const subject = 'readings';
  if (!store) return [];
  const { readings, name, ping } = store;
  const settings = SETTINGS_OF[name] ?? 'METRICS';
  if (ping && !ping.ok) return [{ subject, verdict: 'wrong', text: ping.text, remedy: remedyOf(ping.text, settings) }];
  const clock = judgeClock(subject, name, ping);
  if (!readings)
    return [
      { subject, verdict: 'note', text: `${name} was not asked for readings: there is no fleet to ask for` },
      ...clock,
    ];
  if (!readings.ok) {
    return [{ subject, verdict: 'wrong', text: readings.text, remedy: remedyOf(readings.text, settings) }, ...clock];
  }
  if (!cloud?.inventory.ok) return clock;
  const { hosts, guests } = cloud.inventory.value;
  const online = hosts.filter(({ status }) => status === 'online');
  const running = guests.filter(({ status }) => status === 'running');
  return [
    judge('host', online, readings.value.hosts, ['cpu.usage_active', 'mem.available'], store, now),
    judge('guest', running, readings.value.guests, ['cpu.usage_active'], store, now),
    ...strangers(store, cloud.inventory.value, readings.value),
    ...clock,
  ].flat();
}

function judge(
  kind: 'host' | 'guest',
  records: readonly { id: string; name: string }[],
  readings: FleetReadings['hosts'],
  metrics: readonly MetricName[],
  { name, namedBy, scrapeIntervalMs, periodMs }: NonNullable<Evidence['store']>,
  now: number,
): Finding[] {
  const subject = 'readings';
  const by = namedBy ? `, named by ${namedBy[kind]}` : '';
  return metrics.flatMap((metric): Finding[] => {
    const found = records.flatMap(({ id }) => readings.get(id)?.[metric] ?? []);
    const missing = records.filter(({ id }) => readings.get(id)?.[metric] === undefined).map((each) => each.name);
    const ages = found.map(({ at }) => now - at).toSorted((a, b) => a - b);
    const [youngest = 0] = ages;
    const oldest = ages.at(-1) ?? 0;
    const seconds = (ms: number) => `${Math.round(ms / 1000)} s`;
    const who = kind === 'host' ? 'online hosts' : 'running guests';
    const text = `${metric} of ${found.length} of ${records.length} ${who} (${name}${by})`;
    if (records.length === 0) return [{ subject, verdict: 'note', text }];
    const aged = `${text}, ${seconds(youngest)} to ${seconds(oldest)} old`;
    const stale = ages.filter((age) => age > periodMs + scrapeIntervalMs).length;
    if (found.length === 0) {
      const remedy = `check the preset or query, and that ${namedBy?.[kind] ?? 'the store'} holds names such as ${some(missing, 2)}`;
      return [{ subject, verdict: 'wrong', text, remedy }];
    }
    const findings: Finding[] = [{ subject, verdict: 'ok', text: aged }];
    if (missing.length > 0) {
      const lacking = `${counted(missing.length, kind)} without ${metric}: ${some(missing)}`;
      const remedy =
        kind === 'host' ? 'without a reading a host is no target' : 'without a reading a guest is not moved';
      findings.push({
        subject,
        verdict: 'wrong',
        text: lacking,
        remedy: `${remedy}: check the exporter there, and its labels`,
      });
    }
    if (stale > 0) {
      const old = `${counted(stale, kind)} with a ${metric} that is too old to be used (${seconds(oldest)})`;
      const remedy = 'check that the exporter runs and is scraped, and that the clocks agree';
      findings.push({ subject, verdict: 'wrong', text: old, remedy });
    }
    return findings;
  });
}

/** Names that the store has and the cloud does not know: most often the same machines by another name. */
function strangers(
  { names, namedBy }: NonNullable<Evidence['store']>,
  { hosts, guests }: Inventory,
  readings: FleetReadings,
): Finding[] {
  if (!names?.ok) return [];
  const known = { hosts, guests };
  return (['hosts', 'guests'] as const).flatMap((kind): Finding[] => {
    // Only where somebody goes without: a store may well watch more than one cloud.
    if (known[kind].every(({ id }) => readings[kind].has(id))) return [];
    const ours = new Set(known[kind].flatMap(({ id, name }) => [id, name]));
    const others = names.value[kind].filter((name) => !ours.has(name.replace(/:\d+$/, '')) && !ours.has(name));
    if (others.length === 0) return [];
    const one = kind === 'hosts' ? 'host' : 'guest';
    const text = `${namedBy?.[one] ?? 'the store'} holds names that no ${one} of the cloud has: ${some(others, 3)}`;
    const remedy = `the cloud calls them ${some(
      known[kind].map(({ name }) => name),
      3,
    )}: choose another label (PROMETHEUS_${one.toUpperCase()}_LABEL), or relabel`;
    return [{ subject: 'readings', verdict: 'wrong', text, remedy }];
  });
}
