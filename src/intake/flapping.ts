import type { Alert } from '../alerts/alert.js';
import type { MatchedAlert } from '../rules/rule.js';

/** An alert that fired, was resolved and fired again, over and over, whether or not the sender told that it was resolved. */
export interface Flapping {
  alert: Alert;
  /** The rule that takes it. */
  rule: string;
  /** The word that names its host. */
  host: string;
  /** How often it began to fire within the window. */
  times: number;
}

/** An alert that begins to fire this often within {@link WINDOW_MS} is flapping. */
const TIMES = 3;
const WINDOW_MS = 3_600_000;
/** Pairs of rule and host that are watched at most; the ones that were quiet the longest go first. */
const MOST_COURSES = 10_000;
/** Beginnings that are counted at most. */
const MOST_BEGINNINGS = 100;
/** Alerts of one rule and host whose last start is remembered. */
const MOST_STARTS = 20;
/** Replicas of a sender tell starts of one occurrence that differ by an evaluation or so, ms. */
const SAME_START_MS = 30_000;

interface Course {
  isFiring: boolean;
  /** When it was heard to begin to fire, ms by a clock that nobody sets, oldest first. */
  began: number[];
  /** By the alert's fingerprint its newest start, ms since the epoch: one rule may take several alerts of a host. */
  starts: Map<string, number>;
  seenAt: number;
  toldAt: number;
}

/** Watches, for each rule and host, the states of the alerts that the rule takes, and tells those that flap, each once within an hour. */
export class FlapWatch {
  /** The one that was seen last stands last. */
  readonly #courses = new Map<string, Course>();

  /**
   * Takes note of a body's alerts; those that no rule takes do not count.
   * @param now - ms by a clock that nobody sets.
   */
  note(alerts: readonly MatchedAlert[], now: number): Flapping[] {
    this.#forgetQuiet(now);
    return alerts.flatMap(({ alert, match }) => {
      if (alert.state === 'test') return [];
      const host = match.matched ? match.hosts[0] : undefined;
      if (!match.matched || host === undefined) return [];
      const course = this.#courseOf(`${match.rule.name}\n${host}`, now);
      const startsAnew = alert.state === 'firing' && noteStart(course, alert);
      const begins = startsAnew || (alert.state === 'firing' && !course.isFiring);
      course.isFiring = alert.state === 'firing';
      if (!begins) return [];
      course.began = [...course.began.filter((at) => now - at <= WINDOW_MS), now].slice(-MOST_BEGINNINGS);
      if (course.began.length < TIMES || now - course.toldAt <= WINDOW_MS) return [];
      course.toldAt = now;
      return [{ alert, rule: match.rule.name, host, times: course.began.length }];
    });
  }

  /** Whether the last that was heard of a host's alert is that it is resolved. */
  isResolved(rule: string, host: string | undefined): boolean {
    return this.#courses.get(`${rule}\n${host}`)?.isFiring === false;
  }

  #courseOf(key: string, now: number): Course {
    const course = this.#courses.get(key) ?? newCourse(now);
    course.seenAt = now;
    this.#courses.delete(key);
    this.#courses.set(key, course);
    return course;
  }

  #forgetQuiet(now: number): void {
    for (const [key, { seenAt }] of this.#courses) {
      if (now - seenAt <= WINDOW_MS && this.#courses.size <= MOST_COURSES) return;
      this.#courses.delete(key);
    }
  }
}

const newCourse = (now: number): Course => ({
  isFiring: false,
  began: [],
  starts: new Map(),
  seenAt: now,
  toldAt: -Infinity,
});

/** Takes note of when a firing alert says that it began; tells whether it began anew: it was resolved, though nobody said so. */
function noteStart({ starts }: Course, { fingerprint, startsAt }: Alert): boolean {
  const start = Date.parse(startsAt ?? '');
  if (fingerprint === undefined || Number.isNaN(start)) return false;
  const before = starts.get(fingerprint);
  if (before !== undefined && start <= before + SAME_START_MS) return false;
  if (before !== undefined || starts.size < MOST_STARTS) starts.set(fingerprint, start);
  return before !== undefined;
}

/** The sentence for the journal. */
export function flappingText({ alert, host, times }: Flapping): string {
  const minutes = WINDOW_MS / 60_000;
  return `alert ${alert.name} of host ${host} fired ${times} times within ${minutes} minutes and was resolved in between`;
}
