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

interface Course {
  isFiring: boolean;
  /** When it began to fire, ms since the epoch, oldest first. */
  began: number[];
  seenAt: number;
  toldAt: number;
}

/** Watches the states of alerts and tells those that flap, each once within an hour. */
export class FlapWatch {
  readonly #courses = new Map<string, Course>();

  /**
   * Takes note of a body's alerts.
   * @param now - ms since the epoch.
   */
  note(alerts: readonly Alert[], now: number): Flapping[] {
    for (const [key, { seenAt }] of this.#courses) if (now - seenAt > WINDOW_MS) this.#courses.delete(key);
    return alerts.flatMap((alert) => {
      if (alert.state === 'test') return [];
      const key = JSON.stringify([alert.sender, alert.name, Object.entries(alert.labels).sort()]);
      const course = this.#courses.get(key) ?? { isFiring: false, began: [], seenAt: now, toldAt: -Infinity };
      this.#courses.set(key, course);
      course.seenAt = now;
      course.began = course.began.filter((at) => now - at <= WINDOW_MS);
      const begins = alert.state === 'firing' && !course.isFiring;
      course.isFiring = alert.state === 'firing';
      if (!begins) return [];
      course.began.push(now);
      if (course.began.length < TIMES || now - course.toldAt <= WINDOW_MS) return [];
      course.toldAt = now;
      return [{ alert, times: course.began.length }];
    });
  }
}

/** The sentence for the journal. */
export function flappingText({ alert, times }: Flapping): string {
  const labels = Object.entries(alert.labels).map(([name, value]) => `${name}=${value}`);
  const minutes = WINDOW_MS / 60_000;
  return `alert ${alert.name} (${labels.join(', ')}) fired ${times} times within ${minutes} minutes and was resolved in between`;
}
