import { z } from 'zod';
import { HttpCallError } from '../../http-client.js';
import { refusalIn } from '../answers.js';

const bodySchema = z.object({
  message: z.string().nullish(),
  errors: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * Why Proxmox VE did not take a request, in its own words; undefined if the error does not say that nothing was done. Its
 * refusals are HTTP 500 with a `message` ("VM is locked (backup)"); a 400 names each parameter under `errors`. 595, 596 and
 * 599 are said by a node that did not reach another one, which may have acted.
 * @param error - what the call has thrown.
 */
export function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof HttpCallError)) return undefined;
  const { message, errors } = bodyOf(error);
  if (error.status === 500) return message;
  const refusal = refusalIn(error);
  const fields = Object.entries(errors).map(([name, words]) => `${name}: ${String(words).trim()}`);
  return refusal !== undefined && fields.length > 0 ? `${refusal} (${fields.join('; ')})` : refusal;
}

/** Whether asking for the same thing again, or through another node, may bring an answer. */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof HttpCallError) || error.tooLong) return false;
  const { status } = error;
  if (status === 500) return bodyOf(error).message === undefined;
  return status === undefined || [429, 502, 503, 504].includes(status) || (status >= 595 && status <= 599);
}

/** Whether this version of Proxmox VE does not have what was asked for, or the token no right to it. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof HttpCallError && [400, 403, 404, 501].includes(error.status ?? 0);
}

function bodyOf({ body }: HttpCallError): { message: string | undefined; errors: Record<string, unknown> } {
  try {
    const { message, errors } = bodySchema.parse(JSON.parse(body));
    const words = message?.replaceAll(/\s+/g, ' ').trim() ?? '';
    return { message: words === '' ? undefined : words, errors: errors ?? {} };
  } catch {
    return { message: undefined, errors: {} };
  }
}
