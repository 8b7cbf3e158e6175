import { type AdjustStyle, CURRENT_STYLE, OLD_STYLE } from './adjust.ts';
import type { ErrorTag } from './query.ts';

/** The Jaegers whose answers were recorded: they differ in API versions, parameters and behavior. */
export type ServerVersion = '2.13' | '2.20' | 'after-2.20';

/** What distinguishes one version from the others. */
export interface JaegerBehavior {
  /** `/api/services`, `/api/operations` and searches at `/api/traces` exist. */
  readonly olderSearch: boolean;
  /** `/api/v3/trace-summaries` exists, and v3 takes camelCase parameters and attributes. */
  readonly currentV3: boolean;
  /** v3 answers say what they are. */
  readonly v3ContentType: 'application/json' | 'text/plain; charset=utf-8';
  /** An unknown path below /api is answered with the UI's page. */
  readonly pageForUnknownApi: boolean;
  readonly errorTag: ErrorTag;
  /** Reading a trace changes the stored copy, so the same warning piles up. */
  readonly olderReadsChangeStore: boolean;
  readonly v3ReadsChangeStore: boolean;
  readonly olderStyle: AdjustStyle;
  /** The older version sorts all tags of a span together, and leaves logs as they came. */
  readonly olderSortsTagsLast: boolean;
  readonly base64Ids: boolean;
  readonly metricsDisabled: string;
}

const SINCE_2_20: JaegerBehavior = {
  olderSearch: true,
  currentV3: true,
  v3ContentType: 'application/json',
  pageForUnknownApi: false,
  errorTag: 'true-as-status',
  olderReadsChangeStore: true,
  v3ReadsChangeStore: true,
  olderStyle: CURRENT_STYLE,
  olderSortsTagsLast: false,
  base64Ids: true,
  metricsDisabled: 'trace metrics are currently disabled - no metrics backend configured',
};

export const BEHAVIORS: Readonly<Record<ServerVersion, JaegerBehavior>> = {
  '2.13': {
    olderSearch: true,
    currentV3: false,
    v3ContentType: 'text/plain; charset=utf-8',
    pageForUnknownApi: true,
    errorTag: 'as-it-is',
    olderReadsChangeStore: false,
    v3ReadsChangeStore: true,
    olderStyle: OLD_STYLE,
    olderSortsTagsLast: true,
    base64Ids: false,
    metricsDisabled: 'metrics querying is currently disabled',
  },
  '2.20': SINCE_2_20,
  'after-2.20': {
    ...SINCE_2_20,
    olderSearch: false,
    errorTag: 'as-status',
    olderReadsChangeStore: false,
    v3ReadsChangeStore: false,
  },
};
