import type { VirtualClock } from '../virtual-clock.js';
import type { Model, ModelGuest, ModelMove } from './model.js';

/** What the HA manager of Proxmox VE 9.2 was seen to do, ms after the request. */
const TASK_ENDS = 1000;
const STATE_MIGRATE = 8000;
const TAKEN_BACK = 28_000;
const COPYING = 50_000;
const NODE_CHANGES = 60_000;
const STATE_STARTED = 66_000;

/** The moves of an HA manager, whose rounds take their time. */
export function createHaTimeline(model: Model, clock: VirtualClock, answer: 'moves' | 'ignores' | 'takes back') {
  const asked = new Map<ModelMove, number>();
  const ageOf = (move: ModelMove) => clock.monotonic() - (asked.get(move) ?? 0);
  const answers = new Map<ModelMove, typeof answer>();
  const lastOf = (guest: ModelGuest) => [...asked.keys()].findLast((move) => move.guest.id === guest.id);

  return {
    asked(move: ModelMove): void {
      asked.set(move, clock.monotonic());
      answers.set(move, asked.size === 1 ? answer : 'moves');
    },
    /** Lets every move come as far as the time has. */
    goOn(): void {
      for (const move of model.moves.filter(({ state }) => state === 'moving')) {
        const age = ageOf(move);
        if (answers.get(move) === 'takes back' && age >= TAKEN_BACK) move.state = 'failed';
        if (answers.get(move) !== 'moves' || age < NODE_CHANGES) continue;
        move.state = model.next.breaks ? 'failed' : 'done';
        if (move.state === 'done') move.guest.host = move.target;
        delete model.next.breaks;
        delete model.next.divertTo;
      }
    },
    /** The task that asks for the move: over as soon as the HA manager knows. */
    requestOf(move: ModelMove): object {
      return ageOf(move) < TASK_ENDS ? { status: 'running' } : { status: 'stopped', exitstatus: 'OK' };
    },
    /** What the guest's resource says of it. */
    fieldsOf(guest: ModelGuest): { hastate: string; lock?: string } {
      const move = lastOf(guest);
      if (!move || answers.get(move) === 'ignores' || ['failed', 'cancelled'].includes(move.state)) {
        return { hastate: 'started' };
      }
      const age = ageOf(move);
      const isMoving = age >= STATE_MIGRATE && age < STATE_STARTED;
      return { hastate: isMoving ? 'migrate' : 'started', ...(this.isCopying(move) && { lock: 'migrate' }) };
    },
    /** Whether the task that moves the guest runs. */
    isCopying: (move: ModelMove) => move.state === 'moving' && answers.get(move) === 'moves' && ageOf(move) >= COPYING,
    /** Whether there was such a task. */
    hasCopied: (move: ModelMove) => answers.get(move) === 'takes back' || ageOf(move) >= COPYING,
  };
}
