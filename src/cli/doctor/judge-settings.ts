import { isLoopback } from '../../config/service-settings.js';
import type { Evidence, Finding } from './finding.js';

/** Whether the settings let in whom they should. */
export function judgeSettings({ config, warnings }: Pick<Evidence, 'config' | 'warnings'>): Finding[] {
  const subject = 'settings';
  const { monitor, grafana, webhook, api } = config.secrets;
  const findings: Finding[] = warnings.map((text) => ({
    subject,
    verdict: 'wrong',
    text,
    remedy: 'rename it, or take it out of the environment',
  }));
  const hasWebhooks = [monitor, grafana, webhook].some((list) => list.length > 0);
  if (hasWebhooks && api.length === 0) {
    const text = 'webhooks have a secret, and there is no API_TOKEN: /api, and with it the page, is closed';
    findings.push({ subject, verdict: 'wrong', text, remedy: 'set API_TOKEN, such as alice:<32 random characters>' });
  } else if (!hasWebhooks && api.length > 0) {
    const text = 'API_TOKEN is set, and no secret of a webhook: every alert is refused';
    findings.push({ subject, verdict: 'wrong', text, remedy: 'set WEBHOOK_TOKEN, GRAFANA_SECRET or MONITOR_SECRET' });
  } else if (!hasWebhooks) {
    const isOpen = !isLoopback(config.host);
    const who = isOpen ? 'whoever reaches it' : 'whoever is on this machine';
    findings.push({
      subject,
      verdict: isOpen ? 'wrong' : 'note',
      text: `no secret is set: ${who} can send alerts and approve plans`,
      remedy: 'set WEBHOOK_TOKEN and API_TOKEN',
    });
  } else findings.push({ subject, verdict: 'ok', text: 'webhooks and API have secrets' });
  return findings;
}

/** Whether the journal can be written. */
export function judgeJournal({ config: { dataDir }, journal }: Pick<Evidence, 'config' | 'journal'>): Finding {
  const subject = 'journal';
  if (journal === 'free') return { subject, verdict: 'ok', text: `${dataDir} can be written; no receiver runs there` };
  if (journal === 'absent')
    return { subject, verdict: 'note', text: `${dataDir} is not there yet: the first start makes it` };
  if ('heldBy' in journal) return { subject, verdict: 'ok', text: `a receiver runs in ${dataDir}: ${journal.heldBy}` };
  return {
    subject,
    verdict: 'wrong',
    text: journal.problem,
    remedy: 'give the user of the receiver the right to write there, or set DATA_DIR',
  };
}
