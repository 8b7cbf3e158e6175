import { describe, expect, it } from 'vitest';
import { validateView } from '../../../../demo/slack/validate-blocks.ts';
import {
  actions,
  beside,
  button,
  card,
  chart,
  checked,
  confirm,
  container,
  dataTable,
  hasImage,
  input,
  modal,
  mrkdwn,
  option,
  pie,
  plain,
  raw,
  row,
  section,
  select,
  table,
  times,
  video,
  x,
} from './block-samples.ts';

/** What is counted, the blocks for a count, and the last count that Slack takes. */
const LIMITS: readonly [string, (n: number) => unknown[], number][] = [
  ['blocks of a message', (n) => times(n, () => ({ type: 'divider' })), 50],
  ['characters of a block_id', (n) => [{ type: 'divider', block_id: x(n) }], 255],
  ['characters of an action_id', (n) => [actions(button({ action_id: x(n) }))], 255],
  ['characters of a section', (n) => [section(x(n))], 3000],
  ['fields of a section', (n) => [{ type: 'section', fields: times(n, () => mrkdwn('f')) }], 10],
  ['characters of a section field', (n) => [{ type: 'section', fields: [mrkdwn(x(n))] }], 2000],
  ['characters of a header', (n) => [{ type: 'header', text: plain(x(n)) }], 150],
  ['elements of a context', (n) => [{ type: 'context', elements: times(n, () => mrkdwn('c')) }], 10],
  ['elements of actions', (n) => [actions(...times(n, () => button()))], 25],
  [
    'elements of context_actions',
    (n) => [
      {
        type: 'context_actions',
        elements: times(n, () => ({ type: 'icon_button', icon: 'trash', text: plain('D') })),
      },
    ],
    5,
  ],
  ['characters of a button', (n) => [actions(button({ text: plain(x(n)) }))], 75],
  ['characters of a button value', (n) => [actions(button({ value: x(n) }))], 2000],
  ['characters of a button url', (n) => [actions(button({ url: `https://${x(n - 8)}` }))], 3000],
  ['characters of a button label', (n) => [actions(button({ accessibility_label: x(n) }))], 75],
  ['options of a select', (n) => [actions(select({ options: times(n, option) }))], 100],
  [
    'groups of a select',
    (n) => [
      actions({
        type: 'static_select',
        option_groups: times(n, (i) => ({ label: plain('g'), options: [option(i)] })),
      }),
    ],
    100,
  ],
  ['characters of an option', (n) => [actions(select({ options: [option(1, { text: plain(x(n)) })] }))], 75],
  ['characters of an option value', (n) => [actions(select({ options: [option(1, { value: x(n) })] }))], 75],
  [
    'characters of an option description',
    (n) => [actions(select({ options: [option(1, { description: plain(x(n)) })] }))],
    75,
  ],
  ['options of an overflow menu', (n) => [beside({ type: 'overflow', options: times(n, option) })], 5],
  ['radio buttons', (n) => [actions({ type: 'radio_buttons', options: times(n, option) })], 10],
  ['checkboxes', (n) => [actions({ type: 'checkboxes', options: times(n, option) })], 10],
  ['characters of a confirm title', (n) => [confirm({ title: plain(x(n)) })], 100],
  ['characters of a confirm text', (n) => [confirm({ text: plain(x(n)) })], 300],
  ['characters of a confirm button', (n) => [confirm({ confirm: plain(x(n)) })], 30],
  ['characters of a deny button', (n) => [confirm({ deny: plain(x(n)) })], 30],
  ['characters of a placeholder', (n) => [actions(select({ placeholder: plain(x(n)) }))], 150],
  [
    'characters of an image url',
    (n) => [{ type: 'image', alt_text: 'a', image_url: `https://${x(n - 8)}` }],
    3000,
  ],
  [
    'characters of an alt_text',
    (n) => [{ type: 'image', alt_text: x(n), image_url: 'https://a.test/a.png' }],
    2000,
  ],
  [
    'characters of an image title',
    (n) => [{ type: 'image', alt_text: 'a', image_url: 'https://a.test/a.png', title: plain(x(n)) }],
    2000,
  ],
  ['rows of a table', (n) => [table(times(n, () => row(1)))], 100],
  ['columns of a table', (n) => [table([row(n)])], 20],
  ['characters of a table', (n) => [table([[raw(x(n))]])], 10_000],
  ['rows of a data_table', (n) => [dataTable(times(n, () => row(1)))], 101],
  ['columns of a data_table', (n) => [dataTable([row(n), row(n)])], 20],
  ['characters of a data_table', (n) => [dataTable([[raw('h')], [raw(x(n - 1))]])], 10_000],
  ['rows per page of a data_table', (n) => [dataTable([row(1), row(1)], { page_size: n })], 100],
  [
    'row header column of a data_table',
    (n) => [dataTable([row(3), row(3)], { row_header_column_index: n })],
    2,
  ],
  ['tables of a message', (n) => times(n, () => table([row(1)])), 1],
  ['charts of a message', (n) => times(n, () => chart(1, 1)), 2],
  ['series of a chart', (n) => [chart(n, 2)], 6],
  ['points of a chart', (n) => [chart(1, n)], 20],
  ['segments of a pie', (n) => [pie(n)], 6],
  ['characters of a chart title', (n) => [chart(1, 1, { title: x(n) })], 50],
  ['characters of a series name', (n) => [chart(1, 1, { name: x(n) })], 20],
  ['characters of an axis title', (n) => [chart(1, 1, { axis: { y_label: x(n) } })], 50],
  ['characters of markdown', (n) => [{ type: 'markdown', text: x(n) }], 12_000],
  [
    'characters of all markdown blocks together',
    (n) => [
      { type: 'markdown', text: x(6_000) },
      { type: 'markdown', text: x(n - 6_000) },
    ],
    12_000,
  ],
  ['characters of a card title', (n) => [card({ title: mrkdwn(x(n)) })], 150],
  ['characters of a card subtitle', (n) => [card({ subtitle: mrkdwn(x(n)) })], 150],
  ['characters of a card body', (n) => [card({ body: mrkdwn(x(n)) })], 200],
  ['buttons of a card', (n) => [card({ actions: times(n, () => button()) })], 3],
  ['cards of a carousel', (n) => [{ type: 'carousel', elements: times(n, () => card()) }], 10],
  ['characters of a container title', (n) => [container(1, { title: plain(x(n)) })], 150],
  ['children of a container', (n) => [container(n)], 10],
  [
    'tasks of a plan',
    (n) => [
      {
        type: 'plan',
        title: 'P',
        tasks: times(n, (i) => ({ type: 'task_card', task_id: `t${i}`, title: 'T', status: 'pending' })),
      },
    ],
    50,
  ],
  ['characters of a video title', (n) => [video({ title: plain(x(n)) })], 199],
];

describe('the blocks of a message', () => {
  it.each(LIMITS)('%s: the last that is taken and the first that is not', (_what, make, last) => {
    expect(checked(make(last))).toBeUndefined();
    expect(checked(make(last + 1))?.error).toBe('invalid_blocks');
  });

  it('may hold 13,200 characters together', () => {
    const blocks = (last: number) => [...times(4, () => section(x(3000))), section(x(last))];
    expect(checked(blocks(1_200))).toBeUndefined();
    expect(checked(blocks(1_201))?.error).toBe('msg_blocks_too_long');
  });
});

/** Limits of a modal, as above. */
const MODAL_LIMITS: readonly [string, (n: number) => unknown, number][] = [
  ['characters of a title', (n) => modal({ title: plain(x(n)) }), 24],
  ['characters of a submit button', (n) => modal({ submit: plain(x(n)) }), 24],
  ['characters of a close button', (n) => modal({ close: plain(x(n)) }), 24],
  ['characters of private_metadata', (n) => modal({ private_metadata: x(n) }), 3000],
  ['characters of a callback_id', (n) => modal({ callback_id: x(n) }), 255],
  ['blocks', (n) => modal({ blocks: times(n, () => ({ type: 'divider' })) }), 100],
  [
    'characters of an alert',
    (n) => modal({ blocks: [{ type: 'alert', text: plain(x(n)), level: 'warning' }] }),
    200,
  ],
  [
    'characters of an initial value',
    (n) => modal({ submit: plain('OK'), blocks: [input({ type: 'plain_text_input', initial_value: x(n) })] }),
    3000,
  ],
  [
    'files of a file input',
    (n) => modal({ submit: plain('OK'), blocks: [input({ type: 'file_input', max_files: n })] }),
    10,
  ],
];

describe('a modal', () => {
  it.each(MODAL_LIMITS)('%s: the last that is taken and the first that is not', (_what, make, last) => {
    expect(validateView(make(last), hasImage)?.problems ?? []).toEqual([]);
    expect(validateView(make(last + 1), hasImage)?.error).toBe('invalid_arguments');
  });
});
