/** A target stays at or under this CPU reading after a memory plan, %. */
export const CPU_CEILING = 95;

/**
 * What a guest puts on a host that has other or as many CPUs as the one it is on.
 * @param usage - reading of the guest, % of its own vCPUs.
 * @param vcpuCount - vCPUs of the guest.
 * @param cpuCount - CPUs of the host in question.
 * @returns % of that host's CPUs. Formula: DESIGN, "Arithmetic" (`usage × vcpu_count / C`, in this order).
 */
export function cpuScore(usage: number, vcpuCount: number, cpuCount: number): number {
  return cpuLoad(usage, vcpuCount) / cpuCount;
}

/**
 * The part of {@link cpuScore} that is the same on every host.
 * @param usage - reading of the guest, % of its own vCPUs.
 * @param vcpuCount - vCPUs of the guest.
 * @returns % of one CPU.
 */
export function cpuLoad(usage: number, vcpuCount: number): number {
  return usage * vcpuCount;
}
