import type { ActiveAlert } from '../actions/alert-actions.ts';
import { serviceLabelOf } from '../lib/labels.ts';
import { isCatchAll, type Matcher, parseMatchers } from '../lib/matcher.ts';
import type { RuleSet } from '../rules/file/rule-file.ts';
import { escapeRegex } from '../rules/promql.ts';

/** The alerts that a person selects: matchers, and names of services. */
export interface AlertSelection {
  readonly matchers: readonly Matcher[];
  /** Names without a label. */
  readonly services: readonly string[];
}

/** The result of parsing; `at` is the offset of the error in the text. */
export type ParsedSelection =
  | { readonly ok: true; readonly selection: AlertSelection }
  | { readonly ok: false; readonly at: number; readonly problem: string };

/** Separates matchers. Braces around all of them are Prometheus's syntax. */
const SEPARATOR = /[\s,{}]*/y;
/** `label="quoted"`, `"dotted.label"="quoted"` or `label=bare`, with or without blanks around the operator; a bare value ends at a blank. */
const MATCHER = /(?:[A-Za-z_][\w.-]*|"(?:[^"\\]|\\.)+")\s*(?:=~|!=|!~|=)\s*(?:"(?:[^"\\]|\\.)*"|[^\s",{}]*)/y;
const BARE = /"([^"]+)"|[^\s,{}]+/y;
/** The name of a service. Any other word alone is an invalid matcher. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}_.:/-]*$/u;

const EVERYTHING = 'everything';
const EXPECTED = 'expected a service, or matchers such as severity="page", service=~"pay.*"';

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

type Item =
  | { readonly end: number; readonly matcher: Matcher }
  | { readonly end: number; readonly name: string }
  | Extract<ParsedSelection, { ok: false }>;

function parseMatcher(text: string, at: number): Item | undefined {
  const whole = matchAt(MATCHER, text, at)?.[0];
  if (whole === undefined) return undefined;
  const parsed = parseMatchers(whole);
  if (!parsed.ok) return { ok: false, at: at + parsed.at, problem: `The matcher ${parsed.message}.` };
  const [matcher] = parsed.matchers;
  return matcher === undefined ? undefined : { end: at + whole.length, matcher };
}

function parseItem(text: string, at: number): Item {
  const matcher = parseMatcher(text, at);
  if (matcher !== undefined) return matcher;
  const [whole = '', quoted] = matchAt(BARE, text, at) ?? [];
  const name = quoted ?? whole;
  if (!NAME.test(name)) return { ok: false, at, problem: `Invalid matcher: ${EXPECTED}.` };
  return { end: at + whole.length, name };
}

const MATCHES_ALL =
  'These matchers select every alert. Add the word everything if that is intended, as in everything severity!="page".';

/**
 * Parses which alerts are selected: matchers in Alertmanager's syntax, separated by commas or blanks, and names of
 * services. A selection of every alert is refused unless it contains the word `everything`. Pure.
 */
export function parseSelection(text: string): ParsedSelection {
  const matchers: Matcher[] = [];
  const names: string[] = [];
  let at = matchAt(SEPARATOR, text, 0)?.[0].length ?? 0;
  while (at < text.length) {
    const item = parseItem(text, at);
    if ('problem' in item) return item;
    if ('matcher' in item) matchers.push(item.matcher);
    else names.push(item.name);
    at = item.end + (matchAt(SEPARATOR, text, item.end)?.[0].length ?? 0);
  }
  const services = names.filter((name) => name.toLowerCase() !== EVERYTHING);
  const isEverything = services.length < names.length;
  if (names.length + matchers.length === 0)
    return { ok: false, at: 0, problem: `No alerts specified: ${EXPECTED}.` };
  if (!isEverything && services.length === 0 && isCatchAll(matchers))
    return { ok: false, at: 0, problem: MATCHES_ALL };
  return { ok: true, selection: { matchers, services } };
}

/** The label that people use for a service, whatever the alerts' own label is (`destination_service_name`). */
const SERVICE_LABEL = 'service';

/** What the names in a selection may be about. */
export interface SelectionContext {
  readonly ruleSet: RuleSet;
  /** The firing alerts. */
  readonly known: readonly ActiveAlert[];
}

/** The labels that name services: those of the rules' objectives, and those of the alerts of hand-written rules. */
export function serviceLabels({ ruleSet, known }: SelectionContext): readonly string[] {
  const ofRules = ruleSet.objectives.map(({ family }) => family.serviceLabel);
  const ofAlerts = known
    .filter(({ rule }) => rule.objective === undefined)
    .flatMap(({ alert }) => serviceLabelOf(Object.keys(alert.labels)) ?? []);
  return [...new Set([...ofRules, ...ofAlerts])].sort();
}

/** Whether alerts have the label `service`: then it is matched literally. */
const hasServiceLabel = (ruleSet: RuleSet, known: readonly ActiveAlert[]): boolean =>
  ruleSet.groups.some(({ rules }) => rules.some(({ labels }) => Object.hasOwn(labels, SERVICE_LABEL))) ||
  known.some(({ alert }) => Object.hasOwn(alert.labels, SERVICE_LABEL));

const named = (label: string, services: readonly string[]): Matcher =>
  services.length === 1
    ? { label, operator: '=', value: services[0] ?? '' }
    : { label, operator: '=~', value: services.map(escapeRegex).join('|') };

/**
 * The matchers of a selection, with its services under the label that names services here: one list for each label where
 * several do, as `labels` says. Pure.
 */
export function selectionMatchers(
  { matchers, services }: AlertSelection,
  context: SelectionContext,
  labels: readonly string[] = serviceLabels(context),
): readonly (readonly Matcher[])[] {
  const isTranslated =
    matchers.some(({ label }) => label === SERVICE_LABEL) && !hasServiceLabel(context.ruleSet, context.known);
  if (services.length === 0 && !isTranslated) return [matchers];
  return (labels.length === 0 ? [SERVICE_LABEL] : labels).map((label) => {
    const own = matchers.map((matcher) =>
      isTranslated && matcher.label === SERVICE_LABEL ? { ...matcher, label } : matcher,
    );
    return services.length === 0 ? own : [named(label, services), ...own];
  });
}
