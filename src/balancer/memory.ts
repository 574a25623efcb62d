const MIB = 1024 * 1024;

/** A target keeps at least this much available memory after a CPU plan, bytes (1 GiB). */
export const MEMORY_FLOOR = 1024 * MIB;

/**
 * What a guest takes of a host's available memory.
 * @param vmemSize - MiB.
 * @returns bytes. Formula: DESIGN, "Arithmetic".
 */
export function memoryScore(vmemSize: number): number {
  return vmemSize * MIB;
}

/**
 * The available memory of a host without a reading: what its guests have not been given.
 * @param memSize - memory of the host, MiB.
 * @param givenOut - sum of vmem_size over its guests, MiB.
 * @returns bytes; negative where more was given out than is there.
 */
export function unassignedMemory(memSize: number, givenOut: number): number {
  return (memSize - givenOut) * MIB;
}
