import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Dictionary } from './en.js';
import { en } from './en.js';
import { zh } from './zh.js';

export const LANGUAGES = { en, zh } as const satisfies Record<string, Dictionary>;
export type Language = keyof typeof LANGUAGES;

/** The language that was asked for, else the browser's, else English. */
export function languageOf(asked: string | undefined, browser: readonly string[]): Language {
  const wanted = [...(asked === undefined ? [] : [asked]), ...browser].map((tag) => tag.toLowerCase().split('-')[0]);
  for (const tag of wanted) if (tag === 'en' || tag === 'zh') return tag;
  return 'en';
}

/** A language, and how it writes numbers and times. */
export interface Speech {
  language: Language;
  t: Dictionary;
  /** `62.3 %` */
  percent: (value: number, digits?: number) => string;
  /** `4.3 GiB` of bytes. */
  gib: (bytes: number) => string;
  /** A reading: % or bytes. */
  reading: (metric: string, value: number) => string;
  /** `13:05`, with the day if it is another. */
  when: (moment: string | number) => string;
  /** `2 min 5 s` of seconds. */
  duration: (seconds: number) => string;
}

const GIB = 1024 ** 3;

/** Makes the words and figures of a language. */
export function speak(language: Language): Speech {
  const t = LANGUAGES[language];
  const locale = language === 'zh' ? 'zh-CN' : 'en-GB';
  const time = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hour12: false });
  const day = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' });
  // Made once: a list of hosts writes hundreds of figures a frame.
  const figures = [0, 1].map(
    (digits) => new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  );
  const figure = (value: number, digits: number) => (figures[digits] ?? figures[0])?.format(value) ?? String(value);
  const percent = (value: number, digits = 1) => `${figure(value, digits)} %`;
  const gib = (bytes: number) => {
    const amount = bytes / GIB;
    return amount >= 1024 ? `${figure(amount / 1024, 1)} TiB` : `${figure(amount, amount < 10 ? 1 : 0)} GiB`;
  };
  return {
    language,
    t,
    percent,
    gib,
    reading: (metric, value) => (metric === 'cpu.usage_active' ? percent(value) : gib(value)),
    when(moment) {
      const date = new Date(moment);
      if (Number.isNaN(date.getTime())) return String(moment);
      const clock = time.format(date);
      return date.toDateString() === new Date().toDateString() ? clock : `${day.format(date)} ${clock}`;
    },
    duration(seconds) {
      const whole = Math.max(0, Math.round(seconds));
      const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
      const [hour, minute, second] = language === 'zh' ? [' 小时', ' 分', ' 秒'] : [' h', ' min', ' s'];
      if (h > 0) return `${h}${hour}${m > 0 ? ` ${m}${minute}` : ''}`;
      if (m > 0) return `${m}${minute}${s > 0 && m < 10 ? ` ${s}${second}` : ''}`;
      return `${s}${second}`;
    },
  };
}

export const SpeechContext = createContext<Speech>(speak('en'));

/** The language that the page is shown in. */
export function useSpeech(): Speech {
  return useContext(SpeechContext);
}
