import { epochUs, toEpochMs } from '../lib/units.ts';
import type { TraceView } from '../traces/inspect-trace.ts';
import type { Asking, CommandsOptions, Reply } from './asking.ts';

/** Adds to the answer about one trace where it stands among the other requests of each service it went through. */
export async function addPercentiles(
  options: Pick<CommandsOptions, 'rankRequest'>,
  reply: Reply,
  asking: Pick<Asking, 'now' | 'signal'>,
): Promise<Reply> {
  const { answer } = reply;
  if (answer.kind === 'trace') {
    return { ...reply, answer: { ...answer, view: await placed(options, answer.view, asking) } };
  }
  const [only, ...others] = answer.kind === 'request' ? answer.view.traces : [];
  if (answer.kind !== 'request' || only === undefined || others.length > 0) return reply;
  const view = await placed(options, only, asking);
  return { ...reply, answer: { ...answer, view: { ...answer.view, traces: [view] } } };
}

async function placed(
  { rankRequest }: Pick<CommandsOptions, 'rankRequest'>,
  view: TraceView,
  { now, signal }: Pick<Asking, 'now' | 'signal'>,
): Promise<TraceView> {
  if (view.serverSpans.length === 0) return view;
  const ended = toEpochMs(epochUs(view.start + view.duration));
  return { ...view, percentiles: await rankRequest({ spans: view.serverSpans, ended, now }, signal) };
}
