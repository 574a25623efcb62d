import { store } from '../model/store.js';
import { fieldOf } from '../parts/field.js';
import { useSpeech } from '../text/language.js';

/** Asks for the token of the API. */
export function Door({ wrong }: { wrong: boolean }) {
  const { t } = useSpeech();
  return (
    <form
      class="panel door"
      onSubmit={(event) => {
        event.preventDefault();
        store.unlock(fieldOf(event.currentTarget, 'token'));
      }}
    >
      <p>{t.tokenText}</p>
      <label>
        {t.token}
        <input name="token" type="password" autoComplete="off" required autoFocus />
      </label>
      <button type="submit" class="primary">
        {t.open}
      </button>
      <p class="problem" role="alert">
        {wrong ? t.tokenWrong : ''}
      </p>
    </form>
  );
}
