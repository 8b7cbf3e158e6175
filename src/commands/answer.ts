import type { Phrase } from '../lib/format.ts';
import type { Link } from '../lib/links.ts';
import type { ComparisonView } from '../traces/compare-traces.ts';
import type { RequestView } from '../traces/find-request.ts';
import type { TraceView } from '../traces/inspect-trace.ts';
import type { ResolvedService } from '../traces/resolve-service.ts';
import type { ServiceInRequest } from '../traces/service-in-request.ts';
import type { LatencyView } from './latency.ts';
import type { CallLatencyView } from './latency-call.ts';
import type { SloServicesView } from './slo-services.ts';
import type { SloStatusView } from './slo-status.ts';
import type { PropagationView } from './trace-propagation.ts';
import type { SlowestView } from './trace-slowest.ts';
import type { WhyView } from './trace-why.ts';

/** One line of an answer, with a button that runs a complete command. */
export interface AnswerLine {
  readonly phrase: Phrase;
  readonly button?: { readonly label: string; readonly command: string };
}

/** A file of an answer. */
export interface AnswerFile {
  readonly name: string;
  readonly title: string;
  readonly content: string;
}

/** The result of a command, for the view of each chat system. */
export type Answer =
  | { readonly kind: 'slowest'; readonly view: SlowestView }
  | { readonly kind: 'trace'; readonly view: TraceView }
  | { readonly kind: 'request'; readonly view: RequestView }
  /** What one service did in one request. */
  | { readonly kind: 'request-latency'; readonly view: ServiceInRequest }
  | { readonly kind: 'comparison'; readonly view: ComparisonView }
  /** Which service made requests slow. */
  | { readonly kind: 'why'; readonly view: WhyView }
  /** Where traces stop although requests go on. */
  | { readonly kind: 'propagation'; readonly view: PropagationView }
  | { readonly kind: 'latency'; readonly view: LatencyView }
  /** The calls from one service to another. */
  | { readonly kind: 'call-latency'; readonly view: CallLatencyView }
  | { readonly kind: 'slo-status'; readonly view: SloStatusView }
  /** The services of all objectives, the worst first. */
  | { readonly kind: 'slo-services'; readonly view: SloServicesView }
  /** The command is not valid: the problem (empty for help), its usage, and the command that was probably intended. */
  | {
      readonly kind: 'usage';
      readonly problem: string;
      readonly usage: readonly string[];
      readonly suggestion?: string;
    }
  | {
      readonly kind: 'unknown-service';
      readonly name: string;
      /** The name fits several services, which are then the nearest ones. */
      readonly isAmbiguous?: boolean;
      readonly nearest: readonly string[];
      /** All services, for a menu. */
      readonly all: readonly string[];
      /** The complete command with `{service}` in place of the name. */
      readonly retry: string;
    }
  | { readonly kind: 'lines'; readonly lines: readonly AnswerLine[] }
  /** Files, sent as a direct message. */
  | { readonly kind: 'files'; readonly text: string; readonly files: readonly AnswerFile[] }
  /** Nothing was found, and why. */
  | { readonly kind: 'nothing'; readonly text: string; readonly links: readonly Link[] }
  /** A system did not respond, or the bot failed. */
  | { readonly kind: 'failed'; readonly text: string };

/** An answer without a result: the reason as text. */
export const nothing = (text: string, links: readonly Link[] = []): Answer => ({
  kind: 'nothing',
  text,
  links,
});

/** An answer of a few lines. */
export const linesAnswer = (...lines: readonly (AnswerLine | Phrase)[]): Answer => ({
  kind: 'lines',
  lines: lines.map((line) => ('phrase' in line ? line : { phrase: line })),
});

/** Stands for the name of the service in the command that retries with another one. */
export const SERVICE = '{service}';

const MAX_NEAREST = 3;

/** The answer for a name that is not exactly one service. `retry` is the complete command for the service `SERVICE`. */
export function unknownService(
  name: string,
  resolved: Exclude<ResolvedService, { readonly kind: 'found' }>,
  retry: string,
): Answer {
  const isAmbiguous = resolved.kind === 'ambiguous';
  return {
    kind: 'unknown-service',
    name,
    isAmbiguous: isAmbiguous ? true : undefined,
    nearest: (isAmbiguous ? resolved.candidates : resolved.nearest).slice(0, MAX_NEAREST),
    all: isAmbiguous ? resolved.candidates : resolved.all,
    retry: retry.replace(`"${SERVICE}"`, SERVICE),
  };
}
