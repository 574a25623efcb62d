/** The parts of a running guest's description that tie it to its host; `dumpxml --xpath` prints them one a line. */
const TIES = [
  '//devices/hostdev/@type',
  '//devices/interface[@type="hostdev"]/@type',
  '//devices/filesystem/@type',
  '//devices/tpm/backend[@type="passthrough"]/@type',
  '/domain/launchSecurity/@type',
  // A disk over the network has none of these.
  '//devices/disk//source/@file',
  '//devices/disk//source/@dev',
  '//devices/disk//source/@dir',
  '//devices/disk//source/@volume',
].join(' | ');

const HOST_DEVICES = ['hostdev', 'pci', 'usb', 'scsi', 'scsi_host', 'mdev', 'storage', 'misc', 'net'];
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** The command whose output {@link immovableReason} reads. */
export function tiesCommand(uuid: string): string {
  return `dumpxml --domain ${uuid} --xpath '${TIES}'`;
}

/**
 * Why a guest cannot move live.
 * @param ties - the output of {@link tiesCommand}; empty for a guest without any.
 * @param sharedPaths - directories that are the same on all hosts.
 * @returns a few words, or undefined if it may move.
 */
export function immovableReason(ties: string, sharedPaths: readonly string[]): string | undefined {
  const found = [...ties.matchAll(/^ ?([a-z]+)="(.*)"$/gm)].map(
    ([, key, value]) => [key, unescaped(value ?? '')] as const,
  );
  const types = found.filter(([key]) => key === 'type').map(([, value]) => value);
  const device = types.find((type) => HOST_DEVICES.includes(type));
  if (device !== undefined) return `it has a device of its host (${device === 'hostdev' ? 'network' : device})`;
  if (types.includes('passthrough')) return 'it uses the TPM of its host';
  const security = types.find((type) => /^(sev|tdx|s390)/.test(type));
  if (security !== undefined) return `its memory is sealed to its host (${security})`;
  if (types.length > 0) return 'it shares a directory of its host';
  const local = found.find(([, path]) => !sharedPaths.some((shared) => isUnder(path, shared)));
  return local && `its disk ${local[1]} is not known to be on shared storage`;
}

function isUnder(path: string, directory: string): boolean {
  const base = directory.endsWith('/') ? directory : `${directory}/`;
  return path.startsWith(base) && !path.split('/').includes('..');
}

function unescaped(text: string): string {
  return text.replace(/&([a-z]+);/g, (whole, name: string) => ENTITIES[name] ?? whole);
}
