import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { errorMessage } from '../common/error-message.js';
import type { CloudpodsSettings } from '../fleet/clouds/cloudpods/settings.js';
import type { KeystoneSettings } from '../fleet/clouds/keystone.js';
import type { OpenstackSettings } from '../fleet/clouds/openstack/openstack.js';
import type { ProxmoxSettings } from '../fleet/clouds/proxmox/proxmox.js';
import { shown } from '../rules/problems.js';
import { list, secret, truth, wholeNumber, written } from './kinds.js';

/** The settings of the cloud that was chosen; the others are absent. */
export interface CloudSettings {
  cloudpods?: CloudpodsSettings;
  openstack?: OpenstackSettings;
  proxmox?: ProxmoxSettings;
}

const EXPECTED_URL = 'expected an http or https address without user, query and fragment';

/** Cloudpods refuses every migration with less, and says in the refusal that it were 100. */
const LEAST_BANDWIDTH_MB = 50;
const EXPECTED_BANDWIDTH = `expected a whole number of MB/s, at least ${LEAST_BANDWIDTH_MB}`;

const url = z.string().refine((value) => {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, search, hash } = new URL(value);
  return ['http:', 'https:'].includes(protocol) && username + password + search + hash === '';
}, EXPECTED_URL);

const flag = (meaning: string) =>
  truth
    .optional()
    .transform((value) => (value === undefined ? undefined : value === 'true'))
    .describe(meaning);

const interfaces = z
  .enum(
    ['public', 'internal', 'admin', 'publicURL', 'internalURL', 'adminURL'],
    'expected one of public, internal, admin',
  )
  .transform((value) => value.replace('URL', '') as KeystoneSettings['interface'])
  .optional();

/** The variables of the clouds, for the table of all variables. */
export const cloudVariables = {
  OS_AUTH_URL: url
    .refine((value) => !/\/v2\.0\/?$/.test(value), 'expected the address of a Keystone v3')
    .transform((value) => value.replace(/\/+$/, ''))
    .transform((value) => (value.endsWith('/v3') ? value : `${value}/v3`))
    .optional()
    .describe('cloudpods, openstack: address of Keystone, such as https://cloud.example:5000/v3'),
  OS_USERNAME: z.string().optional().describe('cloudpods, openstack: user'),
  OS_PASSWORD: secret.optional().describe("cloudpods, openstack: the user's password"),
  OS_PROJECT_NAME: z.string().optional().describe('cloudpods, openstack: project that the user acts in'),
  OS_DOMAIN_NAME: z.string().prefault('Default').describe('cloudpods, openstack: domain of user and project'),
  OS_USER_DOMAIN_NAME: z.string().optional().describe("cloudpods, openstack: the user's domain, where it is another"),
  OS_PROJECT_DOMAIN_NAME: z
    .string()
    .optional()
    .describe("cloudpods, openstack: the project's domain, where it is another"),
  OS_REGION_NAME: z.string().optional().describe('cloudpods, openstack: region, where there are several'),
  OS_INTERFACE: interfaces.describe(
    'cloudpods, openstack: endpoints to take from the catalog: public, internal or admin; public by default',
  ),
  OS_ENDPOINT_TYPE: interfaces.describe('cloudpods, openstack: another name of OS_INTERFACE'),
  OS_CACERT: z.string().optional().describe('cloudpods, openstack: file of the certificates to trust, PEM'),
  CLOUDPODS_MAX_BANDWIDTH_MB: wholeNumber(LEAST_BANDWIDTH_MB, 999_999_999, EXPECTED_BANDWIDTH)
    .optional()
    .describe('cloudpods: the most that one migration may take of the network, MB/s; at least 50'),
  CLOUDPODS_PREFER_HOST: flag('cloudpods: true names the target as older servers know it, too'),
  CLOUDPODS_QUICKLY_FINISH: flag('cloudpods: true lets a busy guest stand still longer at the end, so that it arrives'),
  PROXMOX_URL: list(
    z
      .string()
      .transform((value) => value.split(',').map((part) => part.trim()))
      .pipe(z.array(url)),
  )
    .optional()
    .describe(
      'proxmox: address of any node, such as https://pve1.example:8006; others behind commas, for when it does not answer',
    ),
  PROXMOX_TOKEN: written(
    z.string().regex(/^[^\s@!=]+@[^\s@!=]+![^\s@!=]+=[^\s=]+$/, 'expected USER@REALM!TOKENID=UUID'),
    { secret: true },
  )
    .optional()
    .describe('proxmox: API token, USER@REALM!TOKENID=UUID'),
  PROXMOX_CA: z.string().optional().describe('proxmox: file of the certificates to trust, PEM'),
  PROXMOX_BWLIMIT: wholeNumber(0, 999_999_999, 'expected a whole number of KiB/s, 0 for any amount')
    .optional()
    .describe(
      'proxmox: the most that one migration may take of the network, KiB/s, 0 for any; by default what the cluster allows',
    ),
  PROXMOX_CONNTRACK: flag('proxmox: true lets connections through a stateful firewall live on; Proxmox VE 9 or newer'),
};

/** What the variables of the clouds have been read as. */
export type CloudValues = z.output<z.ZodObject<typeof cloudVariables>>;

/**
 * The settings of one cloud.
 * @param cloud - the one that was chosen.
 * @param readFile - reads the files that variables name; throws if it cannot.
 * @returns its settings, and one problem for every variable that is missing or names a file that is no use.
 */
export function cloudSettings(
  cloud: string,
  values: CloudValues,
  readFile: (path: string) => string,
): { settings: CloudSettings; problems: string[] } {
  const problems: string[] = [];
  const present = <Name extends keyof CloudValues>(name: Name): CloudValues[Name] => {
    if (values[name] === undefined) problems.push(`${name}: needed for CLOUD=${cloud}`);
    return values[name];
  };
  const needed = (name: 'OS_AUTH_URL' | 'OS_USERNAME' | 'OS_PASSWORD' | 'OS_PROJECT_NAME' | 'PROXMOX_TOKEN') =>
    present(name) ?? '';
  const certificates = (name: 'OS_CACERT' | 'PROXMOX_CA'): { ca?: string } => {
    const path = values[name];
    if (path === undefined) return {};
    try {
      const ca = readFile(path);
      // Throws if the first is no certificate.
      new X509Certificate(ca);
      return { ca };
    } catch (error) {
      const reason = errorMessage(error);
      problems.push(`${name}: expected a file of certificates in PEM, got ${shown(path)}: ${reason}`);
      return {};
    }
  };
  const keystone = (): KeystoneSettings => ({
    authUrl: needed('OS_AUTH_URL'),
    username: needed('OS_USERNAME'),
    password: needed('OS_PASSWORD'),
    project: needed('OS_PROJECT_NAME'),
    userDomain: values.OS_USER_DOMAIN_NAME ?? values.OS_DOMAIN_NAME,
    projectDomain: values.OS_PROJECT_DOMAIN_NAME ?? values.OS_DOMAIN_NAME,
    ...(values.OS_REGION_NAME !== undefined && { region: values.OS_REGION_NAME }),
    interface: values.OS_INTERFACE ?? values.OS_ENDPOINT_TYPE ?? 'public',
    ...certificates('OS_CACERT'),
  });

  const settings: CloudSettings = {};
  switch (cloud) {
    case 'cloudpods':
      settings.cloudpods = {
        keystone: keystone(),
        ...(values.CLOUDPODS_MAX_BANDWIDTH_MB !== undefined && { maxBandwidthMb: values.CLOUDPODS_MAX_BANDWIDTH_MB }),
        ...(values.CLOUDPODS_PREFER_HOST !== undefined && { preferHost: values.CLOUDPODS_PREFER_HOST }),
        ...(values.CLOUDPODS_QUICKLY_FINISH !== undefined && { quicklyFinish: values.CLOUDPODS_QUICKLY_FINISH }),
      };
      break;
    case 'openstack':
      settings.openstack = { keystone: keystone() };
      break;
    case 'proxmox':
      settings.proxmox = {
        urls: present('PROXMOX_URL') ?? [],
        token: needed('PROXMOX_TOKEN'),
        ...certificates('PROXMOX_CA'),
        ...(values.PROXMOX_BWLIMIT !== undefined && { bwlimitKib: values.PROXMOX_BWLIMIT }),
        ...(values.PROXMOX_CONNTRACK !== undefined && { withConntrackState: values.PROXMOX_CONNTRACK }),
      };
      break;
    default:
      break;
  }
  return { settings, problems };
}
