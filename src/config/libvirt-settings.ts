import { z } from 'zod';
import type { LibvirtSettings } from '../fleet/clouds/libvirt/create-libvirt.js';
import { parseUris } from '../fleet/clouds/libvirt/uris.js';
import { duration, list, truth, wholeNumber } from './kinds.js';

/** The variables of the libvirt cloud. */
export const libvirtVariables = {
  LIBVIRT_URIS: list(
    z.string().transform((value, context) => {
      const parsed = parseUris(value);
      if (parsed.ok) return parsed.hosts;
      for (const message of parsed.problems) context.addIssue({ code: 'custom', message });
      return z.NEVER;
    }),
  )
    .optional()
    .describe('Hosts that run libvirt, each [NAME=]URI, separated by spaces or commas'),
  LIBVIRT_SHARED_PATHS: list(
    z
      .string()
      .transform((value) => value.split(/[\s,]+/).filter((path) => path !== ''))
      .refine((paths) => paths.every((path) => path.startsWith('/')), 'expected paths that begin with /'),
  )
    .optional()
    .transform((paths) => paths ?? [])
    .describe('Directories that all libvirt hosts share; a guest with a disk elsewhere is not moved'),
  LIBVIRT_BANDWIDTH_MIB: wholeNumber(1, 999_999)
    .optional()
    .describe('The most that one migration of libvirt may copy, MiB/s'),
  LIBVIRT_AUTO_CONVERGE: truth
    .prefault('true')
    .describe('Whether a guest that writes memory faster than it is copied is slowed down until it arrives'),
  LIBVIRT_POSTCOPY_AFTER: duration
    .optional()
    .describe('How long a migration of libvirt may take before it is switched to post-copy; never by default'),
  LIBVIRT_SAMPLE_INTERVAL: duration
    .prefault('15s')
    .describe("How often libvirt's counters are read where METRICS is libvirt"),
};

type LibvirtVariables = z.output<z.ZodObject<typeof libvirtVariables>>;

/** The settings of the libvirt cloud, or what is wrong with them. */
export function libvirtSettings(
  read: LibvirtVariables & { MIGRATION_TIMEOUT: number },
): { ok: true; libvirt: LibvirtSettings } | { ok: false; problems: string[] } {
  const { LIBVIRT_URIS: hosts, LIBVIRT_BANDWIDTH_MIB: bandwidthMiB, LIBVIRT_POSTCOPY_AFTER: postcopyAfterMs } = read;
  if (!hosts) return { ok: false, problems: ['LIBVIRT_URIS: expected a URI for each host, since CLOUD is libvirt'] };
  if (postcopyAfterMs !== undefined && postcopyAfterMs >= read.MIGRATION_TIMEOUT) {
    const text = 'expected less than MIGRATION_TIMEOUT, at which a migration is cancelled';
    return { ok: false, problems: [`LIBVIRT_POSTCOPY_AFTER: ${text}`] };
  }
  const libvirt = {
    hosts,
    sharedPaths: read.LIBVIRT_SHARED_PATHS,
    sampleIntervalMs: read.LIBVIRT_SAMPLE_INTERVAL,
    autoConverge: read.LIBVIRT_AUTO_CONVERGE === 'true',
    ...(bandwidthMiB !== undefined && { bandwidthMiB }),
    ...(postcopyAfterMs !== undefined && { postcopyAfterMs }),
  };
  return { ok: true, libvirt };
}
