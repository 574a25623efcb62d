import { isIP } from 'node:net';
import { z } from 'zod';
import { parseDuration } from '../common/units.js';
import { choice, duration, memory, truth, wholeNumber } from './kinds.js';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Whether a server that listens there can only be reached from its own machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function isHost(host: string): boolean {
  return isIP(host) !== 0 || (/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host) && !/^[\d.]+$/.test(host));
}

const retention = z
  .string()
  .transform((value) => (value === 'forever' ? Infinity : (parseDuration(value) ?? Number.NaN)))
  .refine((ms) => ms >= 2 * 86_400_000, 'expected a duration of at least "2d", or "forever"');

/** The variables of the process: where it listens, reads and writes. */
export const serviceVariables = {
  HOST: z
    .string()
    .refine(isHost, 'expected an IP address or a host name')
    .prefault('127.0.0.1')
    .describe('Address to listen on; any other than loopback needs a secret'),
  PORT: wholeNumber(0, 65_535).prefault('9095').describe('Port to listen on; 0 takes any that is free'),
  RULES_DIR: z.string().prefault('rules').describe('Directory of the rule files'),
  DATA_DIR: z.string().prefault('data').describe('Directory of the journal'),
  LOG_LEVEL: choice(LOG_LEVELS)
    .prefault('info')
    .describe(`Least level that is logged: ${LOG_LEVELS.join(', ')}`),
};

/** The variables that bound what it waits for and keeps. */
export const limitVariables = {
  SNAPSHOT_RETENTION: duration
    .prefault('14d')
    .describe('How long what a batch was planned on is kept for a replay, at most the last 200'),
  REQUEST_TIMEOUT: duration.prefault('30s').describe('How long a cloud or metric store may take to answer'),
  INVENTORY_TIMEOUT: duration
    .prefault('5m')
    .describe(
      'How long the whole list of hosts and guests may take where it comes page by page (openstack, cloudpods)',
    ),
  DECISION_TIMEOUT: duration
    .prefault('10m')
    .describe('How long one decision may take, everything that it asks included; then it ends in decision_fail'),
  DECISION_MEMORY: memory(128 * 1024 ** 2, 'expected at least "128MiB"')
    .transform((bytes) => Math.floor(bytes / 1024 ** 2))
    .prefault('2GiB')
    .describe('How much memory the thread of the decisions may take'),
  DROPPED_ALERTS: choice(['forget', 'look-again'])
    .prefault('forget')
    .describe(
      'What becomes of the newest alert of each rule and host that was dropped while a batch moved guests: forget or look-again',
    ),
  RETENTION: retention
    .prefault('90d')
    .describe('How long events are kept: 2d and twice the longest cooldown at least, or forever'),
  JOURNAL_FSYNC: truth
    .prefault('true')
    .describe('Whether the journal waits for the disk; false is faster and does not outlive the loss of power'),
  SHUTDOWN_TIMEOUT: duration.prefault('10s').describe('How long going down may take'),
};
