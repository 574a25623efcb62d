import { createHash } from 'node:crypto';
import type { Alert } from './alert.js';

/** A name of an alert longer than this is cut, characters. */
export const LONGEST_NAME = 200;
/** A label's name or value longer than this is cut, characters. No host, rule or severity is called anything like it. */
export const LONGEST_LABEL = 500;
/** More labels than this are left out. */
export const MOST_LABELS = 200;

/** A cut text ends with a sign that no name of a host or rule ends with, so that it never equals one. */
function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

/**
 * An alert whose texts have a length that journal, log and memory can bear. What is cut matches no rule and no host.
 */
export function bounded(alert: Alert): Alert {
  const { name, startsAt, fingerprint, key } = alert;
  return {
    ...alert,
    name: cut(name, LONGEST_NAME),
    labels: boundedLabels(alert.labels),
    ...(startsAt === undefined ? {} : { startsAt: cut(startsAt, LONGEST_NAME) }),
    ...(fingerprint === undefined ? {} : { fingerprint: hashed(fingerprint) }),
    key: hashed(key),
  };
}

/** A text of bearable length that differs where the given one does: cut, two could look alike. */
function hashed(text: string): string {
  return text.length > LONGEST_LABEL ? createHash('sha256').update(text).digest('hex') : text;
}

/** The labels themselves where nothing has to be cut, as nearly always. */
function boundedLabels(labels: Record<string, string>): Record<string, string> {
  const names = Object.keys(labels);
  const isShort = (name: string) => name.length <= LONGEST_LABEL && (labels[name]?.length ?? 0) <= LONGEST_LABEL;
  if (names.length <= MOST_LABELS && names.every(isShort)) return labels;
  const kept = Object.entries(labels).slice(0, MOST_LABELS);
  return Object.fromEntries(kept.map(([label, value]) => [cut(label, LONGEST_LABEL), cut(value, LONGEST_LABEL)]));
}
