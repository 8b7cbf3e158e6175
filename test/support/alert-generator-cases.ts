import { MINUTE } from '../../src/lib/units.ts';

/*
 * The cases of Prometheus's compliance suite for alert generators (prometheus/compliance, alert_generator): samples and
 * what the alerts must be. Left out: the rule that reads ALERTS back, because the program writes no series.
 */

const METRIC = 'alert_generator_test_suite';
/** Between samples, in ms. */
export const SCRAPE = 15_000;

/** Samples as runs of one value: `[value, how many]`. */
type Runs = readonly (readonly [value: number, count: number])[];

/** One alert of an alert; instants in ms from the start of the samples, where the sample stands that begins it. */
export interface Episode {
  readonly labels: Readonly<Record<string, string>>;
  readonly active: number;
  readonly for: number;
  readonly end: number;
  /** Its value from an instant on. */
  readonly values: readonly (readonly [from: number, value: number])[];
  readonly annotations: (value: number) => Readonly<Record<string, string>>;
}

/** Rules, the samples they see, and what comes of them. */
export interface Case {
  readonly rules: readonly object[];
  readonly series: readonly { readonly labels: Readonly<Record<string, string>>; readonly runs: Runs }[];
  readonly alertIds: readonly Episode[];
  /** The last instant that is looked at, in ms. */
  readonly until: number;
}

const sample = (number: number): number => number * SCRAPE;
const selector = (group: string, alert: string): string =>
  `{__name__="${METRIC}", alertname="${alert}", rulegroup="${group}"}`;
const series = (group: string, alert: string, runs: Runs, more: Readonly<Record<string, string>> = {}) => ({
  labels: { __name__: METRIC, alertname: alert, rulegroup: group, ...more },
  runs,
});

function pendingFiringResolved(): Case {
  const group = 'PendingAndFiringAndResolved';
  const alert = `${group}_SimpleAlert`;
  const labels = { alertname: alert, foo: 'bar', rulegroup: group };
  const common = {
    labels,
    for: 6 * MINUTE,
    annotations: (value: number) => ({
      description: 'SimpleAlert is firing',
      summary: `The value is ${value} ${value}`,
    }),
  };
  return {
    rules: [
      {
        alert,
        expr: `${selector(group, alert)} > 10`,
        for: '6m',
        labels: { foo: 'bar', rulegroup: group },
        annotations: {
          description: 'SimpleAlert is firing',
          summary: 'The value is {{$value}} {{.Value}}',
        },
      },
    ],
    series: [
      series(group, alert, [
        [3, 1],
        [5, 3],
        [9, 4],
        [11, 13],
        [15, 32],
        [19, 16],
        [9, 20],
        [15, 45],
        [8, 16],
      ]),
    ],
    alertIds: [
      {
        ...common,
        active: sample(8),
        end: sample(69),
        values: [
          [sample(8), 11],
          [sample(21), 15],
          [sample(53), 19],
        ],
      },
      { ...common, active: sample(89), end: sample(134), values: [[sample(89), 15]] },
    ],
    until: sample(150),
  };
}

function pendingResolvedAlwaysInactive(): Case {
  const group = 'PendingAndResolved_AlwaysInactive';
  const [pending, inactive] = [`${group}_PendingAlert`, `${group}_InactiveAlert`];
  const runs: Runs = [
    [3, 1],
    [5, 3],
    [9, 4],
    [11, 11],
    [9, 1],
  ];
  return {
    rules: [
      {
        alert: pending,
        expr: `${selector(group, pending)} > 10`,
        for: '3m',
        labels: { foo: 'bar', rulegroup: group },
        annotations: { description: 'SimpleAlert is firing' },
      },
      {
        alert: inactive,
        expr: `${selector(group, inactive)} > 99`,
        for: '3m',
        labels: { ba_dum: 'tss', rulegroup: group },
        annotations: { description: 'This should never fire' },
      },
    ],
    series: [series(group, pending, runs), series(group, inactive, runs)],
    alertIds: [
      {
        labels: { alertname: pending, foo: 'bar', rulegroup: group },
        active: sample(8),
        for: 3 * MINUTE,
        end: sample(19),
        values: [[sample(8), 11]],
        annotations: () => ({ description: 'SimpleAlert is firing' }),
      },
    ],
    until: sample(60),
  };
}

/** Data that ends while its alert is pending or firing: it counts for the lookback of five minutes, and then not at all. */
function dataEnds(): Case {
  const group = 'DataEnds';
  const [pending, firing] = [`${group}_Pending`, `${group}_Firing`];
  const rule = (alert: string, wait: string) => ({
    alert,
    expr: `${selector(group, alert)} > 10`,
    for: wait,
    labels: { rulegroup: group },
  });
  const alertId = (alert: string, wait: number): Episode => ({
    labels: { alertname: alert, rulegroup: group },
    active: sample(8),
    for: wait,
    // The lookback is open on its left since 3.0.
    end: sample(18) + 5 * MINUTE,
    values: [[sample(8), 11]],
    annotations: () => ({}),
  });
  const runs: Runs = [
    [9, 8],
    [11, 11],
  ];
  return {
    rules: [rule(pending, '10m'), rule(firing, '1m')],
    series: [series(group, pending, runs), series(group, firing, runs)],
    alertIds: [alertId(pending, 10 * MINUTE), alertId(firing, MINUTE)],
    until: sample(60),
  };
}

function zeroForSmallFor(): Case {
  const group = 'ZeroFor_SmallFor';
  const [zero, small] = [`${group}_ZeroFor`, `${group}_SmallFor`];
  const runs: Runs = [
    [3, 1],
    [5, 3],
    [9, 4],
    [15, 13],
    [9, 72],
    [11, 13],
    [9, 1],
  ];
  const zeroFor = (queried: string) => ({
    labels: { alertname: zero, foo: 'bar', rulegroup: group },
    for: 0,
    annotations: () => ({
      description: 'This should immediately fire',
      template_test: '1.049M 1Mi 2m 15s 95.9% 2022-01-25 12:36:43 +0000 UTC',
      template_query_test: `Args are: foo bar 99. first_id:101,${queried}`,
    }),
  });
  const forTemplate = [1, 2, 3].map((number) => ({
    labels: {
      __name__: METRIC,
      rulegroup: group,
      for: 'template',
      id: `10${number}`,
      __value__: `val${number}`,
    },
    runs: [[number, 28], [2 * number, 201]] as Runs, // biome-ignore format: a row
  }));
  return {
    rules: [
      {
        alert: zero,
        expr: `${selector(group, zero)} > 10`,
        labels: { foo: 'bar', rulegroup: group },
        annotations: {
          description: 'This should immediately fire',
          template_test:
            '{{humanize 1048576}} {{humanize1024 1048576}} {{humanizeDuration 135.3563}} {{humanizePercentage 0.959}} {{humanizeTimestamp 1643114203}}',
          template_query_test: `{{ define "testtemplate" }}Args are: {{.arg0}} {{.arg1}} {{.arg2}}. {{ with query "${METRIC}{rulegroup='${group}',for='template'}" }}first_id:{{ . | sortByLabel "id" | first | label "id"}},{{ range $v := sortByLabel "id" .}}{{ . | label "id" }}:{{ . | value }},{{end}}{{end}}{{ end }}{{ template "testtemplate" (args "foo" "bar" 99) }}`,
        },
      },
      {
        alert: small,
        expr: `${selector(group, small)} > 13`,
        for: '15s',
        labels: { ba_dum: 'tss', rulegroup: group },
        annotations: {
          description: 'This should fire after an interval',
          template_test:
            '{{title "this part"}} {{toUpper "is testing"}} {{toLower "THE STRINGS"}}. {{ stripPort "[::1]:6006"}} {{ stripPort "127.0.0.1:4004"}}. {{parseDuration "2h10m15s"}}. {{if match "[0-9]+" "1234"}}{{reReplaceAll "r.*d" "replaced" "rpld text"}}{{end}}. {{if match "[0-9]+$" "1234a"}}WRONG{{end}}.',
        },
      },
    ],
    series: [series(group, zero, runs), series(group, small, runs), ...forTemplate],
    alertIds: [
      {
        ...zeroFor('101:1,102:2,103:3,'),
        active: sample(8),
        end: sample(21),
        values: [[sample(8), 15]],
      },
      {
        ...zeroFor('101:2,102:4,103:6,'),
        active: sample(93),
        end: sample(106),
        values: [[sample(93), 11]],
      },
      {
        labels: { alertname: small, ba_dum: 'tss', rulegroup: group },
        active: sample(8),
        for: 15_000,
        end: sample(21),
        values: [[sample(8), 15]],
        annotations: () => ({
          description: 'This should fire after an interval',
          template_test: 'This Part IS TESTING the strings. ::1 127.0.0.1. 7815. replaced text. .',
        }),
      },
    ],
    until: sample(127),
  };
}

function newAlerts(): Case {
  const group = 'NewAlerts_OrderCheck';
  const alert = `${group}_Rule1`;
  const alertId = (variant: string, active: number, end: number): Episode => ({
    labels: { alertname: alert, foo: 'bar', rulegroup: group, variant },
    active,
    for: 3 * MINUTE,
    end,
    values: [[active, 11]],
    annotations: () => ({ description: `More alerts later. It was foo  of ${alert}.` }),
  });
  return {
    rules: [
      {
        alert,
        expr: `${selector(group, alert)} > 10`,
        for: '3m',
        labels: { foo: 'bar', rulegroup: group },
        // The labels are those of the result: not what the rule adds.
        annotations: {
          description: 'More alerts later. It was foo {{ .Labels.foo }} of {{ $labels.alertname }}.',
        },
      },
    ],
    series: [
      series(group, alert, [[1, 8], [11, 65], [9, 21]], { variant: 'one' }), // biome-ignore format: a row
      series(group, alert, [[1, 32], [11, 33], [9, 21]], { variant: 'two' }), // biome-ignore format: a row
    ],
    alertIds: [alertId('one', sample(8), sample(73)), alertId('two', sample(32), sample(65))],
    until: sample(94),
  };
}

/** By their names there. */
export const ALERT_GENERATOR_CASES: Readonly<Record<string, () => Case>> = {
  PendingAndFiringAndResolved: pendingFiringResolved,
  PendingAndResolved_AlwaysInactive: pendingResolvedAlwaysInactive,
  ZeroFor_SmallFor: zeroForSmallFor,
  NewAlerts_OrderCheck: newAlerts,
  'data that ends': dataEnds,
};
