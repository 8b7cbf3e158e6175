import { blockViolations } from './limits-of-blocks.ts';
import { type Fields, isFields, length, textLength } from './limits-of-text.ts';

/**
 * Slack's limits for one message, from docs.slack.dev, `@slack/types` 3.2 and what others measured; where the sources
 * differ, the lower number. Written apart from any stand-in for Slack, so that neither can hide the other's mistakes.
 */
const BLOCKS = 50;
/** `chat.update` refuses more with `msg_too_long`; `chat.postMessage` takes more but shows no more. */
const TEXT = 4_000;
/** `msg_blocks_too_long` sets in at about 13,200 characters over all blocks (bolt-js #2509); this keeps clear of it. */
const MESSAGE_CHARACTERS = 12_000;
const CHARTS = 2;

/** Everything Slack would refuse in a message, each as `place: what is wrong`; empty when it would take it. */
export function violations(message: {
  readonly text: string;
  readonly blocks: readonly unknown[];
}): readonly string[] {
  const found = [...length('text', message.text, { max: TEXT })];
  const blocks = message.blocks.filter(isFields);
  if (blocks.length !== message.blocks.length) found.push('blocks: must all be objects');
  if (blocks.length > BLOCKS) found.push(`blocks: ${blocks.length}, at most ${BLOCKS}`);
  blocks.forEach((block, index) => found.push(...blockViolations(`blocks/${index}`, block)));
  return [...found, ...together(blocks)];
}

/** Rules about the blocks of a message together. */
function together(blocks: readonly Fields[]): readonly string[] {
  const found: string[] = [];
  const count = (type: string): number => blocks.filter((block) => block['type'] === type).length;
  if (count('table') > 1) found.push('blocks: more than one table');
  if (count('data_visualization') > CHARTS) found.push(`blocks: more than ${CHARTS} charts`);
  const ids = blocks.map((block) => block['block_id']).filter((id) => id !== undefined);
  if (new Set(ids).size !== ids.length) found.push('blocks: block_id repeats');
  const characters = blocks.reduce((sum, block) => sum + textLength(block), 0);
  if (characters > MESSAGE_CHARACTERS)
    found.push(`blocks: ${characters} characters together, at most ${MESSAGE_CHARACTERS}`);
  return found;
}

/** Slack names no number for metadata; a message with more than this is refused by some workspaces (`metadata_too_large`). */
const METADATA_BYTES = 2_000;

/** Whether metadata is small enough and flat: values may be strings, numbers and booleans. */
export function metadataViolations(payload: Readonly<Record<string, unknown>>): readonly string[] {
  const bytes = new TextEncoder().encode(JSON.stringify(payload)).length;
  const nested = Object.entries(payload).filter(([, value]) => typeof value === 'object');
  return [
    ...(bytes > METADATA_BYTES ? [`metadata: ${bytes} bytes, at most ${METADATA_BYTES}`] : []),
    ...nested.map(([name]) => `metadata/${name}: must be a string, a number or a boolean`),
  ];
}
