import { describe, expect, it } from 'vitest';
import { alertMessage } from '../../../src/slack/blocks/alert.ts';
import { metadataViolations, violations } from '../../../src/slack/limits.ts';
import { anEnrichedView } from './views.ts';

const section = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text } });
const button = (over: object = {}) => ({
  type: 'button',
  text: { type: 'plain_text', text: 'Go' },
  action_id: 'go',
  value: 'v',
  ...over,
});
const actions = (...elements: object[]) => ({ type: 'actions', elements });
const row = (...texts: string[]) => texts.map((text) => ({ type: 'raw_text', text }));
const table = (rows: object[][]) => ({ type: 'table', rows });
const option = (over: object = {}) => ({ text: { type: 'plain_text', text: 'a' }, value: 'a', ...over });
const select = (options: object[]) => ({ type: 'static_select', action_id: 'pick', options });
const chart = (over: object = {}, axis: object = {}) => ({
  type: 'data_visualization',
  title: 'p99',
  chart: {
    type: 'line',
    series: [{ name: 'p99', data: [{ label: '14:00', value: 1 }] }],
    axis_config: { categories: ['14:00'], ...axis },
    ...over,
  },
});
const times = <T>(count: number, of: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => of(i));

describe('violations', () => {
  const found: Record<string, [object[], string]> = {
    '51 blocks': [times(51, () => section('a')), '51, at most 50'],
    'a header of 151 characters': [
      [{ type: 'header', text: { type: 'plain_text', text: 'a'.repeat(151) } }],
      '151 characters, at most 150',
    ],
    'a header in mrkdwn': [[{ type: 'header', text: { type: 'mrkdwn', text: 'a' } }], 'text of type mrkdwn'],
    'a text of 3,001 characters': [[section('a'.repeat(3_001))], '3001 characters, at most 3000'],
    'an empty text': [[section('')], 'must not be empty'],
    'a section without anything': [[{ type: 'section' }], 'neither text nor fields'],
    '11 fields': [
      [{ type: 'section', fields: times(11, () => ({ type: 'mrkdwn', text: 'a' })) }],
      '11 members, 1 to 10 allowed',
    ],
    'a field of 2,001 characters': [
      [{ type: 'section', fields: [{ type: 'mrkdwn', text: 'a'.repeat(2_001) }] }],
      'at most 2000',
    ],
    'a context of 11 lines': [
      [{ type: 'context', elements: times(11, () => ({ type: 'mrkdwn', text: 'a' })) }],
      '1 to 10 allowed',
    ],
    'a button of 76 characters': [
      [actions(button({ text: { type: 'plain_text', text: 'a'.repeat(76) } }))],
      'at most 75',
    ],
    'a button whose value is too long': [[actions(button({ value: 'a'.repeat(2_001) }))], 'at most 2000'],
    'a button to a script': [[actions(button({ url: 'javascript:alert(1)' }))], 'no http address'],
    '26 buttons': [[actions(...times(26, (i) => button({ action_id: `a${i}` })))], '1 to 25 allowed'],
    'an action_id twice': [[actions(button(), button())], 'action_id repeats'],
    'a menu of 101 options': [[actions(select(times(101, () => option())))], '1 to 100 allowed'],
    'an option value of 76 characters': [
      [actions(select([option({ value: 'a'.repeat(76) })]))],
      'at most 75',
    ],
    'a table of 101 rows': [[table(times(101, () => row('a')))], '101 members, 1 to 100 allowed'],
    'a table of 21 columns': [[table([row(...times(21, () => 'a'))])], '1 to 20 allowed'],
    'rows of different length': [[table([row('a', 'b'), row('a')])], 'of different length'],
    'an empty cell': [[table([row('')])], 'must not be empty'],
    'a table of 10,001 characters': [[table([row('a'.repeat(10_001))])], '10001 characters, at most 10000'],
    'two tables': [[table([row('a')]), table([row('a')])], 'more than one table'],
    'a message of 12,001 characters': [
      [...times(4, () => section('a'.repeat(3_000))), section('a')],
      '12001 characters together',
    ],
    'three charts': [[chart(), chart(), chart()], 'more than 2 charts'],
    'a chart without a point for a category': [
      [chart({}, { categories: ['14:00', '14:01'] })],
      'not one point per category',
    ],
    'a chart with a category twice': [
      [
        chart(
          { series: [{ name: 'p99', data: times(2, () => ({ label: 'a', value: 1 })) }] },
          { categories: ['a', 'a'] },
        ),
      ],
      'category repeats',
    ],
    'a chart without a number': [
      [chart({ series: [{ name: 'p99', data: [{ label: '14:00', value: Number.NaN }] }] })],
      'no number',
    ],
    'a block_id twice': [
      [
        { type: 'divider', block_id: 'a' },
        { type: 'divider', block_id: 'a' },
      ],
      'block_id repeats',
    ],
    'a block of a kind the bot does not build': [[{ type: 'alert', text: 'a' }], 'block of type alert'],
    'a call to the whole channel': [[section('hi <!channel>')], 'markup that is no link and no date'],
    'an address without a label': [[section('<https://a.example>')], 'markup that is no link and no date'],
    'half a character': [[section('\ud83d')], 'half a character'],
  };
  it.each(Object.entries(found))('finds %s', (_name, [blocks, wrong]) => {
    expect(violations({ text: 'a', blocks }).join('\n')).toContain(wrong);
  });

  it('finds a text that chat.update refuses', () => {
    expect(violations({ text: 'a'.repeat(4_001), blocks: [] })).toEqual([
      'text: 4001 characters, at most 4000',
    ]);
  });

  it('finds nothing in what fits exactly', () => {
    const blocks = [
      { type: 'header', text: { type: 'plain_text', text: 'a'.repeat(150) } },
      section('a'.repeat(3_000)),
      actions(button({ value: 'a'.repeat(2_000), url: `https://a/${'a'.repeat(2_990)}` })),
      actions(select(times(100, () => option()))),
      table(times(100, () => row(...times(20, () => 'a')))),
      chart(),
      section('<https://a.example|a> <!date^1^{time}|UTC> <@U0ALICE0000>'),
    ];
    expect(violations({ text: 'a'.repeat(4_000), blocks })).toEqual([]);
  });

  it('finds nothing in a whole breach', () => {
    expect(violations(alertMessage(anEnrichedView()))).toEqual([]);
  });
});

describe('metadataViolations', () => {
  it('takes what the bot sends', () => {
    expect(metadataViolations({ key: 'k', alertId: 'e' })).toEqual([]);
  });
  it('refuses what is too large or nested', () => {
    expect(metadataViolations({ key: 'ü'.repeat(1_000), more: {} })).toEqual([
      'metadata: 2020 bytes, at most 2000',
      'metadata/more: must be a string, a number or a boolean',
    ]);
  });
});
