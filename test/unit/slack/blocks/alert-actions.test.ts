import { describe, expect, it } from 'vitest';
import type { Alert } from '../../../../src/alerts/alert.ts';
import type { MessageView } from '../../../../src/messages/notifier.ts';
import type { SilenceUpdate } from '../../../../src/messages/store.ts';
import { alertMessage } from '../../../../src/slack/blocks/alert.ts';
import { phraseText } from '../../../../src/slack/blocks/mrkdwn.ts';
import { noteMessage } from '../../../../src/slack/blocks/note.ts';
import { violations } from '../../../../src/slack/limits.ts';
import { START } from '../../../support/virtual-clock.ts';
import { aView, silencedBy, type ViewFields } from '../views.ts';

const ANN = { by: 'U0ANN', at: START };
const silenced = silencedBy('U0BOB', 'moving <!channel>');

/** The buttons of a message, by action and value. */
function buttonsOf(view: MessageView): readonly (readonly [string, unknown])[] {
  const { blocks } = alertMessage(view);
  return blocks.flatMap((block) =>
    block.type === 'actions'
      ? block.elements.flatMap((element) =>
          'action_id' in element && 'value' in element
            ? [[element.action_id ?? '', element.value] as const]
            : [],
        )
      : [],
  );
}

describe('the buttons of people', () => {
  const acknowledge = ['acknowledge', '/slo acknowledge 00000000000000aa-17'];
  const quiet = ['silence', 'alertname="CheckoutSlow", service="checkout"'];
  const loud = ['run_command', '/slo unsilence 5ca1ab1e'];
  const end = ['close_alert', '/slo close 00000000000000aa-17'];
  it.each<[string, ViewFields, readonly unknown[]]>([
    ['one that fires can be taken and silenced', {}, [acknowledge, quiet]],
    [
      'one that somebody has can be given back and silenced',
      { acknowledged: ANN },
      [['run_command_unacknowledge', '/slo unacknowledge 00000000000000aa-17'], quiet],
    ],
    ['one that is silenced can be heard again', { suppressed: silenced }, [acknowledge, loud]],
    [
      'one that the rule files hold back can be silenced too',
      { suppressed: { kind: 'maintenance', by: 'x', since: START } },
      [acknowledge, quiet],
    ],
    ['one without data can be ended', { noDataSince: START }, [acknowledge, quiet, end]],
    ['one that is over leaves nothing to do', { state: 'resolved', resolvedAt: START }, []],
  ])('%s', (_, over, expected) => {
    const people = new Set([
      'acknowledge',
      'run_command_unacknowledge',
      'silence',
      'run_command',
      'close_alert',
    ]);
    const found = buttonsOf(aView(over)).filter(([action]) => people.has(action));
    expect(found).toEqual(expected);
    expect(violations(alertMessage(aView(over)))).toEqual([]);
  });

  it('the message of an outage has none', () => {
    expect(buttonsOf(aView({ about: 'source' })).map(([action]) => action)).not.toContain('acknowledge');
  });
});

describe('actions of people are shown in the message', () => {
  const shown = (over: ViewFields): string => JSON.stringify(alertMessage(aView(over)).blocks);

  it.each<[string, ViewFields, string]>([
    ['who has it', { acknowledged: ANN }, ':eyes: Acknowledged by <@U0ANN> at <!date^'],
    ['who silenced it', { suppressed: silenced }, ':no_bell: Silenced by <@U0BOB>: moving &lt;!channel&gt;'],
    [
      'who ended it',
      {
        state: 'resolved',
        resolvedAt: START,
        resolveReason: 'closed',
        closed: { ...ANN, comment: '<@U1>' },
      },
      'Closed by <@U0ANN> at <!date^',
    ],
  ])('%s', (_, over, text) => {
    expect(shown(over)).toContain(text);
  });

  it('an end by a person says that the service may not be well', () => {
    const over = {
      state: 'resolved',
      resolvedAt: START,
      resolveReason: 'closed',
      closed: ANN,
    } as const;
    expect(shown(over)).toContain('*unknown*: there is no data');
  });
});

describe('a phrase names people and instants, and nothing else has an effect', () => {
  it.each([
    ['a person', [{ person: 'U0ANN' }], '<@U0ANN>'],
    ['what is no id of a person', [{ person: '!channel' }], '`!channel`'],
    ['a text with markup', ['<!here> & *co*'], '&lt;!here&gt; &amp; *co*'],
    ['code with markup', [{ code: 'a="<!here>`"' }], '`a="&lt;!here&gt;ˋ"`'],
    ['blanks between parts', ['by ', { person: 'U0ANN' }, ' now'], 'by <@U0ANN> now'],
  ])('%s', (_, phrase, text) => {
    expect(phraseText(phrase)).toBe(text);
  });
});

it('a silence is shown in the thread with who, until when, and why', () => {
  const { alert, rule } = aView();
  const line = (silence: SilenceUpdate): string =>
    noteMessage({ kind: 'silence', alert, rule, at: START, silence }).text;
  const update = { ...ANN, id: '5ca1ab1e', until: START, comment: '<!channel> move' } as const;
  expect(line({ ...update, what: 'silenced' })).toMatch(
    /^🔕 Silenced by <@U0ANN> until <!date\^.*>: &lt;!channel&gt; move\. The end of the alert is still reported here\./,
  );
  expect(line({ ...ANN, id: '5ca1ab1e', what: 'unsilenced' })).toContain('Silence ended by <@U0ANN>.');
});

it('the end of an acknowledged page mentions who acknowledged it, unless that is off or they closed it', () => {
  const { alert: open, rule } = aView();
  const end = (over: Partial<Alert>, options = {}): string => {
    const resolved = { state: 'resolved', resolvedAt: START, resolveReason: 'recovered' } as const;
    const alert: Alert = { ...open, ...resolved, acknowledged: ANN, ...over };
    return noteMessage({ kind: 'resolved', alert, rule, at: START }, options).text;
  };
  const labels = { ...open.labels, severity: 'page' };
  expect(end({ labels })).toContain('. <@U0ANN> · ');
  expect(end({ labels }, { mentionsAcknowledger: false })).not.toContain('U0ANN');
  expect(end({ labels: { ...labels, severity: 'ticket' } })).not.toContain('U0ANN');
  expect(end({ labels, resolveReason: 'closed', closed: ANN }).match(/U0ANN/g)).toHaveLength(1);
});
