import { describe, expect, it } from 'vitest';
import { interactiveElements, withIds } from '../../../../demo/slack/blocks.ts';
import { createIds } from '../../../../demo/slack/ids.ts';
import type { OpenView, WireBlock } from '../../../../demo/slack/model.ts';
import { choice, stateValues } from '../../../../demo/slack/payloads.ts';

const option = (value: string) => ({ text: { type: 'plain_text', text: value.toUpperCase() }, value });
const options = [option('a'), option('b')];

describe('what a person chose in an element', () => {
  it.each<[string, Record<string, unknown>, string | undefined, object]>([
    ['nothing for a button', { type: 'button' }, undefined, {}],
    ['one option', { type: 'static_select', options }, 'b', { selected_option: option('b') }],
    [
      'one option of a group',
      { type: 'static_select', option_groups: [{ options }] },
      'a',
      { selected_option: option('a') },
    ],
    ['no option', { type: 'static_select', options }, undefined, { selected_option: null }],
    ['an entry of an overflow menu', { type: 'overflow', options }, 'a', { selected_option: option('a') }],
    ['a radio button', { type: 'radio_buttons', options }, 'a', { selected_option: option('a') }],
    [
      'an option that the app would have loaded',
      { type: 'external_select' },
      'x',
      { selected_option: { text: { type: 'plain_text', text: 'x', emoji: true }, value: 'x' } },
    ],
    ['several options', { type: 'multi_static_select', options }, 'a,b', { selected_options: options }],
    ['checkboxes', { type: 'checkboxes', options }, 'b', { selected_options: [option('b')] }],
    ['no checkbox', { type: 'checkboxes', options }, undefined, { selected_options: [] }],
    ['a person', { type: 'users_select' }, 'U1', { selected_user: 'U1' }],
    ['people', { type: 'multi_users_select' }, 'U1,U2', { selected_users: ['U1', 'U2'] }],
    ['a channel', { type: 'channels_select' }, 'C1', { selected_channel: 'C1' }],
    ['a conversation', { type: 'conversations_select' }, 'C1', { selected_conversation: 'C1' }],
    ['a day', { type: 'datepicker' }, '2026-11-20', { selected_date: '2026-11-20' }],
    ['a time', { type: 'timepicker' }, '14:00', { selected_time: '14:00' }],
    ['an instant', { type: 'datetimepicker' }, '1795183200', { selected_date_time: 1_795_183_200 }],
    ['a text', { type: 'plain_text_input' }, 'deploy', { value: 'deploy' }],
    ['no text', { type: 'plain_text_input' }, undefined, { value: null }],
  ])('%s', (_what, element, given, wire) => {
    expect(choice(element, given)).toEqual(wire);
  });

  it('may be given in wire form', () => {
    const open: OpenView = {
      viewId: 'V1',
      userId: 'U1',
      view: { blocks: [{ type: 'input', block_id: 'b', element: { type: 'users_select', action_id: 'a' } }] },
    };
    expect(stateValues(open, { b: { a: { selected_user: 'U2' } } })).toEqual({
      b: { a: { type: 'users_select', selected_user: 'U2' } },
    });
  });
});

describe('the ids that Slack adds', () => {
  const blocks: WireBlock[] = [
    { type: 'section', block_id: 'own', accessory: { type: 'button', action_id: 'press' } },
    { type: 'actions', elements: [{ type: 'button' }, { type: 'static_select', options }] },
    { type: 'container', child_blocks: [{ type: 'actions', elements: [{ type: 'button' }] }] },
    { type: 'markdown', block_id: 'lost', text: 'm' },
  ];
  const done = withIds(blocks, createIds(7));

  it('leave those of the app as they are, but for a markdown block', () => {
    expect(done[0]).toEqual(blocks[0]);
    expect(done[3]?.['block_id']).toMatch(/^[0-9a-f]{5}$/);
  });

  it('make every interactive element findable, within containers too', () => {
    const found = interactiveElements(done).map(({ blockId, element }) => [blockId, element['action_id']]);
    expect(found).toHaveLength(4);
    expect(found[0]).toEqual(['own', 'press']);
    for (const [blockId, actionId] of found.slice(1))
      expect([blockId, actionId]).toEqual([
        expect.stringMatching(/^[0-9a-f]{5}$/),
        expect.stringMatching(/^[0-9a-f]{5}$/),
      ]);
  });

  it('are the same for the same seed', () => {
    expect(withIds(blocks, createIds(7))).toEqual(done);
    expect(withIds(blocks, createIds(8))).not.toEqual(done);
  });
});
