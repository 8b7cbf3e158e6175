import { type Chance, FIRST, LAST } from './promql-samples.ts';

/** The labels that a generated vector can be grouped and matched by. */
interface Family {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'level' | 'bucket';
  readonly labels: Readonly<Record<string, readonly string[]>>;
}

const SERVICES = ['cart', 'checkout', 'payments', 'auth'];
const FAMILIES: readonly Family[] = [
  {
    name: 'requests_total',
    kind: 'counter',
    labels: { service: SERVICES, pod: ['a', 'b', 'c'], code: ['200', '404', '503'] },
  },
  { name: 'memory_megabytes', kind: 'gauge', labels: { service: SERVICES, pod: ['a', 'b', 'c'] } },
  { name: 'queue_depth', kind: 'level', labels: { service: SERVICES, pod: ['a', 'b', 'c'] } },
  {
    name: 'istio_request_duration_milliseconds_bucket',
    kind: 'bucket',
    labels: { destination_service_name: SERVICES, reporter: ['source', 'destination'] },
  },
  {
    name: 'istio_request_duration_milliseconds_count',
    kind: 'counter',
    labels: { destination_service_name: SERVICES, reporter: ['source', 'destination'] },
  },
];

const family = (name: string): Family => FAMILIES.find((one) => one.name === name) as Family;

function matcher(chance: Chance, label: string, values: readonly string[]): string {
  const value = chance.pick(values);
  const other = chance.pick(values);
  return chance.pick([
    `${label}="${value}"`,
    `${label}!="${value}"`,
    `${label}=~"${value}|${other}"`,
    `${label}!~"${value.slice(0, 1)}.*"`,
    `${label}=~".+"`,
    `${label}=~"${value.slice(0, 2)}[a-z0-9]*"`,
  ]);
}

function selector(chance: Chance, { name, labels }: Family): string {
  const matchers = Object.entries(labels)
    .filter(() => chance.with(0.25))
    .map(([label, values]) => matcher(chance, label, values));
  if (chance.with(0.05)) return `{__name__="${name}"${matchers.map((text) => `,${text}`).join('')}}`;
  return matchers.length === 0 ? name : `${name}{${matchers.join(',')}}`;
}

const modifier = (chance: Chance): string => {
  if (chance.with(0.15)) return ` offset ${chance.pick(['30s', '2m', '7m30s', '-45s'])}`;
  return chance.with(0.05) ? ` @ ${((FIRST + chance.below(LAST - FIRST)) / 1_000).toFixed(3)}` : '';
};

const RANGES = ['20s', '1m', '1m30s', '2m', '5m', '10m', '17m'];

const range = (chance: Chance, one: Family): string =>
  `${selector(chance, one)}[${chance.pick(RANGES)}]${modifier(chance)}`;

const number = (chance: Chance): string =>
  chance.pick([
    '0',
    '1',
    '2.5',
    '-3',
    '1e3',
    '0x10',
    '100.25',
    'Inf',
    'NaN',
    '.5',
    String(chance.below(500) + 0.125),
  ]);

const COUNTER_FUNCTIONS = [
  'rate',
  'rate',
  'increase',
  'irate',
  'resets',
  'count_over_time',
  'last_over_time',
];
const GAUGE_FUNCTIONS = [
  'delta',
  'idelta',
  'avg_over_time',
  'min_over_time',
  'max_over_time',
  'sum_over_time',
  'count_over_time',
  'last_over_time',
  'present_over_time',
  'changes',
  'resets',
  'rate',
];

/** A vector that keeps all labels of its family. */
function plain(chance: Chance, one: Family): string {
  if (chance.with(0.3)) return `${selector(chance, one)}${modifier(chance)}`;
  const functions = one.kind === 'counter' || one.kind === 'bucket' ? COUNTER_FUNCTIONS : GAUGE_FUNCTIONS;
  return `${chance.pick(functions)}(${range(chance, one)})`;
}

function aggregated(chance: Chance, one: Family, operand: string): string {
  const operator = chance.pick(['sum', 'avg', 'min', 'max', 'count', 'group']);
  const labels = Object.keys(one.labels).filter(() => chance.with(0.5));
  const modifierText = chance.pick(['', ` by (${labels.join(', ')})`, ` without (${labels.join(', ')})`]);
  return chance.with(0.5)
    ? `${operator}${modifierText} (${operand})`
    : `${operator}(${operand})${modifierText}`;
}

function quantile(chance: Chance): string {
  const by = chance.pick([
    'le',
    'le, destination_service_name',
    'le, reporter',
    'le, destination_service_name, reporter',
  ]);
  const buckets = range(chance, family('istio_request_duration_milliseconds_bucket'));
  const q = chance.pick(['0.5', '0.9', '0.99', '0.999', '1', '0', '1.5', '-1', 'NaN']);
  const inner = chance.with(0.2)
    ? `rate(${buckets})`
    : `sum by (${by}) (${chance.pick(['rate', 'increase'])}(${buckets}))`;
  return `histogram_quantile(${q}, ${inner})`;
}

// Without atan2: Prometheus 2.42 forgets to drop the metric name there, which 3.x mends.
const ARITHMETIC = ['+', '-', '*', '/', '%', '^'];
const COMPARISONS = ['>', '<', '>=', '<=', '==', '!='];

/** Two vectors of the same family, or of two that share labels, under an operator. */
function matched(chance: Chance): string {
  const left = family(chance.pick(['requests_total', 'memory_megabytes', 'queue_depth']));
  const right = family(chance.pick(['memory_megabytes', 'queue_depth']));
  const a = plain(chance, left);
  const b = plain(chance, right);
  const labels = chance.pick(['service, pod', 'service', 'pod', 'service, pod, code']);
  const operator = chance.pick([...ARITHMETIC, ...COMPARISONS, ...COMPARISONS.map((sign) => `${sign} bool`)]);
  return chance.pick([
    `${a} ${operator} ${b}`,
    `${a} ${operator} on(${labels}) ${b}`,
    `${a} ${operator} on(service, pod) group_left ${b}`,
    `${b} ${operator} on(service, pod) group_right() ${a}`,
    `${a} ${operator} ignoring(code) group_left ${b}`,
    `${a} ${operator} on(service) group_left(version, team) service_info`,
    `sum by (service) (${a}) ${operator} sum by (service) (${b})`,
    `${b} ${operator} ${b}`,
  ]);
}

function set(chance: Chance): string {
  const a = plain(chance, family(chance.pick(['requests_total', 'queue_depth'])));
  const b = plain(chance, family(chance.pick(['memory_megabytes', 'queue_depth'])));
  const on = chance.pick(['', ' on(service)', ' on(service, pod)', ' ignoring(code)']);
  return `(${a} ${chance.pick(COMPARISONS)} ${number(chance)}) ${chance.pick(['and', 'or', 'unless'])}${on} (${b})`;
}

function scalar(chance: Chance, depth: number): string {
  return chance.pick([
    () => number(chance),
    () => 'time()',
    () => `scalar(sum(${plain(chance, family('queue_depth'))}))`,
    () => `scalar(${plain(chance, family('queue_depth'))})`,
    () =>
      depth > 0
        ? `(${scalar(chance, depth - 1)} ${chance.pick(ARITHMETIC)} ${scalar(chance, depth - 1)})`
        : '2',
    () => `(${number(chance)} ${chance.pick(COMPARISONS)} bool ${number(chance)})`,
  ])();
}

function elementwise(chance: Chance, depth: number): string {
  const operand = vector(chance, depth - 1);
  return chance.pick([
    `abs(${operand})`,
    `ceil(${operand})`,
    `floor(${operand})`,
    `round(${operand})`,
    `round(${operand}, 5)`,
    `sgn(${operand})`,
    `sqrt(${operand})`,
    `clamp_min(${operand}, ${number(chance)})`,
    `clamp_max(${operand}, ${number(chance)})`,
    `clamp(${operand}, 0, ${number(chance)})`,
    `ln(${operand})`,
    `log2(${operand})`,
    `log10(${operand})`,
    `-${operand}`,
    `timestamp(${operand})`,
    `sort_desc(${operand})`,
    `absent(${operand})`,
    `exp(${operand} / 1e3)`,
    `+(${operand})`,
  ]);
}

/** An expression of type instant vector; most have a result. */
function vector(chance: Chance, depth: number): string {
  const one = chance.pick(FAMILIES);
  if (depth <= 0) return plain(chance, one);
  return chance.pick([
    () => plain(chance, one),
    () => aggregated(chance, one, plain(chance, one)),
    () => aggregated(chance, one, plain(chance, one)),
    () => quantile(chance),
    () => quantile(chance),
    () => matched(chance),
    () => matched(chance),
    () => set(chance),
    () => elementwise(chance, depth),
    () => `${vector(chance, depth - 1)} ${chance.pick(ARITHMETIC)} ${scalar(chance, 1)}`,
    () => `${scalar(chance, 1)} ${chance.pick(ARITHMETIC)} ${vector(chance, depth - 1)}`,
    () =>
      `${plain(chance, one)} ${chance.pick(COMPARISONS)} ${chance.with(0.3) ? 'bool ' : ''}${scalar(chance, 1)}`,
    () =>
      `${scalar(chance, 1)} ${chance.pick(COMPARISONS)} ${chance.with(0.3) ? 'bool ' : ''}${plain(chance, one)}`,
    () => `vector(${scalar(chance, 1)})`,
    () => `absent(nothing{service="cart",pod!="a",x=~"y"})`,
    () => `absent_over_time(${range(chance, one)})`,
    () =>
      `1 - ${aggregated(chance, one, plain(chance, one))} / ${aggregated(chance, one, plain(chance, one))}`,
  ])();
}

/** A query and the instants it is asked at, in ms since the epoch. */
export interface GeneratedQuery {
  readonly query: string;
  readonly start: number;
  readonly end: number;
  /** 0 for an instant query at `start`. */
  readonly step: number;
}

/** Half of the instants lie exactly on a scrape, where the ends of ranges matter. */
function instant(chance: Chance): number {
  const t = FIRST - 60_000 + chance.below(LAST - FIRST + 8 * 60_000);
  return chance.with(0.5) ? t - (t % 15_000) : t;
}

/** A remainder turns the last digit of a power, where Go and JavaScript differ, into a wholly different number. */
const amplifiesRounding = (query: string): boolean => query.includes('^') && query.includes('%');

function expression(chance: Chance): string {
  for (;;) {
    const query = chance.with(0.05) ? scalar(chance, 2) : vector(chance, 2);
    if (!amplifiesRounding(query)) return query;
  }
}

/** A random query of everything the embedded Prometheus knows; one in five is a range query. */
export function generateQuery(chance: Chance): GeneratedQuery {
  const query = expression(chance);
  const start = instant(chance);
  if (!chance.with(0.2)) return { query, start, end: start, step: 0 };
  const step = chance.pick([7_000, 15_000, 60_000, 333]);
  return { query, start, end: start + step * (1 + chance.below(30)), step };
}
