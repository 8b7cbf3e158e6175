import type { Link } from '../lib/links.ts';
import type { Phrase } from '../lib/phrase.ts';
import type { ComparisonView } from '../traces/compare-traces.ts';
import type { RequestView } from '../traces/find-request.ts';
import type { TraceView } from '../traces/inspect-trace.ts';
import type { PartView } from '../traces/part-in-service.ts';
import type { SlowestView } from './answer-slowest.ts';
import type { LatencyView } from './report-latency.ts';
import type { SloStatusView } from './slo-views.ts';

/** What a command answers with. Every kind is shown; none is dropped. */
export type Answer =
  | { readonly kind: 'slowest'; readonly view: SlowestView }
  | { readonly kind: 'trace'; readonly view: TraceView }
  | { readonly kind: 'request'; readonly view: RequestView }
  /** What one service did in one request. */
  | { readonly kind: 'part'; readonly view: PartView }
  | { readonly kind: 'comparison'; readonly view: ComparisonView }
  | { readonly kind: 'latency'; readonly view: LatencyView }
  | { readonly kind: 'slo-status'; readonly view: SloStatusView }
  /** The command was not understood: what is wrong, how it is written, what was probably meant. */
  | {
      readonly kind: 'usage';
      readonly problem: string;
      readonly usage: readonly string[];
      readonly suggestion?: string;
    }
  /** The service is not known: the nearest names, and all of them for a menu. `retry` holds `{service}`. */
  | {
      readonly kind: 'unknown-service';
      readonly asked: string;
      /** Set when the name fits several services, which are then the nearest ones. */
      readonly isAmbiguous?: boolean;
      readonly nearest: readonly string[];
      readonly all: readonly string[];
      readonly retry: string;
    }
  /** What was done about alerts, or can be: a line each, with a button that runs a command where there is one. */
  | {
      readonly kind: 'said';
      readonly lines: readonly {
        readonly phrase: Phrase;
        readonly button?: { readonly label: string; readonly command: string };
      }[];
    }
  /** Nothing was found, and why. */
  | { readonly kind: 'nothing'; readonly text: string; readonly links: readonly Link[] }
  /** Something did not answer: what, and what to do. */
  | { readonly kind: 'failed'; readonly text: string };
