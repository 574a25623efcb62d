import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Command, Option } from 'commander';
import { writeWhole } from '../common/write-whole.js';
import type { CliContext } from './context.js';
import { refuse } from './context.js';
import { composeFile } from './deployment/compose.js';
import { grafanaDashboard } from './deployment/grafana-dashboard.js';
import { helmChart } from './deployment/helm.js';
import { kubernetesManifests } from './deployment/kubernetes.js';
import { prometheusAlerts } from './deployment/prometheus-alerts.js';
import { systemdUnit } from './deployment/systemd.js';
import { openstackPolicy } from './openstack-policy.js';
import { VERSION } from '../common/version.js';

interface DeployOptions {
  for: string;
  program: string;
  image: string;
  serviceMonitor?: boolean;
  out?: string;
}

/** Something that a deployment needs: files by their paths. One alone can be printed. */
interface Deployment {
  description: string;
  make: (options: DeployOptions) => ReadonlyMap<string, string>;
}

const file = (name: string, text: string): ReadonlyMap<string, string> => new Map([[name, text]]);

/** By name. */
const DEPLOYMENTS: Readonly<Record<string, Deployment>> = {
  systemd: { description: 'a unit', make: ({ program }) => file('automigrate.service', systemdUnit(program)) },
  compose: {
    description: 'a demonstration with Prometheus and Alertmanager',
    make: () => file('compose.yaml', composeFile()),
  },
  kubernetes: {
    description: 'manifests',
    make: ({ image, serviceMonitor = false }) => file('automigrate.yaml', kubernetesManifests(image, serviceMonitor)),
  },
  helm: { description: 'a chart, written to --out', make: () => helmChart(VERSION) },
  'prometheus-alerts': {
    description: 'alert rules that watch automigrate itself',
    make: () => file('automigrate-alerts.yml', prometheusAlerts()),
  },
  'grafana-dashboard': {
    description: 'a dashboard to import',
    make: () => file('automigrate-dashboard.json', grafanaDashboard()),
  },
  'openstack-policy': {
    description: 'the least rights in Nova, a policy.yaml',
    make: () => file('policy.yaml', openstackPolicy()),
  },
};

/** Makes `automigrate deploy`. */
export function deployCommand(context: CliContext): Command {
  const meanings = Object.entries(DEPLOYMENTS).map(([name, { description }]) => `${name} (${description})`);
  const what = new Option('--for <what>', `what it is for: ${meanings.join(', ')}`)
    .choices(Object.keys(DEPLOYMENTS))
    .makeOptionMandatory();
  return new Command('deploy')
    .description('print a file that a deployment needs')
    .addOption(what)
    .option('--program <path>', 'systemd: the path of automigrate', '/usr/local/bin/automigrate')
    .option('--image <image>', 'kubernetes: the image', `automigrate:${VERSION}`)
    .option('--service-monitor', 'kubernetes: with a ServiceMonitor of the Prometheus operator')
    .option('--out <dir>', 'write to this directory instead')
    .action((options: DeployOptions) => deploy(context, options));
}

async function deploy(context: CliContext, options: DeployOptions): Promise<void> {
  const { out, for: name } = options;
  const files = DEPLOYMENTS[name]?.make(options) ?? new Map<string, string>();
  if (out === undefined) {
    if (files.size > 1) refuse(context, [`--out: expected a directory, as ${name} is ${files.size} files`]);
    else for (const text of files.values()) context.terminal.out(text);
    return;
  }
  for (const [path, text] of files) {
    const written = join(out, path);
    await mkdir(dirname(written), { recursive: true });
    await writeWhole(written, text);
    context.terminal.out(`wrote ${written}\n`);
  }
}
