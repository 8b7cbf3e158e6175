import type { OpenView, WireBlock } from '../../../../../demo/slack/model.ts';
import { ADA } from './fake-workspace.ts';

const plain = (text: string): object => ({ type: 'plain_text', text, emoji: true });
const mrkdwn = (text: string): object => ({ type: 'mrkdwn', text });
const raw = (text: string): object => ({ type: 'raw_text', text });
const linked = (text: string, url: string): object => ({
  type: 'rich_text',
  elements: [{ type: 'rich_text_section', elements: [{ type: 'link', url, text }] }],
});

const JAEGER = 'http://127.0.0.1:16686';

export function traceTable(): WireBlock {
  const rows = [
    ['4c1f09ae77d2', '1,240 ms', '14:05:31', 'POST /checkout', 'timeout'],
    ['b07e3d51c9aa', '1,187 ms', '14:05:02', 'POST /checkout', ''],
    ['9d55e2f80b34', '1,042 ms', '14:04:47', 'POST /checkout/confirm', ''],
    ['e8a6120c4f7b', '988 ms', '14:04:20', 'POST /checkout', ''],
    ['03fb7a9d2e61', '951 ms', '14:03:58', 'POST /checkout', '503'],
  ];
  return {
    type: 'table',
    block_id: 'traces',
    column_settings: [{}, { align: 'right' }, {}, { is_wrapped: true }],
    rows: [
      ['Trace', 'Duration', 'Started', 'Operation', 'Error'].map(raw),
      ...rows.map(([id = '', ...rest]) => [
        linked(id, `${JAEGER}/trace/${id}`),
        ...rest.map((t) => raw(t || '–')),
      ]),
    ],
  };
}

export function latencyChart(): WireBlock {
  const values = [212, 220, 208, 231, 226, 240, 255, 301, 420, 588, 743, 812, 871, 905, 890, 861];
  const categories = values.map((_, i) =>
    `13:${String(50 + i).padStart(2, '0')}`.replace(/13:6(\d)/, '14:0$1'),
  );
  const data = (of: (i: number) => number): object[] =>
    categories.map((label, i) => ({ label, value: of(i) }));
  return {
    type: 'data_visualization',
    block_id: 'chart',
    title: 'p99 latency of checkout',
    chart: {
      type: 'line',
      series: [
        { name: 'p99', data: data((i) => values[i] ?? 0) },
        { name: 'SLO 500 ms', data: data(() => 500) },
      ],
      axis_config: { categories, x_label: 'Time (UTC)', y_label: 'milliseconds' },
    },
  };
}

/** A breach as the bot posts it, with every kind of block a breach has. */
export function breachBlocks(seconds: number): readonly WireBlock[] {
  const button = (text: string, action_id: string, more: object = {}): object => ({
    type: 'button',
    text: plain(text),
    action_id,
    value: 'checkout-latency',
    ...more,
  });
  return [
    {
      type: 'header',
      block_id: 'head',
      text: plain(':red_circle: checkout p99 is 861 ms, over its SLO of 500 ms'),
    },
    {
      type: 'section',
      block_id: 'facts',
      fields: [
        mrkdwn(`*Since*\n<!date^${seconds - 420}^{date_short_pretty} at {time}|14:05 UTC> (7 minutes)`),
        mrkdwn('*Slow requests*\n8.4% (target 1%)'),
        mrkdwn('*Error budget*\n4.1% of 30 days burned, 8.4x'),
        mrkdwn('*Owner*\n<#C0CHECKOUT> · <@U0SAM>'),
      ],
    },
    latencyChart(),
    {
      type: 'section',
      block_id: 'culprit',
      text: mrkdwn(
        ':mag: *Likely cause:* `payments` › _charge card_ takes 640 ms more than in normal traces (41 of 44 slow traces, high confidence)',
      ),
    },
    traceTable(),
    {
      type: 'actions',
      block_id: 'actions',
      elements: [
        button('Acknowledge', 'acknowledge', { style: 'primary' }),
        button('Silence 1h', 'silence', {
          style: 'danger',
          confirm: {
            title: plain('Silence checkout?'),
            text: plain('Nothing is posted about checkout latency for one hour.'),
            confirm: plain('Silence'),
            deny: plain('Keep watching'),
            style: 'danger',
          },
        }),
        button('Why?', 'why'),
        button('Slow traces in Jaeger', 'open_jaeger', {
          url: `${JAEGER}/search?service=checkout&minDuration=500ms`,
        }),
        button('Prometheus', 'open_prometheus', { url: 'http://127.0.0.1:9090/graph' }),
      ],
    },
    {
      type: 'context',
      block_id: 'foot',
      elements: [
        mrkdwn('Rule `checkout-latency` · Complete: all 41 traces of 812 ms or more from 14:00 to 14:10 UTC'),
        mrkdwn('<https://runbooks.example/checkout|Runbook>'),
      ],
    },
  ];
}

/** The private answer to a slash command: a table, and a menu to choose another service from. */
export function answerBlocks(): readonly WireBlock[] {
  const option = (text: string): object => ({ text: plain(text), value: text });
  return [
    {
      type: 'section',
      block_id: 'title',
      text: mrkdwn('*Slowest traces of checkout* in the last 30 minutes'),
      accessory: {
        type: 'static_select',
        action_id: 'choose_service',
        placeholder: plain('Another service'),
        options: ['cart', 'frontend', 'inventory', 'payments', 'shipping'].map(option),
      },
    },
    traceTable(),
    {
      type: 'context',
      block_id: 'certificate',
      elements: [mrkdwn(':white_check_mark: Complete: the slowest traces from 14:00 to 14:10 UTC')],
    },
    {
      type: 'actions',
      block_id: 'share',
      elements: [{ type: 'button', action_id: 'share', text: plain('Share in channel'), value: 'x' }],
    },
  ];
}

/** A form with one of each input that the bot's modals use. */
export function silenceView(): OpenView {
  const option = (text: string): object => ({ text: plain(text), value: text });
  const input = (block_id: string, label: string, element: object, more: object = {}): object => ({
    type: 'input',
    block_id,
    label: plain(label),
    element: { action_id: block_id, ...element },
    ...more,
  });
  return {
    viewId: 'V0SILENCE',
    userId: ADA.id,
    view: {
      type: 'modal',
      callback_id: 'silence',
      title: plain('Silence checkout'),
      submit: plain('Silence'),
      close: plain('Keep watching'),
      blocks: [
        { type: 'section', block_id: 'intro', text: mrkdwn('No notification while the silence lasts.') },
        input('duration', 'For how long', {
          type: 'static_select',
          initial_option: option('1 hour'),
          options: ['30 minutes', '1 hour', '4 hours'].map(option),
        }),
        input('comment', 'Why', {
          type: 'plain_text_input',
          multiline: true,
          placeholder: plain('Deploy of 2.4.1'),
        }),
        input('day', 'From day', { type: 'datepicker', initial_date: '2026-11-21' }, { optional: true }),
        input('time', 'From time', { type: 'timepicker', initial_time: '15:00' }, { optional: true }),
        input('scope', 'What', {
          type: 'radio_buttons',
          initial_option: option('This alert'),
          options: ['This alert', 'All of checkout'].map(option),
        }),
        input(
          'tell',
          'Tell',
          { type: 'checkboxes', options: ['The channel', 'The owner'].map(option) },
          { optional: true, hint: plain('Posted as a reply in the thread.') },
        ),
      ],
    },
  };
}
