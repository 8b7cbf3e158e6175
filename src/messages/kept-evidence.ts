import type { WhySlow } from '../culprit/collect.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { EpochMs } from '../lib/units.ts';
import type { Trace } from '../traces/trace.ts';
import type { CulpritFinding } from './culprit.ts';
import type { Store } from './store.ts';

/*
 * The traces that a culprit was found in, kept with the alert: a tracing backend deletes them after hours or days, and a
 * post-mortem needs them later. They were redacted when they were read.
 */

/** One side of a comparison. */
export interface KeptTraces {
  /** How many were compared. */
  readonly compared: number;
  /** Those that are kept, the example first. */
  readonly traces: readonly Trace[];
}

/** What is kept of an alert. */
export interface KeptEvidence {
  readonly alertId: string;
  /** When the traces were compared. */
  readonly at: EpochMs;
  /** As the tracing backend names it. */
  readonly service: string;
  readonly culprit: CulpritFinding;
  readonly slow: KeptTraces;
  readonly normal: KeptTraces;
}

/** The largest evidence of one alert, compressed, as the store holds it. */
const MOST_KEPT_BYTES = 262_144;
/** Compressing more than this takes too long for what would be kept of it. */
const MOST_TEXT = 8_388_608;

async function through(
  data: Uint8Array<ArrayBuffer>,
  by: CompressionStream | DecompressionStream,
): Promise<Buffer> {
  return Buffer.from(await new Response(new Blob([data]).stream().pipeThrough(by)).arrayBuffer());
}

const compressed = (text: string): Promise<Buffer> =>
  through(new TextEncoder().encode(text), new CompressionStream('gzip'));

const firstOf = ({ compared, traces }: KeptTraces, count: number): KeptTraces => ({
  compared,
  traces: traces.slice(0, count),
});

/**
 * As text for the store: as many traces of both sides as fit, at last none. Its first line holds their ids, so that a trace is
 * found without reading the others.
 */
export async function encodeEvidence(evidence: KeptEvidence, limit = MOST_KEPT_BYTES): Promise<string> {
  const { slow, normal } = evidence;
  let count = Math.max(slow.traces.length, normal.traces.length);
  for (;;) {
    const part = { ...evidence, slow: firstOf(slow, count), normal: firstOf(normal, count) };
    const text = JSON.stringify(part);
    const data = text.length > MOST_TEXT ? undefined : (await compressed(text)).toString('base64');
    const ids = [...part.slow.traces, ...part.normal.traces].map(({ traceId }) => traceId).join(' ');
    if (data !== undefined && (ids.length + 1 + data.length <= limit || count === 0))
      return `${ids}\n${data}`;
    count = Math.floor(count / 2);
  }
}

/** Whether a trace is among those that `encodeEvidence` wrote. */
export const isAmongKept = (text: string, traceId: string): boolean =>
  text.slice(0, text.indexOf('\n')).split(' ').includes(traceId);

/** Reads what `encodeEvidence` wrote. */
export async function decodeEvidence(written: string): Promise<KeptEvidence> {
  const data = Buffer.from(written.slice(written.indexOf('\n') + 1), 'base64');
  const text = await through(new Uint8Array(data), new DecompressionStream('gzip'));
  return JSON.parse(text.toString('utf8')) as KeptEvidence;
}

/** Keeps what a comparison was made of. A store that refuses costs the evidence, and no message: it never throws. */
type KeepEvidence = (
  of: Pick<KeptEvidence, 'alertId' | 'service' | 'culprit'>,
  why: Pick<WhySlow, 'result' | 'slow' | 'normal'>,
) => Promise<void>;

export const createKeepEvidence =
  (store: Pick<Store, 'keepEvidence'>, logger: Logger): KeepEvidence =>
  async (of, { result, slow, normal }) => {
    if (result.kind !== 'compared') return;
    const at = of.culprit.asOf;
    try {
      const data = await encodeEvidence({
        ...of,
        at,
        slow: { compared: result.slow, traces: slow.traces ?? [] },
        normal: { compared: result.normal, traces: normal.traces ?? [] },
      });
      await store.keepEvidence({ alertId: of.alertId, at, data });
    } catch (error) {
      logger.warn('the traces of an alert could not be kept', { reason: errorMessage(error) });
    }
  };
