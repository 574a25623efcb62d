import { useState } from 'preact/hooks';
import { tell } from '../model/api.js';
import type { Model } from '../model/store.js';
import { fieldOf } from '../parts/field.js';
import { useSpeech } from '../text/language.js';
import { Dialog } from '../parts/dialog.js';

const HOURS = [1, 2, 4, 8, 24];

/** Stop, pause and resume. Each asks once. */
export function HandButtons({ model: { status, connection } }: { model: Model }) {
  const { t } = useSpeech();
  const [asks, setAsks] = useState<'stop' | 'pause' | undefined>();
  const [said, setSaid] = useState('');
  const [busy, setBusy] = useState(false);
  if (!status) return null;

  const act = async (path: string, body: object, done: (answer: { left_out?: string[] }) => string) => {
    setBusy(true);
    try {
      setSaid(done(await tell(path, body)));
      setAsks(undefined);
    } catch (error) {
      setSaid(t.failed((error as Error).message));
    }
    setBusy(false);
  };
  const stop = (abort: boolean) =>
    act('/api/batch/stop', { abort }, ({ left_out = [] }) => t.stopping(left_out.length));
  const off = busy || connection.state !== 'live';
  const moves = status.batch?.migrations ?? [];
  const running = moves.filter(({ phase }) => phase === 'moving' || phase === 'asking').length;
  const planned = moves.filter(({ phase }) => phase === 'planned').length;

  return (
    <div class="hand">
      <span class="soft" role="status">
        {said}
      </span>
      {status.batch && !status.batch.stopped && (
        <button type="button" class="danger" disabled={off} onClick={() => setAsks('stop')}>
          {t.stop}
        </button>
      )}
      {status.paused ? (
        <button type="button" class="primary" disabled={off} onClick={() => void act('/api/resume', {}, () => '')}>
          {t.resume}
        </button>
      ) : (
        <button type="button" disabled={off} onClick={() => setAsks('pause')}>
          {t.pause}
        </button>
      )}
      {asks === 'stop' && (
        <Dialog title={t.stopTitle} onClose={() => setAsks(undefined)}>
          <p>{t.stopText(running, planned)}</p>
          <div class="buttons">
            <button type="button" class="danger" disabled={off} onClick={() => void stop(false)}>
              {t.stopBegin}
            </button>
            <button type="button" class="danger" disabled={off} onClick={() => void stop(true)}>
              {t.stopAbort}
            </button>
            <button type="button" onClick={() => setAsks(undefined)}>
              {t.cancel}
            </button>
          </div>
        </Dialog>
      )}
      {asks === 'pause' && (
        <Dialog title={t.pauseTitle} onClose={() => setAsks(undefined)}>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              const [reason, lasting] = ['reason', 'for'].map((name) => fieldOf(event.currentTarget, name));
              void act('/api/pause', { reason, ...(lasting && { for: lasting }) }, () => '');
            }}
          >
            <p>{t.pauseText}</p>
            <label>
              {t.reason}
              <input name="reason" required maxLength={500} placeholder={t.reasonHint} autoFocus />
            </label>
            <label>
              {t.howLong}
              <select name="for">
                <option value="">{t.untilResumed}</option>
                {HOURS.map((hours) => (
                  <option key={hours} value={`${hours}h`}>
                    {t.hours(hours)}
                  </option>
                ))}
              </select>
            </label>
            <div class="buttons">
              <button type="submit" class="primary" disabled={off}>
                {t.doPause}
              </button>
              <button type="button" onClick={() => setAsks(undefined)}>
                {t.cancel}
              </button>
            </div>
          </form>
        </Dialog>
      )}
    </div>
  );
}
