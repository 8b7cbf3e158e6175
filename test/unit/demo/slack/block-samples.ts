import { type Refusal, validateMessageBlocks } from '../../../../demo/slack/validate-blocks.ts';

export type Block = Record<string, unknown>;

export const hasImage = ({ id }: { id?: string }): boolean => id === 'F0READY';
export const x = (length: number): string => 'x'.repeat(length);
export const times = <Item>(count: number, make: (index: number) => Item): Item[] =>
  Array.from({ length: count }, (_, i) => make(i));
export const plain = (text: string) => ({ type: 'plain_text', text });
export const mrkdwn = (text: string) => ({ type: 'mrkdwn', text });
export const option = (i: number | string, more: object = {}) => ({
  text: plain(`o${i}`),
  value: `v${i}`,
  ...more,
});
export const button = (more: object = {}) => ({ type: 'button', text: plain('Go'), ...more });
export const actions = (...elements: unknown[]) => ({ type: 'actions', elements });
export const section = (text: string, more: object = {}) => ({
  type: 'section',
  text: mrkdwn(text),
  ...more,
});
export const beside = (accessory: unknown) => section('a', { accessory });
export const raw = (text: string) => ({ type: 'raw_text', text });
export const row = (cells: number, text = 'c') => times(cells, () => raw(text));
export const table = (rows: unknown[]) => ({ type: 'table', rows });
export const dataTable = (rows: unknown[], more: object = {}) => ({
  type: 'data_table',
  caption: 'Traces',
  rows,
  ...more,
});
export const card = (more: object = {}) => ({ type: 'card', body: mrkdwn('b'), ...more });
const labels = (count: number): string[] => times(count, (i) => `p${i}`);
export const chart = (
  series: number,
  points: number,
  more: { title?: string; name?: string; axis?: object } = {},
): Block => ({
  type: 'data_visualization',
  title: more.title ?? 'p99',
  chart: {
    type: 'line',
    series: times(series, (i) => ({
      name: i === 0 && more.name !== undefined ? more.name : `s${i}`,
      data: labels(points).map((label) => ({ label, value: 1 })),
    })),
    axis_config: { categories: labels(points), ...more.axis },
  },
});
export const pie = (segments: number, value = 1): Block => ({
  type: 'data_visualization',
  title: 'Share',
  chart: { type: 'pie', segments: times(segments, (i) => ({ label: `l${i}`, value })) },
});
export const container = (children: number, more: object = {}) => ({
  type: 'container',
  title: plain('More'),
  child_blocks: times(children, () => ({ type: 'divider' })),
  ...more,
});
export const input = (element: object) => ({ type: 'input', label: plain('L'), element });
export const select = (more: object = {}) => ({ type: 'static_select', options: [option(1)], ...more });
export const confirm = (more: object) => beside(button({ confirm: { text: plain('Sure?'), ...more } }));
/** What the workspace says to the blocks of a message: undefined when it takes them. */
export const checked = (blocks: unknown): Refusal | undefined => validateMessageBlocks(blocks, hasImage);

export function video(more: object): Block {
  return {
    type: 'video',
    alt_text: 'v',
    title: plain('V'),
    video_url: 'https://a.test/v',
    thumbnail_url: 'https://a.test/t.png',
    ...more,
  };
}

export const modal = (more: object = {}) => ({
  type: 'modal',
  title: plain('Silence'),
  blocks: [section('a')],
  ...more,
});
