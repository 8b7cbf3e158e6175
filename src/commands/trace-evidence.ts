import { UpstreamError } from '../lib/errors.ts';
import { count, durationText, type Phrase } from '../lib/format.ts';
import { after, before, type EpochMs } from '../lib/units.ts';
import {
  decodeEvidence,
  isAmongKept,
  type KeptEvidence,
  type KeptTraces,
} from '../messages/kept-evidence.ts';
import { EVIDENCE_RETENTION } from '../messages/store.ts';
import { traceView } from '../traces/inspect-trace.ts';
import { jaegerJson } from '../traces/jaeger-json.ts';
import { extentOf, type Trace } from '../traces/trace.ts';
import { type Answer, type AnswerLine, linesAnswer, nothing } from './answer.ts';
import type { CommandDeps, CommandForm, CommandInput, CommandRequest, Parsed, Reply } from './command.ts';
import { parseShare, writeName } from './options.ts';
import { isAbout } from './slo-history.ts';
import { isWord, shortened } from './tokens.ts';

/** `/trace evidence`. */
export interface EvidenceCommand {
  readonly kind: 'evidence';
  /** The id of an alert, or a service: its latest alert. */
  readonly alert: string;
  /** One of the kept traces, or all of them as files; absent: the list. */
  readonly show?: { readonly traceId: string } | 'file';
}

export const traceEvidence: CommandForm<EvidenceCommand> = {
  slash: '/trace',
  kind: 'evidence',
  keywords: ['evidence'],
  usage: 'evidence <alert id or service> [file] [share]',
  summary: 'The traces that were compared for an alert, kept for 7 days, also as files for Jaeger',
  system: 'store',
  parse,
  write: ({ alert, show }) =>
    [
      'evidence',
      writeName(alert),
      ...(show === undefined ? [] : [show === 'file' ? show : show.traceId]),
    ].join(' '),
  run,
};

const TRACE_ID = /^[0-9a-f]{32}$/i;

function parse({ tokens }: CommandInput): Parsed<EvidenceCommand> {
  const { share, words } = parseShare(tokens);
  const [alert, show, ...more] = words;
  if (alert === undefined)
    return { problem: 'Specify an alert id or a service, as in /trace evidence checkout.' };
  const command = { kind: 'evidence', alert: alert.text } as const;
  if (show === undefined) return { command, share };
  const isFile = isWord(show, ['file']);
  if (more.length > 0 || !(isFile || TRACE_ID.test(show.text)))
    return {
      problem: `Unexpected "${shortened((more[0] ?? show).text)}": expected file or the id of a kept trace.`,
      fixed: writeName(alert.text),
    };
  return { command: { ...command, show: isFile ? 'file' : { traceId: show.text.toLowerCase() } }, share };
}

async function run(
  { command, now, signal }: CommandRequest<EvidenceCommand>,
  deps: CommandDeps,
): Promise<Reply<EvidenceCommand>> {
  const kept = await find(deps, command.alert, now);
  if (kept === undefined)
    return {
      answer: nothing(
        `No traces are kept for ${shortened(command.alert)}. They are kept for 7 days when a latency alert is compared with normal traces; /slo history lists alerts.`,
      ),
    };
  const again: EvidenceCommand = { ...command, alert: kept.alertId };
  if (command.show === undefined) return { answer: await listOf(deps, kept, signal), again };
  if (command.show === 'file') return { answer: filesOf(kept) };
  const { traceId } = command.show;
  const trace = tracesOf(kept).find((each) => each.traceId === traceId);
  const view = trace && traceView(trace, { now, links: deps.links });
  if (view === undefined)
    return { answer: nothing(`The trace ${traceId} is not among those kept for ${kept.alertId}.`) };
  const notices = [...view.notices, COPY];
  return { answer: { kind: 'trace', view: { ...view, notices } }, again };
}

const COPY = 'From the copy kept with the alert: Jaeger may have deleted the trace.';

/** Alerts whose kept traces are looked through for one, the latest first. */
const MOST_LOOKED_THROUGH = 200;

/** A trace, and where it comes from when that is not Jaeger. */
export interface FoundTrace {
  readonly trace: Trace;
  readonly notices: readonly string[];
}

/**
 * A trace from Jaeger, or where Jaeger has it no longer or does not respond, from the copy kept with an alert. Throws the
 * `UpstreamError` of Jaeger when there is no copy.
 */
export async function traceOrCopy(
  traceId: string,
  deps: Pick<CommandDeps, 'traces' | 'keptEvidence' | 'ledger'>,
  { now, signal }: Pick<CommandRequest<unknown>, 'now' | 'signal'>,
): Promise<FoundTrace | undefined> {
  const found = await deps.traces.trace(traceId, signal).catch(async (error: unknown) => {
    const copy = error instanceof UpstreamError ? await copyOf(traceId, deps, now) : undefined;
    if (copy === undefined) throw error;
    return copy;
  });
  if (found !== undefined && 'notices' in found) return found;
  return found === undefined ? await copyOf(traceId, deps, now) : { trace: found, notices: [] };
}

/** A trace among those kept with the latest alerts. A store that does not respond has none. */
export async function copyOf(
  traceId: string,
  deps: Pick<CommandDeps, 'keptEvidence' | 'ledger'>,
  now: EpochMs,
): Promise<FoundTrace | undefined> {
  try {
    const entries = await deps.ledger({ since: before(now, EVIDENCE_RETENTION) });
    const alertIds = new Set(entries.flatMap(({ alertId }) => alertId ?? []));
    for (const alertId of [...alertIds].slice(0, MOST_LOOKED_THROUGH)) {
      const data = await deps.keptEvidence({ alertId, now });
      if (data === undefined || !isAmongKept(data, traceId)) continue;
      const trace = tracesOf(await decodeEvidence(data)).find((each) => each.traceId === traceId);
      if (trace !== undefined)
        return {
          trace,
          notices: [`From the copy kept with the alert ${alertId}: Jaeger did not return it.`],
        };
    }
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
  }
  return undefined;
}

const tracesOf = ({ slow, normal }: KeptEvidence): readonly Trace[] => [...slow.traces, ...normal.traces];

/** Alerts of a service that are looked at, the latest first: some were too short to be compared. */
const MOST_ALERTS = 10;

/** The evidence of an alert, or of the latest alert of a service that has some. */
async function find(deps: CommandDeps, alert: string, now: EpochMs): Promise<KeptEvidence | undefined> {
  const keptOf = async (alertId: string): Promise<KeptEvidence | undefined> => {
    const data = await deps.keptEvidence({ alertId, now });
    return data === undefined ? undefined : await decodeEvidence(data);
  };
  const own = await keptOf(alert);
  if (own !== undefined) return own;
  const entries = await deps.ledger({ since: before(now, EVIDENCE_RETENTION) });
  const alertIds = entries.flatMap((entry) => (isAbout(entry, alert) ? (entry.alertId ?? []) : []));
  for (const alertId of [...new Set(alertIds)].slice(0, MOST_ALERTS)) {
    const kept = await keptOf(alertId);
    if (kept !== undefined) return kept;
  }
  return undefined;
}

/** Traces listed of each side. */
const MOST_LISTED = 3;

async function listOf(deps: CommandDeps, kept: KeptEvidence, signal: AbortSignal): Promise<Answer> {
  const { alertId, service, culprit, at, slow, normal } = kept;
  const inJaeger = await stillInJaeger(deps, kept, signal);
  const rows = (side: string, { traces }: KeptTraces): readonly AnswerLine[] =>
    traces.slice(0, MOST_LISTED).map((trace) => traceLine(deps, kept, { side, trace }));
  const head: Phrase = [`${service}: ${culprit.headline} As of `, { at }];
  const warnings = (culprit.warnings ?? []).map((warning): Phrase => ['⚠ ', ...warning]);
  const counts: Phrase = [
    `Compared: ${count(slow.compared, 'slow trace')} with ${count(normal.compared, 'normal trace')}. Kept: ${slow.traces.length} and ${normal.traces.length} of them, until `,
    { at: after(at, EVIDENCE_RETENTION) },
    '. Alert ',
    { code: alertId },
  ];
  return linesAnswer(
    head,
    ...culprit.others.map((other): Phrase => [other]),
    ...(culprit.signals ?? []),
    ...warnings,
    counts,
    ...rows('Slow', slow),
    ...rows('Normal', normal),
    [inJaeger],
    ...(tracesOf(kept).length === 0
      ? []
      : [
          {
            phrase: ['All kept traces as JSON for Jaeger (Upload) and for tailwatch why'],
            button: { label: 'Files', command: `/trace evidence ${writeName(alertId)} file` },
          },
        ]),
  );
}

function traceLine(
  { links }: CommandDeps,
  { alertId }: KeptEvidence,
  { side, trace }: { readonly side: string; readonly trace: Trace },
): AnswerLine {
  const { traceId } = trace;
  const url = links.trace(traceId);
  const { duration } = extentOf(trace);
  return {
    phrase: [
      `${side}: ${durationText(duration)}, ${count(trace.spans.length, 'span')} `,
      url === undefined ? { code: traceId } : { text: traceId, url },
    ],
    button: { label: 'Show', command: `/trace evidence ${writeName(alertId)} ${traceId}` },
  };
}

/** Whether the links to Jaeger still work, by its two examples. */
async function stillInJaeger(
  { traces }: CommandDeps,
  { slow, normal }: KeptEvidence,
  signal: AbortSignal,
): Promise<string> {
  const examples = [slow, normal].flatMap((side) => side.traces.slice(0, 1));
  if (examples.length === 0)
    return 'No trace is kept: each is too large. The links to Jaeger may still work.';
  try {
    const found = await Promise.all(examples.map(({ traceId }) => traces.trace(traceId, signal)));
    const left = found.filter((trace) => trace !== undefined).length;
    if (left === found.length) return 'Jaeger still has the examples: its links work.';
    return left === 0
      ? 'Jaeger no longer has the examples: Show uses the kept copy.'
      : 'Jaeger has only one of the two examples left: Show uses the kept copy.';
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return 'Jaeger does not respond: Show uses the kept copy.';
  }
}

function filesOf({ alertId, service, slow, normal }: KeptEvidence): Answer {
  const sides = [
    ['slow', slow],
    ['normal', normal],
  ] as const;
  const files = sides.flatMap(([side, { traces }]) =>
    traces.length === 0
      ? []
      : [
          {
            name: `${alertId}-${side}.json`,
            title: `${service}: ${side} traces`,
            content: jaegerJson(traces),
          },
        ],
  );
  if (files.length === 0) return nothing(`No trace is kept for ${alertId}: each is too large.`);
  const text = `${service}: the kept traces of alert ${alertId}, ${slow.traces.length} slow and ${normal.traces.length} normal. Open them in Jaeger (Upload), or run tailwatch why --slow ${alertId}-slow.json --normal ${alertId}-normal.json.`;
  return { kind: 'files', text, files };
}
