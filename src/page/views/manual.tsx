import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Place } from '../model/place.js';
import { addressOf, go, viewAt, withQuery } from '../model/place.js';
import { Link } from '../parts/link.js';
import { useSpeech } from '../text/language.js';

/** A chapter, made from its file when the page was built. */
interface Chapter {
  name: string;
  title: string;
  /** Made of our own files, with everything escaped that is no markup of theirs. */
  html: string;
  sections: { id: string; title: string; text: string }[];
}

/** What `/manual.json` holds. */
interface ManualFile {
  version: string;
  chapters: Record<'en' | 'zh', Chapter[]>;
}

const AROUND = 60;

/** The manual of this very version. */
export function Manual({ place }: { place: Place }) {
  const { t, language } = useSpeech();
  const [file, setFile] = useState<ManualFile>();
  const [problem, setProblem] = useState('');
  useEffect(() => {
    fetch('/manual.json')
      .then((response) =>
        response.ok ? (response.json() as Promise<ManualFile>) : Promise.reject(new Error(`HTTP ${response.status}`)),
      )
      .then(setFile, (error: unknown) => setProblem((error as Error).message));
  }, []);
  const { q = '' } = place.query;
  // A chapter that is not there in one language is shown in the other.
  const chapters = useMemo(() => {
    const own = file?.chapters[language] ?? [];
    const others = (file?.chapters[language === 'en' ? 'zh' : 'en'] ?? []).filter(
      ({ name }) => !own.some((each) => each.name === name),
    );
    return [
      ...own.map((chapter) => ({ ...chapter, isOwn: true })),
      ...others.map((chapter) => ({ ...chapter, isOwn: false })),
    ];
  }, [file, language]);
  const shown =
    chapters.find(({ name }) => name === place.chapter) ?? (place.chapter === undefined ? chapters[0] : undefined);
  const hits = useMemo(() => search(chapters, q), [chapters, q]);
  useEffect(() => {
    if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  }, [shown?.name]);

  if (problem !== '') return <p class="problem">{t.failed(problem)}</p>;
  if (!file) return <p class="soft">{t.loading}</p>;
  return (
    <section class="panel manual">
      <nav aria-label={t.chapters}>
        <input
          type="search"
          aria-label={t.searchManual}
          placeholder={t.searchManual}
          value={q}
          onInput={({ currentTarget: { value } }) => go(withQuery(place, { q: value }), true)}
        />
        {q.trim() === '' ? (
          <ul>
            {chapters.map(({ name, title }) => (
              <li key={name} aria-current={name === shown?.name ? 'page' : undefined}>
                <Link to={viewAt(place, 'manual', name)}>{title}</Link>
              </li>
            ))}
          </ul>
        ) : (
          <>
            <p class="soft">{t.found(hits.length)}</p>
            <ul class="hits">
              {hits.map(({ chapter, id, title, text }) => (
                <li key={`${chapter} ${id}`}>
                  <a href={`/manual/${encodeURIComponent(chapter)}?lang=${language}#${id}`}>{title}</a>
                  <span class="soft">{text}</span>
                </li>
              ))}
            </ul>
          </>
        )}
        <p class="soft">{t.version(file.version)}</p>
      </nav>
      <article tabIndex={0} aria-label={shown?.title ?? t.manual}>
        {shown ? (
          <>
            {!shown.isOwn && <p class="near">{t.notInLanguage}</p>}
            <div
              class="prose"
              lang={shown.isOwn ? language : language === 'en' ? 'zh' : 'en'}
              onClick={(event) => followLink(event, place)}
              dangerouslySetInnerHTML={{ __html: shown.html }}
            />
          </>
        ) : (
          <p class="soft">{t.noChapter}</p>
        )}
      </article>
    </section>
  );
}

/** A link to another chapter keeps the language. */
function followLink(event: MouseEvent, place: Place): void {
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  const href = link?.getAttribute('href') ?? '';
  const [, chapter, anchor = ''] = /^\/manual\/([^#]+)(#.*)?$/.exec(href) ?? [];
  if (chapter === undefined || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  location.assign(`${addressOf(viewAt(place, 'manual', chapter))}${anchor}`);
}

/** Sections that hold every word. */
function search(chapters: readonly Chapter[], q: string) {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  return chapters.flatMap(({ name, title: of, sections }) =>
    sections.flatMap(({ id, title, text }) => {
      const all = `${title} ${text}`.toLowerCase();
      if (!words.every((word) => all.includes(word))) return [];
      const at = Math.max(0, text.toLowerCase().indexOf(words[0] ?? '') - AROUND);
      const excerpt = `${at > 0 ? '…' : ''}${text.slice(at, at + 2.5 * AROUND)}…`;
      return [{ chapter: name, id, title: title === of ? of : `${of}: ${title}`, text: excerpt }];
    }),
  );
}
