import { CPU_CEILING } from './cpu.js';
import type { PlanRule } from './eligibility.js';
import { MEMORY_FLOOR } from './memory.js';

/** The available memory that a target keeps after a CPU plan, bytes. */
export function memoryFloorOf({ guards }: PlanRule): number {
  return guards?.memoryFloor ?? MEMORY_FLOOR;
}

/** The CPU reading at or under which a target stays after a memory plan, %. */
export function cpuCeilingOf({ guards }: PlanRule): number {
  return guards?.cpuCeiling ?? CPU_CEILING;
}
