import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { TableBlock } from '@slack/types';
import { findCulprit } from '../culprit/culprit.ts';
import { culpritText } from '../culprit/text.ts';
import { joinedTraces, readExportedTraces, TraceExportError } from '../jaeger/exported-traces.ts';
import { systemClock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import { count, durationText } from '../lib/format.ts';
import { ms, SECOND } from '../lib/units.ts';
import { createLogger } from '../ops/logger.ts';
import type { SlackBlock } from '../slack/blocks/block-kit.ts';
import { oneLine } from '../slack/blocks/mrkdwn.ts';
import { traceMessage } from '../slack/blocks/trace.ts';
import { type TraceLinks, type TraceView, traceView } from '../traces/inspect-trace.ts';
import { operationOf, serviceName } from '../traces/operations.ts';
import { PictureError } from '../traces/pictures.ts';
import type { Trace } from '../traces/trace.ts';
import { outlineOf, type TraceOutline } from '../traces/trace-summary.ts';
import { createPicturePainter } from '../waterfall/picture-painter.ts';

/** A file that cannot be used: what is wrong, where, and what to do. */
export class TraceFileError extends Error {
  override readonly name = 'TraceFileError';
}

const ADVICE =
  'Export traces as JSON from Jaeger (a search\'s "Download Results", or /api/traces/ID), Tempo (/api/traces/ID or /api/v2/traces/ID) or the file exporter of the OpenTelemetry Collector.';

/** Files that are read of a folder. */
const TRACE_FILE = /\.(?:json|jsonl|ndjson)(?:\.gz)?$/i;

/** Reads the exported traces of a file, or of all files of a folder and the folders in it. Throws `TraceFileError`. */
async function readTraces(path: string): Promise<readonly Trace[]> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return readTraceFile(path);
  const names = (await readdir(path, { recursive: true })).filter((name) => TRACE_FILE.test(name)).sort();
  if (names.length === 0)
    throw new TraceFileError(
      `${path}: the folder has no file whose name ends in .json, .jsonl or .ndjson. ${ADVICE}`,
    );
  const files: (readonly Trace[])[] = [];
  for (const name of names) files.push(await readTraceFile(join(path, name)));
  return joinedTraces(files.flat());
}

/** Reads exported traces, also compressed by gzip; at least one. Throws `TraceFileError`. */
async function readTraceFile(path: string): Promise<readonly Trace[]> {
  const text = await fileText(path).catch((error: unknown) => {
    throw new TraceFileError(`${path}: cannot be read (${errorMessage(error)}).`);
  });
  try {
    return readExportedTraces(text);
  } catch (error) {
    if (!(error instanceof TraceExportError)) throw error;
    const { place, message } = error;
    const where = place === undefined ? path : `${path}:${place.line}:${place.column}`;
    throw new TraceFileError(`${where}: ${message}. ${ADVICE}`);
  }
}

async function fileText(path: string): Promise<string> {
  const file = await readFile(path);
  const bytes = file[0] === 0x1f && file[1] === 0x8b ? gunzipSync(file) : file;
  // The redirection of PowerShell writes UTF-16.
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}

/** Foreign text for a terminal: on one line and without control characters, which could move the cursor. */
const printable = (text: string): string => oneLine(text);

/** The blocks of an answer as plain text for a terminal: paragraphs and tables. Buttons are left out. */
const blocksText = (blocks: readonly SlackBlock[]): string =>
  blocks
    .map(blockText)
    .filter((text) => text !== '')
    .join('\n\n');

function blockText(block: SlackBlock): string {
  switch (block.type) {
    case 'section':
      return 'text' in block && block.text !== undefined ? plainOf(block.text.text) : '';
    case 'context':
      return ('elements' in block ? block.elements : [])
        .map((element) => ('text' in element ? plainOf(element.text) : ''))
        .join('\n');
    case 'table':
      return tableText(block);
    default:
      return '';
  }
}

const ENTITIES: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&amp;': '&' };

/** Mrkdwn as plain text: code, bold text, links and dates by what they show. */
const plainOf = (mrkdwn: string): string => mrkdwn.split('\n').map(plainLine).join('\n');

function plainLine(line: string): string {
  // Code is foreign text: what looks like markup in it is none.
  const codes = (line.match(/`[^`]*`/gu) ?? []).map((code) => code.slice(1, -1));
  let next = 0;
  return line
    .replace(/`[^`]*`/gu, '``')
    .replace(/\*([^*]+)\*/gu, '$1')
    .replace(/<[^<>|]*\|([^<>]*)>/gu, '$1')
    .replace(/``/gu, () => codes[next++] ?? '')
    .replace(/&(?:lt|gt|amp);/gu, (entity) => ENTITIES[entity] ?? entity);
}

const COLUMN_GAP = '  ';

/** Columns are aligned as the block says; the last one is not padded. */
function tableText({ rows, column_settings: settings = [] }: TableBlock): string {
  const texts = rows.map((row) => row.map((cell) => ('text' in cell ? cell.text : '')));
  const widths = (texts[0] ?? []).map((_, column) =>
    Math.max(...texts.map((row) => (row[column] ?? '').length)),
  );
  return texts
    .map((row) =>
      row
        .map((text, column) =>
          settings[column]?.align === 'right'
            ? text.padStart(widths[column] ?? 0)
            : text.padEnd(widths[column] ?? 0),
        )
        .join(COLUMN_GAP)
        .trimEnd(),
    )
    .join('\n');
}

/** Options of `tailwatch trace` as they were typed. */
export interface TraceOptions {
  readonly id?: string;
  readonly json?: boolean;
  readonly picture?: string;
}

/** A file has no links: its trace may be in no backend. */
const NO_LINKS: TraceLinks = {
  trace: () => undefined,
  kialiGraph: () => undefined,
  grafanaTrace: () => undefined,
};

/** Runs `tailwatch trace`: explains one trace of a file as `/trace` does. Returns what to print. */
export async function traceCommand(file: string, options: TraceOptions): Promise<string> {
  const traces = await readTraceFile(file);
  const outlines = chosen(traces, { file, id: options.id })
    .flatMap((trace) => outlineOf(trace) ?? [])
    .sort((a, b) => b.root.duration - a.root.duration || (a.traceId < b.traceId ? -1 : 1));
  const [slowest, ...others] = outlines;
  const trace = traces.find(({ traceId }) => traceId === slowest?.traceId);
  const view = trace && traceView(trace, { now: systemClock.now(), links: NO_LINKS });
  if (view === undefined) throw new TraceFileError(`${file}: no traces.`);
  if (options.picture !== undefined) await drawPicture(view, options.picture);
  return options.json === true ? jsonText(view, traces.length) : [...textOf(view, others)].join('\n');
}

/** All traces, or the one whose id begins with `id`, in any case and without its leading zeros. */
function chosen(
  traces: readonly Trace[],
  { file, id }: { readonly file: string; readonly id: string | undefined },
): readonly Trace[] {
  if (id === undefined) return traces;
  const wanted = significant(id.trim().toLowerCase());
  const exact = traces.filter(({ traceId }) => significant(traceId) === wanted);
  const found =
    exact.length > 0 ? exact : traces.filter(({ traceId }) => significant(traceId).startsWith(wanted));
  if (wanted !== '' && found.length === 1) return found;
  const problem =
    wanted !== '' && found.length > 1
      ? `${count(found.length, 'trace')} begin with ${printable(id)}`
      : `no trace ${printable(id)}`;
  const ids = (found.length > 1 ? found : traces).slice(0, MAX_IDS).map(({ traceId }) => traceId);
  throw new TraceFileError(
    `${file}: ${problem}. Its traces: ${ids.join(', ')}${traces.length > ids.length ? ', ...' : ''}`,
  );
}

const significant = (traceId: string): string => traceId.replace(/^0+/, '');

const MAX_IDS = 5;

function textOf(view: TraceView, others: readonly TraceOutline[]): readonly string[] {
  const text = blocksText(traceMessage(view).blocks);
  if (others.length === 0) return [text];
  return [
    text,
    '',
    `The slowest of ${count(others.length + 1, 'trace')}. Others, by --id:`,
    ...others
      .slice(0, MAX_IDS)
      .map(({ traceId, root }) =>
        printable(
          `${traceId} ${durationText(root.duration)} ${serviceName(root.serviceName)} ${operationOf(root)}`,
        ),
      ),
    ...(others.length > MAX_IDS ? [`and ${count(others.length - MAX_IDS, 'faster one')}`] : []),
  ];
}

/** Durations and times in microseconds. */
const jsonText = (view: TraceView, traceCount: number): string =>
  JSON.stringify({ traceCount, ...view, picture: undefined, links: undefined }, undefined, 2);

/** Starting the thread that draws takes most of the time. */
const PICTURE_LIMIT = ms(30 * SECOND);

async function drawPicture({ picture }: TraceView, path: string): Promise<void> {
  if (picture === undefined) return;
  const logger = createLogger({ level: 'error', secrets: [] });
  const painter = createPicturePainter({ clock: systemClock, logger, limit: PICTURE_LIMIT });
  try {
    await writeFile(path, await painter.draw(picture.waterfall));
  } catch (error) {
    if (error instanceof PictureError) throw new TraceFileError(`No picture: ${error.message}.`);
    throw new TraceFileError(`${path}: cannot be written (${errorMessage(error)}).`);
  } finally {
    await painter.close();
  }
}

/** Options of `tailwatch why` as they were typed. */
export interface WhyOptions {
  readonly slow: string;
  readonly normal: string;
  readonly json?: boolean;
}

/** Runs `tailwatch why`: compares exported traces and names the culprit. Returns what to print. */
export async function whyCommand({ slow, normal, json = false }: WhyOptions): Promise<string> {
  const result = findCulprit(await readTraces(slow), await readTraces(normal));
  return json ? JSON.stringify(result, undefined, 2) : culpritText(result).join('\n');
}
