/** How to find a migration of ours among Nova's records, and the actions of its guest. */
export type Handle =
  | { migration: number; requestId: string | undefined }
  /** Nova had not written the record yet: ours comes after this one. */
  | { after: number; requestId: string | undefined };

const AFTER = 'after:';

/** `41/req-…`, or `after:40/req-…`; the id of the request is left out where Nova told none. */
export function writeHandle(handle: Handle): string {
  const record = 'after' in handle ? `${AFTER}${handle.after}` : String(handle.migration);
  return handle.requestId === undefined ? record : `${record}/${handle.requestId}`;
}

/** What {@link writeHandle} has written, also before it knew of requests. */
export function parseHandle(text: string): Handle {
  const [record = '', requestId] = text.split('/');
  return record.startsWith(AFTER)
    ? { after: Number(record.slice(AFTER.length)), requestId }
    : { migration: Number(record), requestId };
}
