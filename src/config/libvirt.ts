import { z } from 'zod';
import type { LibvirtSettings } from '../fleet/clouds/libvirt/create.js';
import { parseUris } from '../fleet/clouds/libvirt/uris.js';

/** The variables of the libvirt cloud. */
export const libvirtVariables = (duration: z.ZodType<number, string>) => ({
  LIBVIRT_URIS: z
    .string()
    .transform((value, context) => {
      const parsed = parseUris(value);
      if (parsed.ok) return parsed.hosts;
      for (const message of parsed.problems) context.addIssue({ code: 'custom', message });
      return z.NEVER;
    })
    .optional()
    .describe('Hosts that run libvirt, each [NAME=]URI, separated by spaces or commas'),
  LIBVIRT_SHARED_PATHS: z
    .string()
    .transform((value) => value.split(/[\s,]+/).filter((path) => path !== ''))
    .refine((paths) => paths.every((path) => path.startsWith('/')), 'expected paths that begin with /')
    .optional()
    .transform((paths) => paths ?? [])
    .describe('Directories that all libvirt hosts share; a guest with a disk elsewhere is not moved'),
  LIBVIRT_BANDWIDTH_MIB: z
    .string()
    .regex(/^[1-9]\d{0,5}$/, 'expected a whole number from 1 to 999999')
    .transform(Number)
    .optional()
    .describe('The most that one migration of libvirt may copy, MiB/s'),
  LIBVIRT_SAMPLE_INTERVAL: duration
    .prefault('15s')
    .describe("How often libvirt's counters are read where METRICS is libvirt"),
});

type LibvirtVariables = z.output<z.ZodObject<ReturnType<typeof libvirtVariables>>>;

/** The settings of the libvirt cloud, or what is wrong with them. */
export function libvirtSettings(
  read: LibvirtVariables,
): { ok: true; libvirt: LibvirtSettings } | { ok: false; problems: string[] } {
  const { LIBVIRT_URIS: hosts, LIBVIRT_BANDWIDTH_MIB: bandwidthMiB } = read;
  if (!hosts) return { ok: false, problems: ['LIBVIRT_URIS: expected a URI for each host, since CLOUD is libvirt'] };
  const libvirt = {
    hosts,
    sharedPaths: read.LIBVIRT_SHARED_PATHS,
    sampleIntervalMs: read.LIBVIRT_SAMPLE_INTERVAL,
    ...(bandwidthMiB !== undefined && { bandwidthMiB }),
  };
  return { ok: true, libvirt };
}
