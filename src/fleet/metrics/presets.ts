import type { Subject } from './readings.js';

/**
 * A question to a Prometheus-like store, in PromQL with placeholders: `$hosts` and `$guests` stand for the matcher that
 * picks the fleet's own series, `$host` and `$guest` for the labels that name them, `$period` for the rule's period,
 * `$step` for the distance of two scrapes and `$rate` for a window that holds two of them.
 */
export interface Question {
  /** The mean over `$period`: % or bytes. */
  value: string;
  /** When the newest sample behind it was taken, s since the epoch; its labels are those of `value`. */
  time: string;
}

/** What an exporter calls things. */
export interface Preset {
  /** The labels that hold a host's or guest's id, name or address; the first that is known counts. */
  hostLabels: readonly string[];
  guestLabels: readonly string[];
  /** What a host's label begins with, where guests bear the same label. */
  hostPrefix?: string;
  questions: Record<Subject, Question>;
}

export const PRESET_NAMES = [
  'telegraf',
  'node-libvirt',
  'openstack-inovex',
  'openstack-tinkoff',
  'openstack-vexxhost',
  'telegraf-libvirt',
  'pve',
] as const;
export type PresetName = (typeof PRESET_NAMES)[number];

const mean = (selector: string): Question => ({
  value: `avg_over_time(${selector}[$period])`,
  time: `timestamp(${selector})`,
});

/** Telegraf, through its Prometheus output or written to VictoriaMetrics in line protocol. */
const telegraf: Preset = {
  hostLabels: ['host_id'],
  guestLabels: ['vm_id'],
  questions: {
    // The total where Telegraf writes one row a core too, and series that bear no cpu tag at all.
    hostCpu: mean('cpu_usage_active{cpu=~"cpu-total|",$hosts}'),
    hostMemory: mean('mem_available{$hosts}'),
    guestCpu: mean('vm_cpu_usage_active{$guests}'),
  },
};

const idle = 'node_cpu_seconds_total{mode="idle",$hosts}';
const vcpuTime = 'libvirt_domain_vcpu_time_seconds_total{$guests}';
const domainTime = 'libvirt_domain_info_cpu_time_seconds_total{$guests}';

/**
 * The mean of a counter's rate. Not one rate over the whole period: Prometheus would spread what a series grew in the
 * seconds since a guest came to its host, or a host was booted, over all of it.
 */
const meanRate = (counter: string): string => `avg_over_time(rate(${counter}[$rate])[$period:$step])`;

/** What node_exporter tells of hosts. */
const nodeExporter: Pick<Preset['questions'], 'hostCpu' | 'hostMemory'> = {
  hostCpu: {
    value: `100 * (1 - avg by ($host) (${meanRate(idle)}))`,
    time: `max by ($host) (timestamp(${idle}))`,
  },
  hostMemory: mean('node_memory_MemAvailable_bytes{$hosts}'),
};

/** node_exporter on the hosts; a libvirt exporter, whichever: by vCPU where it tells, else by domain. */
const nodeLibvirt: Preset = {
  hostLabels: ['instance'],
  guestLabels: ['uuid', 'domain'],
  questions: {
    ...nodeExporter,
    // The time of a domain holds that of its emulator's threads too and may pass 100 %; that of its vCPUs does not.
    guestCpu: {
      value:
        `100 * avg without (vcpu) (${meanRate(vcpuTime)})` +
        ` or 100 * ${meanRate(domainTime)} / last_over_time(libvirt_domain_info_virtual_cpus{$guests}[$period])`,
      time: `max without (vcpu) (timestamp(${vcpuTime})) or timestamp(${domainTime})`,
    },
  },
};

const anyVcpu = 'libvirt_domain_vcpu_time_seconds_total';

/**
 * Guests whose vCPUs' time bears only libvirt's own name of the domain (`instance-0000002a`), on several hosts the same by chance.
 * The server's id stands in a series of its own, on the same target: joined by target and domain.
 * @param info - that series, of the fleet's guests.
 */
const joinedByDomain = (info: string): Question => {
  const join = `* on (instance, domain) group_left ($guest) max by (instance, domain, $guest) (last_over_time(${info}[$period]))`;
  return {
    value: `100 * avg by (instance, domain) (${meanRate(anyVcpu)}) ${join}`,
    time: `max by (instance, domain) (timestamp(${anyVcpu})) ${join}`,
  };
};

/** node_exporter, and the exporter of inovex on hosts of OpenStack: the server's id is `instance_id`. */
const openstackInovex: Preset = {
  hostLabels: ['instance'],
  guestLabels: ['instance_id'],
  questions: { ...nodeExporter, guestCpu: joinedByDomain('libvirt_domain_openstack_info{$guests}') },
};

/** node_exporter, and the exporter of Tinkoff (and its forks): the domain's UUID, which is the server's id, is `uuid`. */
const openstackTinkoff: Preset = {
  hostLabels: ['instance'],
  guestLabels: ['uuid'],
  questions: { ...nodeExporter, guestCpu: joinedByDomain('libvirt_domain_info_meta{$guests}') },
};

/** Guests whose vCPUs' time is told in nanoseconds. */
const nanoseconds = (counter: string, vcpu: string): Question => ({
  value: `100 * avg without (${vcpu}) (${meanRate(counter)}) / 1e9`,
  time: `max without (${vcpu}) (timestamp(${counter}))`,
});

/** node_exporter, and the libvirtd_exporter of VEXXHOST: the domain's UUID, which is the server's id, is `uuid`. */
const openstackVexxhost: Preset = {
  hostLabels: ['instance'],
  guestLabels: ['uuid'],
  questions: { ...nodeExporter, guestCpu: nanoseconds('libvirtd_domain_vcpu_time{$guests}', 'vcpu') },
};

/** Telegraf on the hosts, with its inputs cpu, mem and libvirt, under the name that Telegraf gives its host. */
const telegrafLibvirt: Preset = {
  hostLabels: ['host'],
  guestLabels: ['domain_name'],
  questions: { ...telegraf.questions, guestCpu: nanoseconds('libvirt_vcpu_time{$guests}', 'vcpu_id, cpu_id') },
};

const scaled = (selector: string): Question => ({
  value: `100 * avg_over_time(${selector}[$period])`,
  time: `timestamp(${selector})`,
});

/** prometheus-pve-exporter: fractions of all CPUs of a node, and of a guest's own. */
const pve: Preset = {
  hostLabels: ['id'],
  guestLabels: ['id'],
  hostPrefix: 'node/',
  questions: {
    hostCpu: scaled('pve_cpu_usage_ratio{$hosts}'),
    hostMemory: {
      value:
        'avg_over_time(pve_memory_size_bytes{$hosts}[$period]) - avg_over_time(pve_memory_usage_bytes{$hosts}[$period])',
      time: 'timestamp(pve_memory_usage_bytes{$hosts})',
    },
    guestCpu: scaled('pve_cpu_usage_ratio{$guests}'),
  },
};

/** The presets by name. */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  telegraf,
  'node-libvirt': nodeLibvirt,
  'openstack-inovex': openstackInovex,
  'openstack-tinkoff': openstackTinkoff,
  'openstack-vexxhost': openstackVexxhost,
  'telegraf-libvirt': telegrafLibvirt,
  pve,
};

/**
 * A question made of an operator's own expression. One with `$period` is taken for a mean already; any other is averaged
 * as it is at every scrape. A bare selector tells when its sample was taken, any other expression when it was evaluated:
 * the store then answers for its age, by the window in the expression or by its look-back.
 */
export function ownQuestion(expression: string): Question {
  return {
    value: expression.includes('$period') ? expression : `avg_over_time((${expression})[$period:$step])`,
    time: `timestamp(${expression})`,
  };
}
