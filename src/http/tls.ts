import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { SecureContextOptions } from 'node:tls';
import { errorMessage } from '../common/error-message.js';
import { openLastGood } from '../common/last-good.js';
import type { Clock } from '../common/clock.js';

/** Where the certificate stands; all in PEM. */
export interface TlsFiles {
  cert: string;
  key: string;
  /** Certificates of the authorities whose clients may come in; without it clients need no certificate. */
  clientCa?: string;
}

/** Where it is told what became of a new certificate; a pino logger fits. */
export interface TlsLog {
  info(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

export interface TlsOptions {
  files: TlsFiles;
  log: TlsLog;
  clock: Pick<Clock, 'now'>;
  /** How often the files are read, ms. Default 5000. */
  pollMs?: number;
}

/** The certificate in force, kept in step with its files. */
export interface Tls {
  /** What a server has to be made with. */
  context: SecureContextOptions;
  /** Why the files as they are now cannot be used, one line each; empty if they are in force. */
  problems(): string[];
  /** Reads the files now; resolves when what they held is in force or refused. */
  reload(): Promise<void>;
  /** From now on a new certificate goes to this server; connections that stand keep the old one. */
  attach(server: Pick<Server, 'setSecureContext'>): void;
  /** Stops looking at the files. */
  close(): void;
}

/** The certificate, or what is wrong with its files, each with its variable. */
export type OpenedTls = { ok: true; tls: Tls } | { ok: false; problems: string[] };

const VARIABLE: Readonly<Record<keyof TlsFiles, string>> = {
  cert: 'TLS_CERT',
  key: 'TLS_KEY',
  clientCa: 'TLS_CLIENT_CA',
};

type Texts = Partial<Record<keyof TlsFiles, string>>;
type Loaded =
  { ok: true; value: { context: SecureContextOptions; expires: string } } | { ok: false; problems: string[] };

/** Older versions of TLS are broken. */
const OLDEST = 'TLSv1.2';

/**
 * Loads the certificate and keeps it in step with its files. Files that cannot be used leave the last good ones in
 * force; that is logged once, and stands in `problems()` until it is mended.
 */
export async function openTls({ files, log, clock, pollMs = 5000 }: TlsOptions): Promise<OpenedTls> {
  let server: Pick<Server, 'setSecureContext'> | undefined;
  const opened = await openLastGood({
    read: () => readAll(files),
    load: (texts) => load(files, texts, clock.now()),
    onGood: ({ context, expires }) => {
      server?.setSecureContext(context);
      log.info({ expires }, 'a new certificate is in force');
    },
    onBroken: (problems) => {
      log.error({ problems }, 'the new certificate cannot be used; the last good one stays in force');
    },
  });
  if (!opened.ok) return opened;
  const { kept } = opened;
  // Certificates are often links that are moved as a whole, which a watch of the files would not see.
  const poll = setInterval(() => void kept.reload(), pollMs);
  poll.unref();

  return {
    ok: true,
    tls: {
      get context() {
        return kept.value().context;
      },
      problems: () => kept.problems(),
      reload: () => kept.reload(),
      attach: (given) => (server = given),
      close: () => {
        clearInterval(poll);
        kept.close();
      },
    },
  };
}

/** The texts of the files; one that cannot be read is an Error in its place. */
async function readAll(files: TlsFiles): Promise<Record<string, string>> {
  const entries = Object.entries(files) as [keyof TlsFiles, string][];
  const texts = await Promise.all(
    entries.map(async ([name, path]): Promise<[string, string]> => {
      try {
        return [name, await readFile(path, 'utf8')];
      } catch (error) {
        return [`${name} unread`, errorMessage(error)];
      }
    }),
  );
  return Object.fromEntries(texts);
}

function load(files: TlsFiles, texts: Record<string, string>, now: number): Loaded {
  const problems = (Object.keys(files) as (keyof TlsFiles)[]).flatMap((name) => {
    const reason = texts[`${name} unread`];
    return reason === undefined ? [] : [`${VARIABLE[name]}: ${reason}`];
  });
  if (problems.length > 0) return { ok: false, problems };
  const { cert = '', key = '', clientCa } = texts as Texts;

  let expires: string;
  const fault = (name: keyof TlsFiles, expected: string, error?: unknown): Loaded => {
    const reason = error instanceof Error ? `: ${error.message}` : '';
    return { ok: false, problems: [`${VARIABLE[name]}: expected ${expected} in ${files[name] ?? ''}${reason}`] };
  };
  try {
    const own = new X509Certificate(cert);
    expires = own.validTo;
    if (Date.parse(own.validTo) <= now) return fault('cert', `a certificate that is valid (it ended ${expires})`);
  } catch (error) {
    return fault('cert', 'a certificate in PEM', error);
  }
  try {
    createSecureContext({ key });
  } catch (error) {
    return fault('key', 'a private key in PEM', error);
  }
  if (clientCa !== undefined) {
    try {
      new X509Certificate(clientCa);
    } catch (error) {
      return fault('clientCa', 'certificates in PEM', error);
    }
  }
  const context = { cert, key, ...(clientCa !== undefined && { ca: clientCa }), minVersion: OLDEST } as const;
  try {
    createSecureContext(context);
  } catch (error) {
    return fault('key', 'the key of the certificate', error);
  }
  return { ok: true, value: { context, expires } };
}
