import type { Alert } from '../alerts/alert.js';

/** An alert that fired, was resolved and fired again, over and over. */
export interface Flapping {
  alert: Alert;
  /** How often it began to fire within the window. */
  times: number;
}

/** An alert that begins to fire this often within {@link WINDOW_MS} is flapping. */
const TIMES = 3;
const WINDOW_MS = 3_600_000;

/** So many alerts are watched, those that were seen last: labels come from outside. */
const MOST_COURSES = 10_000;

interface Course {
  isFiring: boolean;
  /** When it began to fire, ms since the epoch, oldest first. */
  began: number[];
  seenAt: number;
  toldAt: number;
}

/** Watches the states of alerts and tells those that flap, each once within an hour. */
export class FlapWatch {
  /** In the order in which they were last seen. */
  readonly #courses = new Map<string, Course>();

  /** How many alerts are watched. */
  get size(): number {
    return this.#courses.size;
  }

  /**
   * Takes note of a body's alerts.
   * @param now - ms since the epoch.
   */
  note(alerts: readonly Alert[], now: number): Flapping[] {
    const flapping: Flapping[] = [];
    for (const alert of alerts) {
      if (alert.state === 'test') continue;
      const course = this.#seen(keyOf(alert), now);
      const begins = alert.state === 'firing' && !course.isFiring;
      course.isFiring = alert.state === 'firing';
      if (!begins) continue;
      course.began = [...course.began.filter((at) => now - at <= WINDOW_MS), now];
      if (course.began.length < TIMES || now - course.toldAt <= WINDOW_MS) continue;
      course.toldAt = now;
      flapping.push({ alert, times: course.began.length });
    }
    return flapping;
  }

  #seen(key: string, now: number): Course {
    const known = this.#courses.get(key);
    const course =
      known && now - known.seenAt <= WINDOW_MS ? known : { isFiring: false, began: [], seenAt: now, toldAt: -Infinity };
    course.seenAt = now;
    this.#courses.delete(key);
    this.#courses.set(key, course);
    for (const [oldest, { seenAt }] of this.#courses) {
      if (now - seenAt <= WINDOW_MS && this.#courses.size <= MOST_COURSES) break;
      this.#courses.delete(oldest);
    }
    return course;
  }
}

/** The same for every delivery of an alert, whatever the order of its labels. */
function keyOf({ sender, name, labels }: Alert): string {
  const named = Object.keys(labels)
    .sort()
    .map((label) => [label, labels[label]]);
  return JSON.stringify([sender, name, named]);
}

/** The sentence for the journal. */
export function flappingText({ alert, times }: Flapping): string {
  const labels = Object.entries(alert.labels).map(([name, value]) => `${name}=${value}`);
  const minutes = WINDOW_MS / 60_000;
  return `alert ${alert.name} (${labels.join(', ')}) fired ${times} times within ${minutes} minutes and was resolved in between`;
}
