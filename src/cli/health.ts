import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { Command } from 'commander';
import type { Config } from '../config/read-config.js';
import { readConfig } from '../config/read-config.js';
import type { CliContext } from './context.js';
import { EXIT, refuse } from './context.js';

/** How long the receiver may take to answer, ms. */
const PATIENCE = 2500;

/** Asks `/healthz`. Not by axios: what counts here are the words of TLS itself. */
function ask({ host, port, tls }: Config): Promise<{ alive: boolean; text: string }> {
  // An address to listen on everywhere is none to connect to.
  const address = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  return new Promise((resolve) => {
    const options = { host: address, port, path: '/healthz', timeout: PATIENCE, agent: false };
    const request = tls
      ? // It asks its own machine whether a process lives; for whom the certificate was made does not matter.
        getHttps({ ...options, rejectUnauthorized: false })
      : getHttp(options);
    request.on('response', (response) => {
      response.resume();
      resolve({ alive: response.statusCode === 200, text: `/healthz answers ${response.statusCode ?? 0}` });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${PATIENCE} ms`)));
    request.on('error', (error: NodeJS.ErrnoException) => {
      // Whoever asks for a client certificate is alive, and this has none.
      const asksForCertificate = tls?.clientCa !== undefined && error.code?.includes('ALERT') === true;
      resolve({ alive: asksForCertificate, text: error.message });
    });
  });
}

/**
 * `automigrate health`: whether the receiver of this environment lives, for health checks of containers.
 * Sets the exit status: 0 if it does, 1 if not, 2 for a wrong environment.
 */
export function healthCommand(context: CliContext): Command {
  return new Command('health').description('ask the receiver of this environment whether it lives').action(async () => {
    const read = readConfig(context.env());
    if (!read.ok) {
      refuse(context, read.problems);
      return;
    }
    const { alive, text } = await ask(read.config);
    if (!alive) context.terminal.err(`automigrate: ${text}\n`);
    context.exit(alive ? EXIT.ok : EXIT.fault);
  });
}
