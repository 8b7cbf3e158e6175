import type { Block, KnownBlock } from '@slack/types';

/** One point of a chart. */
export interface ChartPoint {
  readonly label: string;
  readonly value: number;
}

/**
 * Slack's native chart, on the platform since 2026-06-16 and not in `@slack/types` 3.2: every series has exactly one
 * point per category (docs.slack.dev/reference/block-kit/blocks/data-visualization-block).
 */
export interface ChartBlock extends Block {
  type: 'data_visualization';
  title: string;
  chart: {
    type: 'line';
    series: { name: string; data: ChartPoint[] }[];
    axis_config: { categories: string[]; x_label?: string; y_label?: string };
  };
}

export type SlackBlock = KnownBlock | ChartBlock;

/** What Slack is asked to show: `text` for notifications and screen readers, `blocks` for the eye. */
export interface Rendered {
  readonly text: string;
  readonly blocks: readonly SlackBlock[];
}

export const CHART = 'data_visualization';
