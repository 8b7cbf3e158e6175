import { between } from '../../lib/units.ts';
import type { AlertView } from '../../messages/alert-view.ts';
import { count } from '../../traces/wording.ts';
import type { Rendered } from './block-kit.ts';
import { context, header, section } from './block-kit.ts';
import { timeSpan } from './format.ts';
import { date, escape, oneLine } from './mrkdwn.ts';

type Source = NonNullable<AlertView['source']>;

/** Which rules go without an answer: all of them, or how many. */
const whichOf = ({ unanswered, asked }: Source): string =>
  unanswered >= asked ? `all ${count(asked, 'rule')}` : `${unanswered} of ${count(asked, 'rule')}`;

/** The bot's own message that Prometheus does not answer, and its end. */
export function sourceMessage(view: AlertView, source: Source): Rendered {
  if (view.state === 'resolved')
    return view.resolveReason === 'rule-removed' ? unwatched(source) : answersAgain(view, source);
  const isPart = source.unanswered < source.asked;
  const title = `🛠 Prometheus does not answer${isPart ? ` ${whichOf(source)}` : ''}`;
  const why = source.reason === '' ? '' : `: ${escape(oneLine(source.reason), 600)}`;
  return {
    text: title,
    blocks: [
      header(title),
      section(`Since ${date(source.since)} ${whichOf(source)} got no answer${why}`),
      section(
        'Alerts of these rules keep their state and their timers stand still. *No breach and no recovery can be seen until it answers.*',
      ),
      ...context([
        'Look whether it is up, reachable and not overloaded. It is asked again at every evaluation, and this message ends when it answers.',
      ]),
    ],
  };
}

function unwatched(source: Source): Rendered {
  const title = '☑️ Prometheus is not watched any more';
  const what = `Since ${date(source.since)} rules got no answer. Whether it answers now is not known: no rule asks it, or the rule files say \`compat: prometheus\`.`;
  return { text: title, blocks: [header(title), section(what)] };
}

function answersAgain(view: AlertView, source: Source): Rendered {
  const end = view.resolvedAt ?? view.firedAt;
  const title = `✅ Prometheus answers again after ${timeSpan(between(source.since, end))}`;
  return {
    text: title,
    blocks: [
      header(title),
      section(
        `Rules got no answer from ${date(source.since)} to ${date(end)}. Alerts went on from where they stood; what happened in between was not evaluated.`,
      ),
    ],
  };
}
