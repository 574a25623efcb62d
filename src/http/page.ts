import { createHash } from 'node:crypto';
import { pageScript } from './page-script.js';
import { pageStyle } from './page-style.js';

/** The status page: it shows, and approves plans. It holds no data: that comes from `/api`, with the API token if there is one. */
export const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>automigrate</title>
<link rel="icon" href="data:,">
<style>${pageStyle}</style>
</head>
<body>
<header><h1>automigrate</h1><span class="state" id="state">asking</span></header>
<main>
<form class="card" id="door" hidden>
<label for="token">API token</label>
<input id="token" type="password" autocomplete="off" required>
<button>Open</button>
<span class="bad small" id="door-note"></span>
</form>
<div id="content">
<h2>Now</h2>
<div class="card" id="batch"><p class="soft">Asking.</p></div>
<p class="bad small" id="batch-note"></p>
<div id="plans-part" hidden>
<h2>Recommended</h2>
<div class="card" id="plans"></div>
</div>
<p class="bad small" id="plans-note"></p>
<h2>Hosts</h2>
<div class="hosts" id="hosts"></div>
<p class="bad small" id="fleet-note"></p>
<p class="bad small" id="rules-note"></p>
<h2>Events</h2>
<div class="card" id="events"><p class="soft">Asking.</p></div>
<p class="bad small" id="events-note"></p>
</div>
<footer class="soft small">A mark on a bar is the threshold of a rule. <a href="/openapi.json">API</a></footer>
</main>
<script>${pageScript}</script>
</body>
</html>
`;

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The content security policy of every answer: only the page's own script and style run, and nothing is loaded. */
export const pagePolicy = {
  'default-src': ["'none'"],
  'script-src': [hash(pageScript)],
  'style-src': [hash(pageStyle)],
  'connect-src': ["'self'"],
  'img-src': ['data:'],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
};
