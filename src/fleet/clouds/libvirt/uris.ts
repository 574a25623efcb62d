/** One libvirt daemon of the fleet. */
export interface LibvirtHost {
  /** Id and name of the host. */
  name: string;
  /** How we reach its daemon. */
  uri: string;
  /** How the other hosts' daemons reach it: the destination of a peer-to-peer migration. */
  destUri: string;
}

/** The hosts of `LIBVIRT_URIS`, or one sentence for each part that is wrong. */
export type ParsedUris = { ok: true; hosts: LibvirtHost[] } | { ok: false; problems: string[] };

const SHAPE = /^(?:(?<name>[A-Za-z0-9][A-Za-z0-9._-]*)=)?(?<uri>[^|]+)(?:\|(?<dest>.+))?$/;
const URI = /^[a-z][a-z0-9]*(?:\+[a-z0-9]+)?:\/\/\S*$/;

/**
 * Reads `LIBVIRT_URIS`: parts separated by spaces or commas, each `[NAME=]URI[|DEST_URI]`. Without a name the host is called
 * as in its URI; without a second URI the other hosts reach it by the first.
 */
export function parseUris(text: string): ParsedUris {
  const hosts: LibvirtHost[] = [];
  const problems: string[] = [];
  for (const part of text.split(/[\s,]+/).filter((each) => each !== '')) {
    const host = parsePart(part);
    if (typeof host === 'string') problems.push(`${part}: ${host}`);
    else if (hosts.some(({ name }) => name === host.name))
      problems.push(`${part}: host ${host.name} stands there twice`);
    else hosts.push(host);
  }
  if (hosts.length === 0 && problems.length === 0) problems.push('expected one URI for each host');
  return problems.length === 0 ? { ok: true, hosts } : { ok: false, problems };
}

function parsePart(part: string): LibvirtHost | string {
  const { name, uri, dest } = SHAPE.exec(part)?.groups ?? {};
  for (const each of [uri, dest]) {
    if (each !== undefined && (!URI.test(each) || !URL.canParse(each))) {
      return 'expected [NAME=]URI[|DEST_URI], with URIs such as qemu+ssh://host/system';
    }
  }
  if (uri === undefined) return 'expected [NAME=]URI[|DEST_URI]';
  const hostname = new URL(uri).hostname;
  const called = name ?? hostname;
  if (called === '') return 'expected NAME=URI, since this URI holds no host name';
  if (dest === undefined && hostname === '') {
    return 'expected URI|DEST_URI, since other hosts cannot reach this one by a URI without a host name';
  }
  return { name: called, uri, destUri: dest ?? uri };
}
