import { writeFile } from 'node:fs/promises';
import { systemClock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import { count, durationText } from '../lib/format.ts';
import { ms, SECOND } from '../lib/units.ts';
import { createLogger } from '../ops/logger.ts';
import { traceMessage } from '../slack/blocks/trace.ts';
import { type TraceLinks, type TraceView, traceView } from '../traces/inspect-trace.ts';
import { operationOf, serviceName } from '../traces/operations.ts';
import { PictureError } from '../traces/pictures.ts';
import type { Trace } from '../traces/trace.ts';
import { outlineOf, type TraceOutline } from '../traces/trace-summary.ts';
import { createPicturePainter } from '../waterfall/picture-painter.ts';
import { blocksText, printable } from './blocks-text.ts';
import { readTraceFile, TraceFileError } from './trace-files.ts';

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
