/** The look of the page: calm, light and dark, from phone width up. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --ground: #f5f6f4; --card: #ffffff; --line: #e1e4df; --ink: #1f2722; --soft: #667069;
  --track: #e9ece7; --load: #5b8c7b; --over: #c8713a; --good: #3d7f63; --bad: #b4472e; --mark: #1f2722;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #151917; --card: #1d2320; --line: #2e3632; --ink: #e3e9e5; --soft: #94a19a;
    --track: #2a322e; --load: #6aa38f; --over: #d98a52; --good: #7cc3a2; --bad: #e07a60; --mark: #e3e9e5;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main, header { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
header { display: flex; align-items: baseline; gap: .9rem; padding-top: 1.6rem; flex-wrap: wrap; }
h1 { font-size: 1.25rem; font-weight: 650; margin: 0; letter-spacing: -.01em; }
h2 { font-size: .8rem; font-weight: 600; margin: 2rem 0 .6rem; color: var(--soft); text-transform: uppercase; letter-spacing: .06em; }
p { margin: 0; }
.soft { color: var(--soft); }
.bad { color: var(--bad); }
.state { font-size: .85rem; display: inline-flex; align-items: center; gap: .4rem; color: var(--soft); }
.state::before { content: ""; width: .55rem; height: .55rem; border-radius: 50%; background: var(--soft); }
.state.ready::before { background: var(--good); }
.state.trouble::before { background: var(--bad); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: .9rem 1.1rem; }
.hosts { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: .8rem; }
.row { display: flex; justify-content: space-between; gap: .8rem; align-items: baseline; }
.row > :first-child { min-width: 0; overflow-wrap: anywhere; }
.row > :last-child { white-space: nowrap; }
.name { font-weight: 600; }
.small { font-size: .83rem; }
.number { font-variant-numeric: tabular-nums; }
.bar { position: relative; height: .5rem; border-radius: .25rem; background: var(--track); margin: .3rem 0 .55rem; }
.fill { height: 100%; border-radius: .25rem; background: var(--load); transition: width .6s ease; }
.over .fill { background: var(--over); }
.none { background: repeating-linear-gradient(90deg, var(--track) 0 .4rem, transparent .4rem .7rem); }
.mark { position: absolute; top: -.2rem; bottom: -.2rem; width: 2px; margin-left: -1px; background: var(--mark); opacity: .55; }
.unknown .fill { width: 30%; animation: drift 1.8s ease-in-out infinite alternate; }
@keyframes drift { to { margin-left: 70%; } }
.move { padding: .7rem 0 .2rem; border-top: 1px solid var(--line); margin-top: .7rem; }
table { width: 100%; border-collapse: collapse; }
td { padding: .45rem .9rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
tr:last-child td { border-bottom: 0; }
td:nth-child(-n+3) { white-space: nowrap; overflow-wrap: normal; }
td:last-child { padding-right: 0; }
.word { font-size: .83rem; font-weight: 600; }
.word.good { color: var(--good); }
.word.warm { color: var(--over); }
form { margin-top: 1.5rem; display: flex; gap: .6rem; flex-wrap: wrap; align-items: center; }
[hidden] { display: none !important; }
.hosts .row:first-child { margin-bottom: .45rem; }
input, button { font: inherit; padding: .4rem .7rem; border-radius: .45rem; border: 1px solid var(--line); background: var(--ground); color: inherit; }
input { flex: 1 1 12rem; min-width: 0; }
button { background: var(--good); border-color: transparent; color: var(--card); font-weight: 600; cursor: pointer; }
footer { padding: 2rem 0 2.5rem; }
a { color: inherit; }
@media (max-width: 40rem) {
  tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  tr:last-child { border-bottom: 0; }
  td { display: inline-block; border: 0; padding: 0 .7rem 0 0; }
  td:last-child { display: block; }
}
@media (prefers-reduced-motion: reduce) { .fill { transition: none; animation: none; } }
`;
