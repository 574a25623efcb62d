import { z } from 'zod';
import { FleetError } from '../../fleet.js';
import type { HttpClient } from '../../http-client.js';
import { checked } from '../answers.js';

/** Ussuri's newest (Nova 21). Every call but the list of servers keeps to it: 2.88 takes CPUs and memory out of the hypervisors. */
export const BASE = '2.87';
/** Servers tell the zone that they are pinned to (2024.1, Nova 29). */
const PINNED_ZONES = '2.96';

const documentSchema = z.object({ version: z.object({ version: z.string() }) });

/** The header that asks for a microversion. */
export function versionHeader(version: string): Record<string, string> {
  return { 'OpenStack-API-Version': `compute ${version}` };
}

/**
 * The microversion to list servers with: the newest of what we use and what this Nova has.
 * @throws FleetError if Nova is older than Ussuri.
 */
export async function serversVersion(client: HttpClient, system: string, signal?: AbortSignal): Promise<string> {
  const what = 'versions of Nova';
  // With the slash: where the endpoint ends in a project's id, Nova knows no address without it.
  const answer = await client.read({ what, method: 'GET', path: '/', ...(signal && { signal }) });
  const newest = checked(system, what, documentSchema, answer).version.version;
  if (!reaches(newest, BASE)) {
    const has = newest === '' ? 'knows no microversions' : `knows microversions up to ${newest}`;
    throw new FleetError(system, `${what}: this Nova ${has}; ${BASE} is needed, which came with Ussuri (Nova 21)`);
  }
  return reaches(newest, PINNED_ZONES) ? PINNED_ZONES : BASE;
}

function reaches(version: string, wanted: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
  return major === wantedMajor ? minor >= wantedMinor : major > wantedMajor;
}
