/**
 * What the page does in the browser: it asks the API again and again, draws the answers, and approves plans. Text goes into
 * the document as text only, never as HTML: names come from clouds and alerts.
 */
export const pageScript = `
'use strict';
const KEY = 'automigrate-token';
const byId = (id) => document.getElementById(id);
let rules = [];
let locked = false;
const redraws = [];

function el(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function row(left, right) {
  const node = el('div', 'row');
  node.append(left, right);
  return node;
}

function bar(percent, marks, over) {
  const node = el('div', 'bar' + (over ? ' over' : ''));
  if (percent === undefined) {
    node.classList.add('none');
  } else {
    const fill = el('div', 'fill');
    fill.style.width = Math.max(0, Math.min(100, percent)) + '%';
    node.append(fill);
  }
  for (const mark of marks) {
    if (mark.at < 0 || mark.at > 100) continue;
    const line = el('div', 'mark');
    line.style.left = mark.at + '%';
    line.title = mark.title;
    node.append(line);
  }
  return node;
}

function bytesOf(threshold) {
  if (typeof threshold === 'number') return threshold;
  const match = /^([0-9.]+)\\s*([kmgt]?)(i?b)?$/i.exec(String(threshold).trim());
  if (!match) return NaN;
  return Number(match[1]) * Math.pow(1024, ['', 'k', 'm', 'g', 't'].indexOf(match[2].toLowerCase()));
}

function gib(bytes) {
  return (bytes / Math.pow(1024, 3)).toFixed(1) + ' GiB';
}

function rulesFor(host, metric) {
  return rules.filter((rule) => {
    const hosts = (rule.source && rule.source.hosts) || [];
    const concerned = hosts.length === 0 || hosts.includes(host.name) || hosts.includes(host.id);
    return rule.metric === metric && rule.enabled !== false && concerned;
  });
}

function hostCard(host, guests) {
  const node = el('div', 'card');
  const state = host.maintenance ? 'maintenance' : !host.enabled ? 'disabled' : host.status;
  node.append(row(el('span', 'name', host.name), el('span', 'soft small', state + ' · ' + guests + (guests === 1 ? ' guest' : ' guests'))));

  const cpu = host.metrics['cpu.usage_active'];
  const cpuRules = rulesFor(host, 'cpu.usage_active');
  node.append(row(el('span', 'small soft', 'CPU, ' + host.cpu_count + ' cores'), el('span', 'small number', cpu === undefined ? 'no reading' : cpu.toFixed(1) + ' %')));
  node.append(bar(cpu, cpuRules.map((rule) => ({ at: Number(rule.threshold), title: rule.name + ': ' + rule.threshold + ' %' })), cpuRules.some((rule) => cpu > Number(rule.threshold))));

  const size = host.mem_size * 1048576;
  const free = host.metrics['mem.available'];
  const memRules = rulesFor(host, 'mem.available');
  node.append(row(el('span', 'small soft', 'Memory, ' + gib(size)), el('span', 'small number', free === undefined ? 'no reading' : gib(free) + ' free')));
  node.append(bar(free === undefined ? undefined : 100 - (free / size) * 100, memRules.map((rule) => ({ at: 100 - (bytesOf(rule.threshold) / size) * 100, title: rule.name + ': ' + rule.threshold })), memRules.some((rule) => free < bytesOf(rule.threshold))));
  return node;
}

function drawFleet(fleet) {
  const counts = new Map();
  for (const guest of fleet.guests) counts.set(guest.host_id, (counts.get(guest.host_id) || 0) + 1);
  const hosts = fleet.hosts.slice().sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  byId('hosts').replaceChildren(...hosts.map((host) => hostCard(host, counts.get(host.id) || 0)));
  byId('fleet-note').textContent = hosts.length === 0 ? 'The cloud lists no host.' : '';
}

function moveRow(move) {
  const node = el('div', 'move');
  const guest = move.notes.guest;
  const done = move.phase === 'succeeded';
  const running = move.phase === 'moving' || move.phase === 'asking';
  const percent = done ? 100 : move.progress !== undefined ? move.progress : 0;
  const what = el('span', '', guest.name + ': ' + guest.host + ' → ' + move.notes.target_host.name);
  const told = move.status || move.phase;
  node.append(row(what, el('span', 'small number soft', running && move.progress !== undefined ? told + ' · ' + Math.round(move.progress) + ' %' : told)));
  const line = bar(percent, [], ['failed', 'error', 'given_up'].includes(move.phase));
  if (running && move.progress === undefined) {
    line.classList.add('unknown');
    line.firstChild.style.width = '';
  }
  node.append(line);
  return node;
}

function drawBatch(answer) {
  const batch = answer.batch;
  if (!batch) {
    byId('batch').replaceChildren(el('p', 'soft', 'Nothing is being moved.'));
    return;
  }
  const steps = { asking: 'Asking cloud and metric store', planning: 'Planning', migrating: 'Migrating' };
  const head = row(el('span', 'name', (steps[batch.step] || batch.step) + ' for ' + batch.rules.join(', ')), el('span', 'soft small', batch.sender + ' · ' + when(batch.accepted_at)));
  byId('batch').replaceChildren(head, ...batch.migrations.map(moveRow));
}

async function approvePlan(id, button) {
  button.disabled = true;
  let said;
  try {
    const token = sessionStorage.getItem(KEY);
    const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: 'Bearer ' + token }) };
    const response = await fetch('/api/plans/' + encodeURIComponent(id) + '/approve', { method: 'POST', headers, body: '{}' });
    const answer = await response.json();
    if (response.ok) said = 'Plan ' + id + ' is carried out.';
    else said = 'Plan ' + id + ' is not carried out: ' + (answer.reasons || [answer.text || answer.message || answer.error]).join('; ');
  } catch (error) {
    said = error.message;
  }
  button.disabled = false;
  for (const redraw of redraws) redraw();
  button.nextSibling.textContent = said;
}

function drawPlans(answer) {
  const open = answer.plans.filter((plan) => plan.state === 'open').reverse();
  byId('plans-part').hidden = open.length === 0;
  byId('plans').replaceChildren(...open.map((plan) => {
    const node = el('div', 'move');
    node.append(row(el('span', 'name', plan.rule), el('span', 'soft small', plan.id + ' · until ' + when(plan.expires_at))));
    for (const move of plan.migrations) node.append(el('div', '', move.guest.name + ': ' + move.guest.host + ' → ' + move.target_host.name));
    const button = el('button', '', 'Approve');
    button.addEventListener('click', () => approvePlan(plan.id, button));
    node.append(button, el('span', 'small', ''));
    return node;
  }));
}

function when(iso) {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return String(iso);
  const clock = time.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  return time.toDateString() === new Date().toDateString() ? clock : time.toLocaleDateString([], { month: 'short', day: 'numeric' }) + ', ' + clock;
}

function whyOf(why) {
  const texts = why.sources.map((source) => source.text).concat(why.chosen);
  if (why.nextBest) texts.push(why.nextBest.text);
  if (why.missing) texts.push(why.missing.text);
  return texts.join('\\n');
}

function drawEvents(answer) {
  const good = ['migrate_success', 'not_needed', 'create'];
  const warm = ['migrate_fail', 'migrate_error', 'metrics_fail', 'find_result_fail', 'limited', 'foreign_move', 'recommend_mode'];
  const table = el('table');
  for (const event of answer.events.slice().reverse()) {
    const line = el('tr');
    line.append(
      el('td', 'soft small number', when(event.ops_time)),
      el('td', '', event.obj_name),
      el('td', 'word' + (good.includes(event.action) ? ' good' : warm.includes(event.action) ? ' warm' : ''), event.action),
      el('td', 'small', event.text),
    );
    if (event.explanation) line.lastChild.title = whyOf(event.explanation);
    table.append(line);
  }
  byId('events').replaceChildren(answer.events.length ? table : el('p', 'soft', 'Nothing has happened yet.'));
}

function drawRules(answer) {
  rules = answer.rules;
}

function lock(closed) {
  locked = closed;
  byId('door').hidden = !closed;
  byId('content').hidden = closed;
}

async function ask(path) {
  const token = sessionStorage.getItem(KEY);
  const response = await fetch(path, token ? { headers: { Authorization: 'Bearer ' + token } } : {});
  if (response.status === 401) {
    lock(true);
    byId('door-note').textContent = token ? 'That token is not valid.' : '';
    throw new Error('needs a token');
  }
  const answer = await response.json();
  if (answer.error === 'api_closed') {
    lock(true);
    for (const part of byId('door').children) part.hidden = part.id !== 'door-note';
    byId('door-note').textContent = answer.message;
  }
  if (!response.ok) throw new Error(answer.message || answer.error);
  return answer;
}

function every(seconds, path, draw, note) {
  let timer;
  let drawn;
  async function again() {
    clearTimeout(timer);
    if (!locked && !document.hidden) {
      try {
        const answer = await ask(path);
        const text = JSON.stringify([answer, rules]);
        if (text !== drawn) draw(answer);
        drawn = text;
        if (note) byId(note).textContent = '';
      } catch (error) {
        if (note) byId(note).textContent = error.message;
      }
    }
    timer = setTimeout(again, seconds * 1000);
  }
  redraws.push(again);
  return again();
}

async function drawState() {
  const state = byId('state');
  try {
    const response = await fetch('/readyz');
    const answer = await response.json();
    state.className = 'state ' + (response.ok ? 'ready' : 'trouble');
    state.textContent = response.ok ? 'ready' : (answer.problems || ['not ready']).join('; ');
  } catch {
    state.className = 'state trouble';
    state.textContent = 'does not answer';
  }
  setTimeout(drawState, 5000);
}

byId('door').addEventListener('submit', async (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, byId('token').value);
  byId('token').value = '';
  lock(false);
  // One first: a wrong token closes the door again before the others have knocked.
  await redraws[0]();
  if (!locked) for (const redraw of redraws.slice(1)) redraw();
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) for (const redraw of redraws) redraw();
});

drawState();
every(30, '/api/rules', drawRules, 'rules-note').then(() => {
  every(2, '/api/batch', drawBatch, 'batch-note');
  every(5, '/api/plans', drawPlans, 'plans-note');
  every(5, '/api/events?limit=30', drawEvents, 'events-note');
  every(15, '/api/fleet', drawFleet, 'fleet-note');
});
`;
