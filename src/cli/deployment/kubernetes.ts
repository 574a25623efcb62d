import { stringify } from 'yaml';

const DATA = '/app/data';
const RULES = '/app/rules';
const SECRETS = '/run/secrets/automigrate';
/** That of `node` in the image. */
const USER = 1000;

/** What differs between a plain manifest and a chart. */
export interface KubernetesSettings {
  /** Of the objects; services are called by it. */
  name: string;
  labels: Readonly<Record<string, string>>;
  image: string;
  secretName: string;
  claimName: string;
  /** Environment variables; a string is a template's expression. */
  config: unknown;
  /** Rule files by name. */
  rules: unknown;
  resources: unknown;
}

const metadata = ({ labels }: KubernetesSettings, name: string) => ({ name, labels });
const probe = (path: string, more: object = {}) => ({
  httpGet: { path, port: 'http' },
  periodSeconds: 10,
  timeoutSeconds: 3,
  ...more,
});

/** The receiver itself. */
export function deployment(settings: KubernetesSettings) {
  const { name, labels, image, secretName, claimName, resources } = settings;
  const inNamespace = `${name}.$(POD_NAMESPACE)`;
  const container = {
    name: 'automigrate',
    image,
    envFrom: [{ configMapRef: { name } }],
    env: [
      { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      { name: 'HOST', value: '0.0.0.0' },
      // Names of the service; by an address it is always answered, as the kubelet and Prometheus ask.
      {
        name: 'ALLOWED_HOSTS',
        value: [name, inNamespace, `${inNamespace}.svc`, `${inNamespace}.svc.cluster.local`].join(','),
      },
      { name: 'RULES_DIR', value: RULES },
      { name: 'DATA_DIR', value: DATA },
      { name: 'WEBHOOK_TOKEN_FILE', value: `${SECRETS}/webhook-token` },
      { name: 'API_TOKEN_FILE', value: `${SECRETS}/api-token` },
    ],
    ports: [{ name: 'http', containerPort: 9095 }],
    startupProbe: probe('/healthz', { periodSeconds: 2, failureThreshold: 30 }),
    livenessProbe: probe('/healthz', { failureThreshold: 6 }),
    readinessProbe: probe('/readyz'),
    resources,
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'data', mountPath: DATA },
      { name: 'rules', mountPath: RULES, readOnly: true },
      { name: 'secrets', mountPath: SECRETS, readOnly: true },
    ],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(settings, name),
    spec: {
      // One process holds the journal: a second one would not start.
      replicas: 1,
      strategy: { type: 'Recreate' },
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 30,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: USER,
            runAsGroup: USER,
            fsGroup: USER,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          containers: [container],
          volumes: [
            { name: 'data', persistentVolumeClaim: { claimName } },
            { name: 'rules', configMap: { name: `${name}-rules` } },
            { name: 'secrets', secret: { secretName, defaultMode: 0o440 } },
          ],
        },
      },
    },
  };
}

/** The settings' variables and rule files. */
export function configMaps(settings: KubernetesSettings) {
  const map = (name: string, data: unknown) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(settings, name),
    data,
  });
  return [map(settings.name, settings.config), map(`${settings.name}-rules`, settings.rules)];
}

/** The tokens of webhooks and API. */
export function secret(settings: KubernetesSettings, tokens: { webhook: string; api: string }) {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadata(settings, settings.secretName),
    type: 'Opaque',
    stringData: { 'webhook-token': tokens.webhook, 'api-token': tokens.api },
  };
}

/** Where the journal lies. */
export function claim(settings: KubernetesSettings, storage: string) {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: metadata(settings, settings.claimName),
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
  };
}

/** How others in the cluster reach it. */
export function service(settings: KubernetesSettings) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(settings, settings.name),
    spec: { selector: settings.labels, ports: [{ name: 'http', port: 9095, targetPort: 'http' }] },
  };
}

/** Who may: every pod of the cluster, to be narrowed to the monitoring's namespace. */
export function networkPolicy(settings: KubernetesSettings) {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadata(settings, settings.name),
    spec: {
      podSelector: { matchLabels: settings.labels },
      policyTypes: ['Ingress'],
      ingress: [{ from: [{ namespaceSelector: {} }], ports: [{ protocol: 'TCP', port: 9095 }] }],
    },
  };
}

/** What has the Prometheus operator scrape it; it needs that operator's custom resources. */
export function serviceMonitor(settings: KubernetesSettings) {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'ServiceMonitor',
    metadata: metadata(settings, settings.name),
    spec: {
      selector: { matchLabels: settings.labels },
      endpoints: [{ port: 'http', path: '/metrics', interval: '30s' }],
    },
  };
}

/** What one starts with: a rule that only recommends. */
export const FIRST_RULE = {
  name: 'test-cpu',
  metric: 'cpu.usage_active',
  threshold: 80,
  period: '5m',
  mode: 'recommend',
} as const;

/** The decision has a thread of its own, up to DECISION_MEMORY. */
export const RESOURCES = { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '3Gi' } };

/**
 * Manifests for `kubectl apply -f -`.
 * @param withMonitor - with what has the Prometheus operator scrape it.
 */
export function kubernetesManifests(image: string, withMonitor: boolean): string {
  const settings: KubernetesSettings = {
    name: 'automigrate',
    labels: { 'app.kubernetes.io/name': 'automigrate' },
    image,
    secretName: 'automigrate',
    claimName: 'automigrate',
    config: { CLOUD: 'simulated' },
    rules: { [`${FIRST_RULE.name}.json`]: `${JSON.stringify(FIRST_RULE, null, 2)}\n` },
    resources: RESOURCES,
  };
  const objects = [
    ...configMaps(settings),
    secret(settings, { webhook: 'change-me', api: 'change-me-too' }),
    claim(settings, '1Gi'),
    deployment(settings),
    service(settings),
    networkPolicy(settings),
    ...(withMonitor ? [serviceMonitor(settings)] : []),
  ];
  const comment = [
    '# Manifests of automigrate for Kubernetes: automigrate deploy --for kubernetes | kubectl apply -f -',
    '# Change first: the tokens of the Secret, CLOUD and what it needs in the ConfigMap, the rules. `--service-monitor` adds',
    '# what has the Prometheus operator scrape it.',
  ];
  return `${comment.join('\n')}\n${objects.map((object) => yaml(object)).join('---\n')}`;
}

/** One object as YAML. */
export function yaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
