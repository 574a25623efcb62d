import type { KubernetesSettings } from './kubernetes.js';
import {
  claim,
  configMaps,
  deployment,
  FIRST_RULE,
  networkPolicy,
  RESOURCES,
  secret,
  service,
  serviceMonitor,
  yaml,
} from './kubernetes.js';

/** Expressions of the chart where a plain manifest has values. Backquotes are strings that YAML leaves alone. */
const SETTINGS: KubernetesSettings = {
  name: '{{ include `automigrate.name` . }}',
  labels: { 'app.kubernetes.io/name': 'automigrate', 'app.kubernetes.io/instance': '{{ .Release.Name }}' },
  image: '{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}',
  secretName: '{{ .Values.existingSecret | default (include `automigrate.name` .) }}',
  claimName: '{{ .Values.persistence.existingClaim | default (include `automigrate.name` .) }}',
  config: '@config@',
  rules: '@rules@',
  resources: '@resources@',
};

/** Whole parts of the values, which no string can stand for. */
const PARTS: Readonly<Record<string, string>> = {
  'data: "@config@"':
    'data:\n  {{- range $name, $value := .Values.config }}\n  {{ $name }}: {{ $value | quote }}\n  {{- end }}',
  'data: "@rules@"':
    'data:\n  {{- range $name, $rule := .Values.rules }}\n  {{ $name }}.json: |\n    {{- merge (dict "name" $name) $rule | toPrettyJson | nindent 4 }}\n  {{- end }}',
  'resources: "@resources@"': 'resources:\n            {{- toYaml .Values.resources | nindent 12 }}',
};

function template(objects: readonly unknown[], condition?: string): string {
  let text = objects.map((object) => yaml(object)).join('---\n');
  for (const [marker, expression] of Object.entries(PARTS)) text = text.replaceAll(marker, () => expression);
  return condition === undefined ? text : `{{- if ${condition} }}\n${text}{{- end }}\n`;
}

/**
 * A chart of Helm, as files by their paths.
 * @param version - of automigrate, and so of chart and image.
 */
export function helmChart(version: string): Map<string, string> {
  const { name: _name, ...rule } = FIRST_RULE;
  const values = {
    image: { repository: 'automigrate', tag: '' },
    config: { CLOUD: 'simulated' },
    rules: { [FIRST_RULE.name]: rule },
    tokens: { webhook: '', api: '' },
    existingSecret: '',
    persistence: { size: '1Gi', existingClaim: '' },
    resources: RESOURCES,
    networkPolicy: { enabled: true },
    serviceMonitor: { enabled: false },
  };
  const required = (which: string) => `{{ required \`tokens.${which} or existingSecret\` .Values.tokens.${which} }}`;
  const tokens = { webhook: required('webhook'), api: required('api') };
  const settings = SETTINGS;
  return new Map([
    [
      'Chart.yaml',
      yaml({
        apiVersion: 'v2',
        name: 'automigrate',
        description: 'Live migrations from monitoring alerts',
        type: 'application',
        version,
        appVersion: version,
      }),
    ],
    [
      'values.yaml',
      `# config: environment variables of automigrate (automigrate serve --help), secrets apart; rules: rule files by name.\n# tokens, or existingSecret with the keys webhook-token and api-token.\n${yaml(values)}`,
    ],
    [
      'templates/_names.tpl',
      '{{- define "automigrate.name" -}}\n{{- if contains "automigrate" .Release.Name -}}{{ .Release.Name | trunc 50 }}{{- else -}}{{ printf "%s-automigrate" .Release.Name | trunc 50 }}{{- end -}}\n{{- end -}}\n',
    ],
    ['templates/config.yaml', template(configMaps(settings))],
    ['templates/secret.yaml', template([secret(settings, tokens)], 'not .Values.existingSecret')],
    [
      'templates/claim.yaml',
      template([claim(settings, '{{ .Values.persistence.size }}')], 'not .Values.persistence.existingClaim'),
    ],
    ['templates/deployment.yaml', template([deployment(settings)])],
    ['templates/service.yaml', template([service(settings)])],
    ['templates/network-policy.yaml', template([networkPolicy(settings)], '.Values.networkPolicy.enabled')],
    ['templates/service-monitor.yaml', template([serviceMonitor(settings)], '.Values.serviceMonitor.enabled')],
    [
      'templates/NOTES.txt',
      'automigrate listens on http://{{ include "automigrate.name" . }}.{{ .Release.Namespace }}.svc:9095\nThe page: kubectl -n {{ .Release.Namespace }} port-forward svc/{{ include "automigrate.name" . }} 9095 and http://127.0.0.1:9095\n',
    ],
  ]);
}
