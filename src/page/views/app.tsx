import { useEffect, useMemo, useState } from 'preact/hooks';
import { rate } from '../model/hosts.js';
import type { RatedHost } from '../model/hosts.js';
import type { Model } from '../model/store.js';
import { useModel } from '../model/store.js';
import type { Place } from '../model/place.js';
import { VIEWS, go, usePlace, viewAt, withQuery } from '../model/place.js';
import { Drawer } from '../parts/dialog.js';
import { Link } from '../parts/link.js';
import type { Language } from '../text/language.js';
import { LANGUAGES, SpeechContext, languageOf, speak, useSpeech } from '../text/language.js';
import { BatchDetail } from './batch-detail.js';
import { Door } from './door.js';
import { HostDetail } from './host-detail.js';
import { Hosts } from './hosts.js';
import { Manual } from './manual.js';
import { Now } from './now.js';
import { Rules } from './rules.js';
import { FullStory, LatestStory } from './story.js';
import { Surface } from './surface.js';
import { TopLine } from './top-line.js';
import { PlanCard, Waiting } from './waiting.js';

const THEMES = ['auto', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];
const THEME_KEY = 'automigrate-theme';

/** The whole page. */
export function App() {
  const place = usePlace();
  const language = languageOf(place.query.lang, navigator.languages);
  const speech = useMemo(() => speak(language), [language]);
  const [theme, setTheme] = useTheme();
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  }, [language]);
  return (
    <SpeechContext.Provider value={speech}>
      <Page place={place} theme={theme} setTheme={setTheme} />
    </SpeechContext.Provider>
  );
}

function useTheme(): [Theme, (theme: Theme) => void] {
  const kept = localStorage.getItem(THEME_KEY);
  const [theme, set] = useState<Theme>(THEMES.find((each) => each === kept) ?? 'auto');
  useEffect(() => {
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    localStorage.setItem(THEME_KEY, theme);
  }, [theme]);
  return [theme, set];
}

interface PageProps {
  place: Place;
  theme: Theme;
  setTheme: (theme: Theme) => void;
}

function Page({ place, theme, setTheme }: PageProps) {
  const { t } = useSpeech();
  const model = useModel();
  const hosts = useMemo(
    () => (model.fleet?.hosts ?? []).map((host) => rate(host, model.rules)),
    [model.fleet, model.rules],
  );
  const { connection } = model;
  const isOpen = place.view === 'manual' || place.view === 'api';
  const isShut = connection.state === 'locked' || connection.state === 'closed';
  return (
    <div class={`page ${place.view} ${connection.state === 'gone' ? 'gone' : ''}`}>
      <a class="skip" href="#content">
        {t.skip}
      </a>
      <header class="top">
        <Menu place={place} theme={theme} setTheme={setTheme} waiting={model.status?.plans_waiting ?? 0} />
        {!isShut && <TopLine model={model} hosts={hosts} />}
        {connection.state === 'gone' && (
          <p class="gone-banner" role="alert">
            {t.goneText}
          </p>
        )}
      </header>
      <main id="content" tabIndex={-1}>
        {connection.state === 'locked' && !isOpen && <Door wrong={connection.wrong} />}
        {connection.state === 'closed' && !isOpen && (
          <div class="panel door">
            <h2>{t.closedApi}</h2>
            <p class="problem">{connection.why}</p>
          </div>
        )}
        {(!isShut || isOpen) && <Content place={place} model={model} hosts={hosts} />}
      </main>
      {!isShut && <Opened place={place} model={model} theme={theme} />}
    </div>
  );
}

interface MenuProps extends PageProps {
  waiting: number;
}

function Menu({ place, theme, setTheme, waiting }: MenuProps) {
  const { t, language } = useSpeech();
  return (
    <div class="menu">
      <h1>automigrate</h1>
      <nav aria-label={t.menu}>
        {VIEWS.map((view) => (
          <Link key={view} to={viewAt(place, view)} isCurrent={place.view === view}>
            {t.views[view]}
            {view === 'overview' && waiting > 0 && <span class="count-badge number">{waiting}</span>}
          </Link>
        ))}
      </nav>
      <div class="settings">
        <select
          aria-label={t.theme.label}
          value={theme}
          onChange={({ currentTarget: { value } }) => setTheme(value as Theme)}
        >
          {THEMES.map((each) => (
            <option key={each} value={each}>
              {t.theme[each]}
            </option>
          ))}
        </select>
        <select
          aria-label={t.languageLabel}
          value={language}
          onChange={({ currentTarget: { value } }) => go(withQuery(place, { lang: value }))}
        >
          {(Object.keys(LANGUAGES) as Language[]).map((each) => (
            <option key={each} value={each} lang={each}>
              {LANGUAGES[each].language}
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}

interface ContentProps {
  place: Place;
  model: Model;
  hosts: readonly RatedHost[];
}

function Content({ place, model, hosts }: ContentProps) {
  switch (place.view) {
    case 'overview':
      return (
        <div class="overview">
          <Hosts model={model} hosts={hosts} place={place} full={false} />
          <div class="side">
            <Now model={model} place={place} />
            <Waiting model={model} place={place} />
            <LatestStory model={model} place={place} />
          </div>
        </div>
      );
    case 'hosts':
      return <Hosts model={model} hosts={hosts} place={place} full />;
    case 'story':
      return <FullStory model={model} place={place} />;
    case 'rules':
      return <Rules model={model} hosts={hosts} place={place} />;
    case 'manual':
      return <Manual place={place} />;
    case 'api':
      return <Surface />;
  }
}

/** What a link has opened, beside the view. */
function Opened({ place, model, theme }: { place: Place; model: Model; theme: Theme }) {
  const { t } = useSpeech();
  const { host, batch, plan } = place.query;
  const close = (key: string) => () => go(withQuery(place, { [key]: undefined }));
  if (host !== undefined) {
    const name = model.fleet?.hosts.find((each) => each.id === host)?.name ?? host;
    return (
      <Drawer title={name} onClose={close('host')}>
        <HostDetail key={host} id={host} model={model} place={place} theme={theme} />
      </Drawer>
    );
  }
  if (batch !== undefined) {
    return (
      <Drawer title={`${t.batch} ${batch}`} onClose={close('batch')}>
        <BatchDetail key={batch} id={batch} model={model} place={place} />
      </Drawer>
    );
  }
  if (plan === undefined) return null;
  const found = model.plans.find(({ id }) => id === plan);
  return (
    <Drawer title={plan} onClose={close('plan')}>
      {found ? (
        <PlanCard plan={found} model={model} place={withQuery(place, { plan: undefined })} />
      ) : (
        model.status && <p class="soft">{t.planGone}</p>
      )}
    </Drawer>
  );
}
