import type { Alert } from '../../alerts/alert.ts';
import { count, timeSpan } from '../../lib/format.ts';
import { between, type EpochMs, epochMs } from '../../lib/units.ts';
import { context, header, type Rendered, section } from './block-kit.ts';
import { date, escape, oneLine } from './mrkdwn.ts';

/** An outage of Prometheus as the watch over it recorded it. */
interface SourceOutage {
  readonly since: EpochMs;
  readonly unanswered: number;
  readonly queried: number;
  readonly reason: string;
}

function outageOf({ annotations, value, activeAt }: Alert): SourceOutage {
  const { since = '', rules = '', reason = '' } = annotations;
  return {
    since: since === '' || Number.isNaN(Number(since)) ? activeAt : epochMs(Number(since)),
    unanswered: value,
    queried: Number(rules),
    reason,
  };
}

/** Which rules are affected: `12 rules`, `1 of 12 rules`. */
const affected = ({ unanswered, queried }: SourceOutage): string =>
  unanswered >= queried ? count(queried, 'rule') : `${unanswered} of ${count(queried, 'rule')}`;

/** The bot's own message that Prometheus does not respond, and its end. */
export function sourceMessage(alert: Alert): Rendered {
  const outage = outageOf(alert);
  if (alert.state === 'resolved')
    return alert.resolveReason === 'rule-removed' ? notMonitored(outage) : respondsAgain(alert, outage);
  const isSome = outage.unanswered < outage.queried;
  const title = `🛠 Prometheus does not respond${isSome ? ` to ${affected(outage)}` : ''}`;
  const why = outage.reason === '' ? '' : `: ${escape(oneLine(outage.reason), 600)}`;
  return {
    text: title,
    blocks: [
      header(title),
      section(
        `Prometheus has not responded since ${date(outage.since)} (${affected(outage)} affected)${why}`,
      ),
      section('Alert states are frozen. *No breach or recovery is detected until Prometheus responds.*'),
      ...context([
        'Check that it runs, is reachable and is not overloaded. It is queried again at every evaluation; this message resolves when it responds.',
      ]),
    ],
  };
}

function notMonitored(outage: SourceOutage): Rendered {
  const title = '☑️ Prometheus is no longer monitored';
  const what = `Prometheus did not respond since ${date(outage.since)}. Its current state is unknown: no rule queries it, or the rule files set \`compat: prometheus\`.`;
  return { text: title, blocks: [header(title), section(what)] };
}

function respondsAgain(alert: Alert, { since }: SourceOutage): Rendered {
  const end = alert.resolvedAt ?? alert.firedAt ?? alert.activeAt;
  const title = `✅ Prometheus responds again after ${timeSpan(between(since, end))}`;
  const what = `Prometheus did not respond from ${date(since)} to ${date(end)}. Alerts continue from their state before; nothing was evaluated in between.`;
  return { text: title, blocks: [header(title), section(what)] };
}
