import { expect, it } from 'vitest';
import { parseUris } from '../../../../src/fleet/clouds/libvirt/uris.js';

it('a URI names its host, and is how the other hosts reach it', () => {
  expect(parseUris(' qemu+ssh://root@a.example/system,qemu+tls://b/system\n')).toEqual({
    ok: true,
    hosts: [
      { name: 'a.example', uri: 'qemu+ssh://root@a.example/system', destUri: 'qemu+ssh://root@a.example/system' },
      { name: 'b', uri: 'qemu+tls://b/system', destUri: 'qemu+tls://b/system' },
    ],
  });
});

it('a name and another way for the other hosts can be given', () => {
  expect(parseUris('a15=qemu+unix:///system?socket=/run/a|qemu+tcp://10.0.0.1:16509/system')).toEqual({
    ok: true,
    hosts: [{ name: 'a15', uri: 'qemu+unix:///system?socket=/run/a', destUri: 'qemu+tcp://10.0.0.1:16509/system' }],
  });
});

it.each([
  [',', 'expected one URI for each host'],
  ['qemu:///system', 'qemu:///system: expected NAME=URI, since this URI holds no host name'],
  [
    'a=qemu:///system',
    'a=qemu:///system: expected URI|DEST_URI, since other hosts cannot reach this one by a URI without a host name',
  ],
  ['-c', '-c: expected [NAME=]URI[|DEST_URI], with URIs such as qemu+ssh://host/system'],
  ['a=--help', 'a=--help: expected [NAME=]URI[|DEST_URI], with URIs such as qemu+ssh://host/system'],
  [
    'qemu://a/system|--help',
    'qemu://a/system|--help: expected [NAME=]URI[|DEST_URI], with URIs such as qemu+ssh://host/system',
  ],
  ['|x', '|x: expected [NAME=]URI[|DEST_URI]'],
  ['qemu://a/system qemu+ssh://a/system', 'qemu+ssh://a/system: host a stands there twice'],
])('%j is refused', (text, problem) => {
  expect(parseUris(text)).toEqual({ ok: false, problems: [problem] });
});
