import { describe, expect, it } from 'vitest';
import { toMessage, validateView } from '../../../../demo/slack/validate-blocks.ts';
import {
  actions,
  button,
  card,
  chart,
  checked,
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
  x,
} from './block-samples.ts';

describe('the blocks of a message', () => {
  const refused: readonly [string, unknown[], string][] = [
    ['an unknown type', [{ type: 'callout' }], 'unsupported type: callout [json-pointer:/blocks/0/type]'],
    ['no type', [{}], 'missing required field: type [json-pointer:/blocks/0]'],
    ['a block that is no object', ['text'], 'must be an object [json-pointer:/blocks/0]'],
    ['an empty text', [section('')], 'must be more than 0 characters [json-pointer:/blocks/0/text/text]'],
    [
      'an empty table cell',
      [table([[raw('')]])],
      'must be more than 0 characters [json-pointer:/blocks/0/rows/0/0/text]',
    ],
    [
      'an unknown field',
      [{ type: 'divider', colour: 'red' }],
      'invalid additional property: colour [json-pointer:/blocks/0]',
    ],
    ['a missing field', [{ type: 'header' }], 'missing required field: text [json-pointer:/blocks/0]'],
    [
      'a section of nothing',
      [{ type: 'section' }],
      'must define at least one of: text, fields [json-pointer:/blocks/0]',
    ],
    [
      'mrkdwn in a header',
      [{ type: 'header', text: mrkdwn('h') }],
      'unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]',
    ],
    [
      'two blocks of one block_id',
      [
        { type: 'divider', block_id: 'a' },
        container(1, { child_blocks: [{ type: 'divider', block_id: 'a' }] }),
      ],
      'block_id must be unique: a [json-pointer:/blocks/1/child_blocks/0/block_id]',
    ],
    [
      'two elements of one action_id in a block',
      [actions(button({ action_id: 'a' }), button({ action_id: 'a' }))],
      'action_id must be unique: a [json-pointer:/blocks/0/elements/1/action_id]',
    ],
    [
      'an alert outside a modal',
      [{ type: 'alert', text: plain('late') }],
      'unsupported type: alert [json-pointer:/blocks/0/type]',
    ],
    [
      'a multi-select among actions',
      [actions({ type: 'multi_static_select', options: [option(1)] })],
      'unsupported type: multi_static_select [json-pointer:/blocks/0/elements/0/type]',
    ],
    [
      'a select with both options and groups',
      [actions(select({ option_groups: [{ label: plain('g'), options: [option(1)] }] }))],
      'must define exactly one of: options, option_groups [json-pointer:/blocks/0/elements/0]',
    ],
    [
      'a chart inside a container',
      [container(1, { child_blocks: [chart(1, 1)] })],
      'unsupported type: data_visualization [json-pointer:/blocks/0/child_blocks/0/type]',
    ],
    [
      'a series that lacks a category',
      [
        {
          ...chart(1, 2),
          chart: { ...(chart(1, 1)['chart'] as object), axis_config: { categories: ['p0', 'p1'] } },
        },
      ],
      'must have exactly one data point for each category [json-pointer:/blocks/0/chart/series/0/data]',
    ],
    [
      'two series of one name',
      [chart(2, 1, { name: 's1' })],
      'series name must be unique: s1 [json-pointer:/blocks/0/chart/series/1/name]',
    ],
    [
      'a pie slice of nothing',
      [pie(1, 0)],
      'must be greater than 0 [json-pointer:/blocks/0/chart/segments/0/value]',
    ],
    [
      'a data_table with rows of unequal length',
      [dataTable([row(2), row(1)])],
      'must have 2 cells, as the header row [json-pointer:/blocks/0/rows/1]',
    ],
    [
      'a data_table without data',
      [dataTable([row(2)])],
      'no fewer than 2 items allowed [json-pointer:/blocks/0/rows]',
    ],
    [
      'rich text in the header of a data_table',
      [dataTable([[{ type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [] }] }], row(1)])],
      'unsupported type: rich_text [json-pointer:/blocks/0/rows/0/0]',
    ],
    [
      'an image of two sources',
      [{ type: 'image', alt_text: 'a', image_url: 'https://a.test/a.png', slack_file: { id: 'F0READY' } }],
      'must define exactly one of: image_url, slack_file [json-pointer:/blocks/0]',
    ],
    [
      'a picture that is not in the workspace',
      [{ type: 'image', alt_text: 'a', slack_file: { id: 'F0OTHER' } }],
      'invalid slack file [json-pointer:/blocks/0/slack_file]',
    ],
    [
      'a style Slack does not know',
      [actions(button({ style: 'warning' }))],
      'must be a valid enum value [json-pointer:/blocks/0/elements/0/style]',
    ],
  ];

  it.each(refused)('are refused for %s', (_why, blocks, message) => {
    const refusal = checked(blocks);
    expect(refusal?.error).toBe('invalid_blocks');
    expect(refusal?.problems.map(toMessage)).toContain(`[ERROR] ${message}`);
  });

  it('are taken in every form a bot of this kind sends', () => {
    const rich = {
      type: 'rich_text',
      elements: [
        {
          type: 'rich_text_section',
          elements: [
            { type: 'text', text: 'p99 ', style: { bold: true } },
            { type: 'link', url: 'https://jaeger.test/trace/1', text: 'trace' },
            { type: 'date', timestamp: 1_795_000_000, format: '{time_secs}', fallback: '14:00:00' },
            { type: 'emoji', name: 'fire' },
          ],
        },
        {
          type: 'rich_text_list',
          style: 'bullet',
          elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text: 'a' }] }],
        },
        { type: 'rich_text_preformatted', elements: [{ type: 'text', text: 'code' }], border: 0 },
      ],
    };
    const blocks = [
      { type: 'header', text: { ...plain('checkout is slow :fire:'), emoji: true }, block_id: 'head' },
      section('*p99* 812 ms', { fields: [mrkdwn('a'), plain('b')], expand: true, block_id: 'text' }),
      chart(2, 20, { axis: { x_label: 'time', y_label: 'ms' } }),
      pie(2),
      table([[rich, { type: 'raw_number', value: 1.5, text: '1.5 ms' }, raw('a')]]),
      dataTable([
        [raw('trace'), raw('open')],
        [raw('1'), { type: 'action_cell', element: button({ action_id: 'open' }), fallback: raw('open') }],
      ]),
      actions(
        button({ action_id: 'ack', style: 'primary', value: '1' }),
        select({ action_id: 'silence', placeholder: plain('Silence') }),
        { type: 'users_select', action_id: 'owner' },
        { type: 'overflow', action_id: 'more', options: [option(1, { url: 'https://a.test' })] },
        { type: 'datepicker', action_id: 'until', initial_date: '2026-11-20' },
      ),
      {
        type: 'context',
        elements: [mrkdwn('c'), { type: 'image', image_url: 'https://a.test/a.png', alt_text: 'a' }],
      },
      { type: 'image', slack_file: { id: 'F0READY' }, alt_text: 'chart' },
      { type: 'markdown', text: '**bold**' },
      container(2, { subtitle: mrkdwn('s'), width: 'wide', is_collapsible: true, default_collapsed: true }),
      card({
        hero_image: { type: 'image', image_url: 'https://a.test/a.png', alt_text: 'a' },
        actions: [button()],
      }),
      input({ type: 'plain_text_input', action_id: 'why', multiline: true }),
      rich,
      { type: 'divider' },
    ];
    expect(checked(blocks)?.problems ?? []).toEqual([]);
  });

  it('may use one action_id in several blocks, those of a container too', () => {
    const press = actions(button({ action_id: 'a' }));
    expect(checked([press, container(2, { child_blocks: [press, press] })])).toBeUndefined();
  });

  it('are not changed by the check', () => {
    const blocks = [section('a', { accessory: button() })];
    const before = structuredClone(blocks);
    checked(blocks);
    expect(blocks).toEqual(before);
  });
});

describe('a modal', () => {
  it.each([
    ['a table', table([row(1)])],
    ['a chart', chart(1, 1)],
    ['a container', container(1)],
    ['markdown', { type: 'markdown', text: 'm' }],
  ])('takes no %s', (_what, block) => {
    expect(validateView(modal({ blocks: [block] }), hasImage)?.error).toBe('invalid_arguments');
  });

  it('with inputs needs a submit button', () => {
    const blocks = [input({ type: 'plain_text_input' })];
    expect(validateView(modal({ blocks }), hasImage)?.problems.map(toMessage)).toEqual([
      '[ERROR] missing required field: submit [json-pointer:/view]',
    ]);
    expect(validateView(modal({ blocks, submit: plain('OK') }), hasImage)).toBeUndefined();
  });

  it('is at most 250,000 bytes', () => {
    const blocks = times(90, () => section(x(3000)));
    expect(validateView(modal({ blocks }), hasImage)?.error).toBe('view_too_large');
  });
});
