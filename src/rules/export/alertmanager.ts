import { stringify } from 'yaml';
import type { Rule } from '../rule.js';
import type { Door } from './routes.js';
import { doorUrl, pick, timingOf } from './routes.js';

/** What an Alertmanager needs besides the rules. */
export interface AlertmanagerDoor extends Door {
  /** The file that holds the `WEBHOOK_TOKEN`, as Alertmanager sees it. */
  tokenFile: string;
}

const RECEIVER = 'automigrate';

/**
 * The receiver and a route for each rule.
 * @param part - only these two, to be put into a configuration that is there; else a whole one.
 */
export function alertmanagerConfig(rules: readonly Rule[], door: AlertmanagerDoor, part: boolean): string {
  const receiver = {
    name: RECEIVER,
    webhook_configs: [
      {
        url: doorUrl(door, 'alertmanager'),
        send_resolved: true,
        http_config: { authorization: { type: 'Bearer', credentials_file: door.tokenFile } },
      },
    ],
  };
  const routes = rules.map((rule, index) => {
    const { label, value } = pick(rule);
    return {
      matchers: [`${label} = ${JSON.stringify(value)}`],
      receiver: RECEIVER,
      // The hosts of one rule come in one body, and are planned together.
      group_by: ['alertname'],
      ...timingOf(index),
    };
  });
  if (part) {
    const comment =
      '# A part of an alertmanager.yml, not a whole one: add the receiver to `receivers`, and the routes to the `routes` of your root route.';
    return `${comment}\n${yaml({ receivers: [receiver], route: { routes } })}`;
  }
  const comment = [
    '# An alertmanager.yml, made from the rules of automigrate: `automigrate rules export --for alertmanager`.',
    '# `default` takes what no rule does: put your own receiver there. `--part` prints what to add to a file that you have.',
  ];
  const whole = { route: { receiver: 'default', routes }, receivers: [{ name: 'default' }, receiver] };
  return `${comment.join('\n')}\n${yaml(whole)}`;
}

function yaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 });
}
