import type { Alert, AlertProblem } from './alert.js';
import { isRecord, textOf } from './labels.js';
import type { ParsedAlerts } from './layout.js';
import { isOf, layout, misfit, orNothing, text } from './layout.js';
import { isTemplateConfig, parseTemplateConfig } from './monitor-template.js';
import { isVerification, looksLikeAlertText, parseMonitorText } from './monitor-text.js';

/** The key under which the monitor service puts its text unless the robot has its own. */
const DEFAULT_MESSAGE_KEY = 'Msg';

/** What a robot sends: its text, under this key, its own, or any. */
export const MONITOR = layout("The monitor service's text, under `Msg` or the message key of its robot", {
  Msg: orNothing(text),
});

/** How to read what a robot of the monitor service sends. */
export interface MonitorOptions {
  /** The robot's own message key (`msg_key`, at most 16 characters there), if it has one. */
  messageKey?: string;
}

/**
 * Whether a body is an event subscription rather than an alert: both arrive through the same robot.
 * @param eventHeader - the value of `X-Yunion-Event`, if the request has one.
 */
export function isCloudEvent(body: unknown, eventHeader?: string): boolean {
  if (eventHeader) return true;
  return isRecord(body) && typeof body.action === 'string' && typeof body.resource_type === 'string';
}

/**
 * Reads what a webhook robot of the Cloudpods monitor service sends: its text (Chinese or English, old or new layout),
 * its structured form (as the body, or as a JSON string under the message key), or its verification message.
 * @param body - the parsed JSON, whatever it is.
 * @returns one alert per resource, each occurrence once; none for an event subscription; or every fault with its field.
 */
export function parseMonitor(body: unknown, options: MonitorOptions = {}): ParsedAlerts {
  if (isRecord(body) && isCloudEvent(body)) return { ok: true, alerts: [] };
  if (isTemplateConfig(body)) return parseTemplateConfig(body, '');
  if (!isOf(MONITOR, body)) return misfit(MONITOR, body);

  const message = findMessage(body, options.messageKey);
  if ('problem' in message) return { ok: false, problems: [message.problem] };
  const { field, text: said } = message;
  if (isVerification(said)) return { ok: true, alerts: [verification(said)] };
  const config = templateIn(said);
  return config ? parseTemplateConfig(config, field) : parseMonitorText(said, field);
}

/** Looks under `Msg`, then under the robot's own key, then for the one other text that looks like an alert. */
function findMessage(
  body: Record<string, unknown>,
  ownKey: string | undefined,
): { field: string; text: string } | { problem: AlertProblem } {
  for (const field of ownKey === undefined ? [DEFAULT_MESSAGE_KEY] : [DEFAULT_MESSAGE_KEY, ownKey]) {
    const text = textOf(body, field);
    if (text !== undefined && isMessage(text)) return { field, text };
  }
  const others = Object.entries(body).flatMap(([field, text]) =>
    typeof text === 'string' && isMessage(text) ? [{ field, text }] : [],
  );
  const [first, second] = others;
  if (first && !second) return first;
  const field = ownKey ?? DEFAULT_MESSAGE_KEY;
  const message = second
    ? `expected one alert text, but ${others.map((other) => `"${other.field}"`).join(' and ')} both look like one`
    : "expected the monitor service's alert text";
  return { problem: { field, message } };
}

function isMessage(text: string): boolean {
  return isVerification(text) || looksLikeAlertText(text) || templateIn(text) !== undefined;
}

function templateIn(text: string): Record<string, unknown> | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isTemplateConfig(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function verification(text: string): Alert {
  return { sender: 'monitor', name: 'verification', state: 'test', labels: {}, key: `monitor|verification|${text}` };
}
