import { ApiError, credentials, problemOf } from './api.js';

/** One message of a stream of server-sent events. */
export interface Message {
  event: string;
  data: string;
  id: string | undefined;
}

/** Reads server-sent events out of text that comes in parts. */
export class MessageReader {
  #rest = '';

  /** @returns the messages that are complete now. */
  read(part: string): Message[] {
    const blocks = (this.#rest + part).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    return blocks.flatMap((block) => {
      const message: Message = { event: 'message', data: '', id: undefined };
      for (const line of block.split('\n')) {
        const [, field = '', value = ''] = /^(\w*): ?(.*)$/.exec(line) ?? [];
        if (field === 'event') message.event = value;
        if (field === 'data') message.data += value;
        if (field === 'id') message.id = value;
      }
      return message.data === '' ? [] : [message];
    });
  }
}

/** A stream that says nothing for this long is dead, though nobody has closed it, ms: heartbeats come every 15 s. */
const SILENCE_MS = 40_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;

/** What happens to a stream. */
export interface Following {
  onMessage: (message: Message) => void;
  /** It is there. */
  onOpen: () => void;
  /** It is not, and why; it is tried again. */
  onGone: (error: ApiError) => void;
  /** The token is not valid, or none can be: it is not tried again. */
  onRefused: (error: ApiError) => void;
  /** The event that came last, to go on from. */
  lastId: () => number | undefined;
}

/**
 * Follows `/api/stream` until told otherwise. `EventSource` cannot send a token, so this is its work over `fetch`.
 * @returns ends it.
 */
export function follow(path: string, { onMessage, onOpen, onGone, onRefused, lastId }: Following): () => void {
  const ended = new AbortController();
  const isEnded = () => ended.signal.aborted;

  const once = async () => {
    const broken = new AbortController();
    const signal = AbortSignal.any([ended.signal, broken.signal]);
    let silence = setTimeout(() => broken.abort(), SILENCE_MS);
    try {
      const id = lastId();
      const headers = { ...credentials(), ...(id !== undefined && { 'Last-Event-ID': String(id) }) };
      const response = await fetch(path, { headers, signal, cache: 'no-store' });
      if (!response.ok || !response.body) throw problemOf(response.status, await response.json().catch(() => ({})));
      onOpen();
      const messages = new MessageReader();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) throw new ApiError(0, {}, 'the connection was closed');
        clearTimeout(silence);
        silence = setTimeout(() => broken.abort(), SILENCE_MS);
        for (const message of messages.read(value)) onMessage(message);
      }
    } finally {
      clearTimeout(silence);
    }
  };

  const run = async () => {
    let pauseMs = FIRST_PAUSE_MS;
    while (!isEnded()) {
      const begun = Date.now();
      try {
        await once();
      } catch (thrown) {
        if (isEnded()) return;
        const error = thrown instanceof ApiError ? thrown : new ApiError(0, {}, String(thrown));
        if (error.status === 401 || error.status === 403) {
          onRefused(error);
          return;
        }
        onGone(error);
      }
      if (Date.now() - begun > LONGEST_PAUSE_MS) pauseMs = FIRST_PAUSE_MS;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    }
  };
  void run();
  return () => ended.abort();
}
