import { stringify } from 'yaml';
import type { Rule } from '../rule.js';
import type { AlertSource } from './alert-rules.js';
import { alertRuleOf } from './alert-rules.js';
import type { Door } from './routes.js';
import { doorUrl, pick, timingOf } from './routes.js';

/** What a Grafana needs besides the rules. */
export interface GrafanaDoor extends Door {
  /** The uid of the data source that the alerts look at. */
  datasource: string;
  /** The contact point of everything that no rule takes. */
  defaultReceiver: string;
}

const RECEIVER = 'automigrate';
const INTERVAL_S = 30;

/**
 * A provisioning file: alert rules, the contact point with its signature, and the policy.
 * @param part - leaves the tree of policies alone: each alert names its contact point itself (Grafana 10.4 or newer).
 */
export function grafanaProvisioning(
  rules: readonly Rule[],
  source: AlertSource,
  door: GrafanaDoor,
  part: boolean,
): string {
  const group = {
    orgId: 1,
    name: 'automigrate',
    folder: 'automigrate',
    interval: `${INTERVAL_S}s`,
    rules: rules.map((rule, index) => ruleOf(rule, index, source, door, part)),
  };
  const contactPoint = {
    orgId: 1,
    name: RECEIVER,
    receivers: [
      {
        uid: RECEIVER,
        type: 'webhook',
        // Grafana puts the environment's variable in.
        settings: { url: doorUrl(door, 'grafana'), hmacConfig: { secret: '$GRAFANA_SECRET' } },
      },
    ],
  };
  const policy = {
    orgId: 1,
    receiver: door.defaultReceiver,
    routes: rules.map((rule, index) => {
      const { label, value } = pick(rule);
      return {
        receiver: RECEIVER,
        object_matchers: [[label, '=', value]],
        group_by: ['alertname'],
        ...timingOf(index),
      };
    }),
  };
  const comment = [
    '# provisioning/alerting/automigrate.yml of Grafana, made from the rules of automigrate: `automigrate rules export --for grafana`.',
    '# Set GRAFANA_SECRET to the same secret in the environment of Grafana and of automigrate.',
    part
      ? '# A part: policies stay as they are, each alert names its contact point itself (Grafana 10.4 or newer).'
      : '# `policies` replaces the whole tree of notification policies: with other policies there, export with `--part`.',
  ];
  const whole = {
    apiVersion: 1,
    groups: [group],
    contactPoints: [contactPoint],
    ...(!part && { policies: [policy] }),
  };
  return `${comment.join('\n')}\n${stringify(whole, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

function ruleOf(rule: Rule, index: number, source: AlertSource, { datasource }: GrafanaDoor, part: boolean) {
  const { name, mean, operator, threshold, labels, summary, description } = alertRuleOf(rule, source);
  const span = { from: Math.ceil(rule.periodMs / 1000) + 60, to: 0 };
  return {
    uid: uidOf(rule),
    title: name,
    condition: 'past',
    for: `${INTERVAL_S}s`,
    // A store that does not answer says nothing about load.
    noDataState: 'OK',
    execErrState: 'OK',
    labels,
    annotations: {
      summary: literal(summary),
      description: literal(description.replaceAll('$value', '$values.mean.Value')),
    },
    ...(part && {
      notification_settings: { receiver: RECEIVER, group_by: ['grafana_folder', 'alertname'], ...timingOf(index) },
    }),
    data: [
      {
        refId: 'mean',
        datasourceUid: datasource,
        relativeTimeRange: span,
        model: { refId: 'mean', expr: literal(mean), instant: true, range: false },
      },
      {
        refId: 'past',
        datasourceUid: '__expr__',
        relativeTimeRange: span,
        model: {
          refId: 'past',
          type: 'threshold',
          expression: 'mean',
          conditions: [{ evaluator: { type: operator === '>' ? 'gt' : 'lt', params: [threshold] } }],
        },
      },
    ],
  };
}

/** Grafana takes at most 40 letters, digits, `-` and `_`. */
function uidOf({ name }: Rule): string {
  return `automigrate-${name.replaceAll(/[^A-Za-z0-9_-]/g, '_')}`.slice(0, 40);
}

/** Grafana replaces variables in every string of a provisioning file; `$$` is a dollar sign. */
function literal(text: string): string {
  return text.replaceAll('$', '$$$$');
}
