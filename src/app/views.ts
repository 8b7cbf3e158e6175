import type { PersonsAct, StormMember } from '../domain/alert/alert.ts';
import type { Labels } from '../domain/labels.ts';
import type { BurnPair, Comparison, ValueKind } from '../domain/slo/rule.ts';
import type { HopEdge, Retry } from '../domain/trace/hops.ts';
import type { PathPart } from '../domain/trace/path-parts.ts';
import type { Repeat } from '../domain/trace/repeats.ts';
import type { ServedSpan } from '../domain/trace/served.ts';
import type { ErrorOrigin } from '../domain/trace/span-errors.ts';
import type { Waterfall } from '../domain/trace/waterfall.ts';
import type { EpochMs, EpochUs, Microseconds, Milliseconds, Ratio, TimeWindow } from '../domain/units.ts';
import type { LatencyBreakdown } from './views/breakdown-view.ts';
import type { ComparisonView } from './views/comparison-view.ts';
import type { BudgetView, QuantileEstimate, SlowBetween } from './views/figures.ts';
import type { Phrase } from './views/note-view.ts';
import type { PartView } from './views/part-view.ts';
import type { SloRow, SloStatusView } from './views/slo-views.ts';
import type { StandingView } from './views/standing-view.ts';

export type { BudgetView, QuantileEstimate, SlowBetween } from './views/figures.ts';
export type { NoteView, Phrase } from './views/note-view.ts';
export type { SloRow, SloStatusView } from './views/slo-views.ts';

/** A name and the address that shows the same figure: every figure in a message can be looked up. */
export interface Link {
  readonly label: string;
  readonly url: string;
}

/** One slow trace in a list. */
export interface TraceRow {
  readonly traceId: string;
  /** Duration of the service's own longest matching span: what the mesh histogram measures. */
  readonly duration: Microseconds;
  /** From the first span's start to the last span's end. */
  readonly traceDuration: Microseconds;
  readonly start: EpochUs;
  readonly operation: string;
  readonly isError: boolean;
  readonly url?: string;
}

/** A line chart: at most 20 points, each series with one value per point. */
export interface ChartView {
  readonly title: string;
  readonly unit: string;
  readonly at: readonly EpochMs[];
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
}

/** What is known of the traces behind a breach. */
export type TracesView =
  | { readonly kind: 'pending' }
  | { readonly kind: 'found'; readonly rows: readonly TraceRow[]; readonly certificate: string }
  /** Why there are none: a full sentence. */
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Everything an alert's message shows. */
export interface AlertView {
  readonly state: 'firing' | 'no-data' | 'resolved';
  readonly alertname: string;
  /** The service to blame the breach on, or undefined when no label names one. */
  readonly service?: string;
  readonly severity?: string;
  readonly labels: Labels;
  readonly summary?: string;
  readonly description?: string;
  readonly runbookUrl?: string;
  readonly value: number;
  readonly peak: number;
  readonly valueKind: ValueKind;
  /** Unit of a plain value, from the annotation `slo_unit`. */
  readonly unit?: string;
  readonly comparison?: Comparison;
  readonly bound?: number;
  readonly threshold?: Milliseconds;
  readonly quantile?: number;
  readonly window?: Milliseconds;
  readonly activeAt: EpochMs;
  readonly firedAt: EpochMs;
  readonly resolvedAt?: EpochMs;
  readonly resolveReason?: string;
  readonly noDataSince?: EpochMs;
  /** What is gone of an alert without data: a full sentence. */
  readonly vanished?: string;
  /** The three honest numbers, once they have been fetched. */
  readonly latency?: QuantileEstimate;
  readonly slowShare?: number;
  /** Set with an approximate threshold. The verdict is by `atLeast`. */
  readonly slowBetween?: SlowBetween;
  readonly isApproximate?: boolean;
  readonly burnRate?: number;
  readonly budget?: BudgetView;
  /** The two windows that must both burn, of a burn-rate alert. */
  readonly burn?: BurnPair;
  readonly traces: TracesView;
  readonly chart?: ChartView;
  readonly links: readonly Link[];
  /** Whom the message calls: ids of Slack user groups or of people. */
  readonly mentions?: readonly string[];
  /** It is more urgent than an alert about the same that is open already; where that one's message is. */
  readonly escalates?: { readonly url?: string };
  /** Other services whose slowness is laid to this breach. */
  readonly alsoSlow?: readonly string[];
  /**
   * What keeps the alert's thread still, as a sentence's beginning, and until when where that is known. `silence`: of a
   * person in Slack, whose name goes between the beginning and the comment.
   */
  readonly hushed?: {
    readonly text: string;
    readonly until?: EpochMs;
    readonly silence?: { readonly id: string; readonly by: string; readonly comment: string };
  };
  readonly acknowledged?: PersonsAct;
  /** Who ended it, where a person did. */
  readonly ended?: PersonsAct;
  /** What the buttons for people's acts carry: which alert is meant, and matchers of it alone. */
  readonly handle?: { readonly episode: string; readonly matchers: string };
  /** Why the message stands where it does, when that is not the channel the rule names. */
  readonly notice?: string;
  /** Set in the bot's own message that a source does not answer: no rule of a file, and no service. */
  readonly source?: {
    readonly since: EpochMs;
    /** How many rules get no answer, of how many. */
    readonly unanswered: number;
    readonly asked: number;
    readonly reason: string;
  };
  /** What could not be fetched and why: full sentences. */
  readonly gaps: readonly string[];
  /** The breach's own window: what the links and the button for the slowest traces open on. */
  readonly evidenceWindow: TimeWindow;
}

/** Everything the message of many alerts shows, or one reply of its thread. */
export interface StormView {
  /** The worst of the alerts: the objective, the traces and the links are its. */
  readonly lead: AlertView;
  readonly startedAt: EpochMs;
  /** Of all alerts; of a reply, of those that it lists. */
  readonly counts: Readonly<Record<StormMember['state'], number>>;
  /** How many series the rule watches, where that could be counted. */
  readonly watched?: number;
  /** The worst first, not all of them where there are many. */
  readonly rows: readonly StormMember[];
  readonly links: readonly Link[];
  /** Whom the message calls. */
  readonly mentions?: readonly string[];
  readonly notice?: string;
  /** Set for a reply of the thread. */
  readonly page?: { readonly number: number; readonly joinedAt: EpochMs; readonly isJoin: boolean };
}

/** What a message in a channel shows. */
export type MessageView = AlertView | StormView;

/** The slowest traces of a service. */
export interface SlowestView {
  readonly service: string;
  readonly operation?: string;
  readonly window: TimeWindow;
  readonly minDuration?: Microseconds;
  readonly rows: readonly TraceRow[];
  readonly asked: number;
  /** Whether no slower trace can be missing. */
  readonly isExact: boolean;
  /** What was proven, or why nothing is, as a sentence. */
  readonly certificate: string;
  readonly searchUrl?: string;
  /** The service's traces in other tools. */
  readonly links?: readonly Link[];
}

/** A trace's picture before it is drawn: the layout, and the same in words for those who cannot see it. */
export interface TracePicture {
  readonly waterfall: Waterfall;
  /** At most 1,000 characters. */
  readonly altText: string;
}

/** One trace at a glance. */
export interface TraceView {
  readonly traceId: string;
  readonly rootService: string;
  readonly rootOperation: string;
  readonly isError: boolean;
  /** How the root ended: `200`, `503, no healthy pod to call (UH)`; empty when it does not say. */
  readonly status: string;
  readonly start: EpochUs;
  /** From the first span's start to the last span's end: longer than the request where work went on, or spans hang on nothing. */
  readonly duration: Microseconds;
  readonly spanCount: number;
  readonly services: readonly { readonly name: string; readonly spans: number }[];
  /** What the duration of its root was spent on, the largest first; their shares sum to 1 when none is hidden. */
  readonly path: {
    /** Of the root span, which is what the request took: the whole that the shares are of. */
    readonly duration: Microseconds;
    readonly rows: readonly (PathPart & { readonly share: Ratio })[];
    /** What is left out for being small. */
    readonly hidden: { readonly count: number; readonly time: Microseconds };
    /** Opens the trace with the path's spans marked. */
    readonly url?: string;
  };
  /** Where errors began, those that a root failed of first. */
  readonly errors: readonly ErrorOrigin[];
  /** How many spans failed. */
  readonly errorCount: number;
  /** Network and proxies per pair of services, the largest first. */
  readonly hops: readonly HopEdge[];
  readonly retries: readonly Retry[];
  readonly repeats: readonly Repeat[];
  /** The largest self times that the request did not wait for. */
  readonly offPath: readonly {
    readonly service: string;
    readonly operation: string;
    readonly selfTime: Microseconds;
    readonly share: number;
  }[];
  /** The services that the critical path goes through, from the outside in. */
  readonly served: readonly ServedSpan[];
  /** Where the request stands among the others of those services, once that has been asked. */
  readonly standing?: StandingView;
  /** The request, where this is only one of the traces that carry its id, and why that may be; once that has been asked. */
  readonly request?: { readonly id: string; readonly text: string };
  /** What a reader must know before trusting it: no root, orphans, still arriving, skew. */
  readonly notices: readonly string[];
  readonly picture?: TracePicture;
  /** The same trace in other tools. */
  readonly links?: readonly Link[];
  readonly url?: string;
}

/** One request, whatever number of traces it left. */
export interface RequestView {
  readonly requestId: string;
  /** Several when the application forwards the request id but not the trace headers. */
  readonly traces: readonly TraceView[];
  /** Of the traces that the asked service has a part in, the one in which it took longest. */
  readonly inService?: { readonly service: string; readonly traceId: string };
  readonly notices: readonly string[];
}

/** Latency of a service, now and before. */
export interface LatencyView {
  readonly service: string;
  readonly window: Milliseconds;
  readonly at: EpochMs;
  readonly columns: readonly {
    readonly label: 'now' | 'an hour ago' | 'a day ago';
    readonly quantiles: readonly QuantileEstimate[];
    readonly requestsPerSecond?: number;
    readonly errorShare?: number;
  }[];
  readonly slos: readonly SloRow[];
  /** The present told apart, where the histogram's labels can. */
  readonly breakdown?: LatencyBreakdown;
  readonly chart?: ChartView;
  readonly notices: readonly string[];
  readonly links: readonly Link[];
}

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
