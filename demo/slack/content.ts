import { SlackApiError } from './api-error.ts';
import { withIds } from './blocks.ts';
import type { Message, WireBlock } from './model.ts';
import type { WorkspaceState } from './state.ts';
import { type Refusal, toMessage, validateMessageBlocks } from './validate-blocks.ts';

/** Arguments of a call: strings where they came as a form, any JSON where they came as JSON. */
export type Args = Readonly<Record<string, unknown>>;

/** Text beyond this is cut off, with the warning `message_truncated` (docs.slack.dev, chat.postMessage). */
const TEXT_CHARACTERS = 40_000;
const MARKDOWN_TEXT_CHARACTERS = 12_000;
/** Slack has `metadata_too_large` but publishes no number: this one is the stand-in's own, on the careful side. */
const METADATA_BYTES = 2_048;

export interface Content {
  readonly text: string;
  /** Undefined when the call does not speak of blocks; empty when it takes them away. */
  readonly blocks: readonly WireBlock[] | undefined;
  readonly isTruncated: boolean;
}

/** An argument as text; undefined when it is absent or empty, as Slack treats both alike. */
export function textArg(args: Args, name: string): string | undefined {
  const value = args[name];
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export const flagArg = (args: Args, name: string): boolean =>
  ['true', '1'].includes(textArg(args, name) ?? '');

export function requiredArg(args: Args, name: string): string {
  const value = textArg(args, name);
  if (value === undefined)
    throw new SlackApiError('invalid_arguments', {
      response_metadata: { messages: [`[ERROR] missing required field: ${name}`] },
    });
  return value;
}

/** An argument that is JSON: given as such, or as a string inside a form. Throws `code` when it is no JSON. */
export function jsonArg(args: Args, name: string, code: string): unknown {
  const value = args[name];
  if (typeof value !== 'string') return value ?? undefined;
  if (value === '') return undefined;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    throw new SlackApiError(code);
  }
}

/** The refusal as Slack's error, with a JSON pointer to each offence. */
export const asError = ({ error, problems }: Refusal): SlackApiError =>
  new SlackApiError(
    error,
    problems.length === 0
      ? {}
      : {
          errors: problems.map(({ message, pointer }) => `${message} [json-pointer:${pointer}]`),
          response_metadata: { messages: problems.map(toMessage) },
        },
  );

/** Reads `text`, `markdown_text` and `blocks`, checked against Slack's limits. */
export function readContent(args: Args, state: WorkspaceState): Content {
  const given = textArg(args, 'text') ?? '';
  const blocks = readBlocks(args, state);
  if (args['attachments'] !== undefined && args['attachments'] !== '' && args['attachments'] !== '[]')
    throw new SlackApiError('invalid_attachments', {
      response_metadata: { messages: ['[ERROR] this workspace shows blocks only, no attachments'] },
    });
  return { text: given.slice(0, TEXT_CHARACTERS), blocks, isTruncated: given.length > TEXT_CHARACTERS };
}

function readBlocks(args: Args, state: WorkspaceState): readonly WireBlock[] | undefined {
  const markdown = textArg(args, 'markdown_text');
  const blocks = jsonArg(args, 'blocks', 'invalid_blocks_format');
  if (markdown !== undefined) {
    if (blocks !== undefined || textArg(args, 'text') !== undefined)
      throw new SlackApiError('markdown_text_conflict');
    if (markdown.length > MARKDOWN_TEXT_CHARACTERS) throw new SlackApiError('msg_too_long');
    return withIds([{ type: 'markdown', text: markdown }], state.ids);
  }
  if (blocks === undefined) return undefined;
  if (!Array.isArray(blocks)) throw new SlackApiError('invalid_blocks_format');
  const refusal = validateMessageBlocks(blocks, state.files.hasImage);
  if (refusal !== undefined) throw asError(refusal);
  return withIds(blocks as readonly WireBlock[], state.ids);
}

/** Reads `metadata`: undefined when not given, null when it is to be removed. */
export function readMetadata(args: Args): Message['metadata'] | null {
  const metadata = jsonArg(args, 'metadata', 'invalid_metadata_format');
  if (metadata === undefined) return undefined;
  if (!isRecord(metadata)) throw new SlackApiError('invalid_metadata_format');
  if (Object.keys(metadata).length === 0) return null;
  const { event_type: type, event_payload: payload } = metadata;
  if (typeof type !== 'string' || type === '' || !isRecord(payload))
    throw new SlackApiError('invalid_metadata_schema');
  if (!Object.values(payload).every((value) => isPlain(value, 1)))
    throw new SlackApiError('invalid_metadata_schema');
  if (Buffer.byteLength(JSON.stringify(metadata)) > METADATA_BYTES)
    throw new SlackApiError('metadata_too_large');
  return { event_type: type, event_payload: payload };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Metadata holds strings, numbers and booleans, and lists or objects of them, one level deep (@slack/types). */
function isPlain(value: unknown, depth: number): boolean {
  if (['string', 'number', 'boolean'].includes(typeof value)) return true;
  if (typeof value !== 'object' || value === null || depth === 0) return false;
  return Object.values(value).every((inner) => isPlain(inner, depth - 1));
}
