import { nearestName } from '../../lib/nearest.ts';
import { type EpochMs, formatDuration, type Milliseconds, ms, SECOND, utcTime } from '../../lib/units.ts';
import { ruleKey } from '../compile.ts';
import { PRESETS } from '../presets.ts';
import { inFamilyUnit } from '../queries.ts';
import type { SloRule } from '../rule.ts';
import type { FindingCode, RuleUse } from '../rule-use.ts';
import type { LocatedUse } from './groups.ts';
import type { PolicyEnd, RoutingDefault } from './policy.ts';
import { knownLabels, reachesChannel, setsChannel } from './route.ts';
import type { RuleFileContents } from './rule-file.ts';
import type { RuleFileLocation, RuleFileNote } from './section.ts';
import { alternatives } from './section.ts';

export interface LintOptions {
  readonly now: EpochMs;
  /** The rules are checked against a Prometheus as well: checks that it does better are skipped. */
  readonly hasPrometheus: boolean;
}

type Lint = (contents: RuleFileContents, options: LintOptions) => readonly RuleFileNote[];

const noteAt = (
  { location }: { readonly location: RuleFileLocation },
  code: FindingCode,
  message: string,
): RuleFileNote => ({ ...location, code, message });

/** The rules with their locations. Recording rules have no rule. */
const rulesIn = ({ uses }: RuleFileContents) =>
  uses.flatMap(({ rule, location }) => (rule === undefined ? [] : [{ rule, location }]));

const missingFor: Lint = ({ uses }) =>
  uses
    .filter(({ isWithoutFor }) => isWithoutFor === true)
    .map((located) => {
      const message = `\`${located.use.name}\` has no \`for\`: a single evaluation fires it. Add \`for: 0s\` if that is intended.`;
      return noteAt(located, 'missing-for', message);
    });

/** Without a service an alert has no traces and no link to a dashboard. */
const withoutService: Lint = (contents) =>
  rulesIn(contents)
    .filter(({ rule }) => rule.service?.from === 'none')
    .map((located) => {
      const message = `\`${located.rule.name}\` names no service, so its messages have no traces. Group by a service label, match one (\`service="cart"\`), or add the label \`service\` to the rule.`;
      return noteAt(located, 'no-service', message);
    });

/** In doubt an alert ends as in Prometheus. */
const withoutRecovery: Lint = (contents) =>
  rulesIn(contents)
    .filter(({ rule }) => rule.recovery === undefined)
    .map((located) => {
      const message = `\`${located.rule.name}\` has no recovery condition, because its expression is not a comparison of plain series with a constant: its alerts end when the expression no longer returns them.`;
      return noteAt(located, 'no-recovery', message);
    });

/** Prometheus accepts them, but their alerts have the same labels. */
const duplicates: Lint = (contents) => {
  const first = new Map<string, RuleFileLocation>();
  return rulesIn(contents).flatMap((located) => {
    const { rule, location } = located;
    const key = ruleKey(rule.name, rule.labels);
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, location);
      return [];
    }
    const message = `duplicate alert \`${key}\`: ${earlier.file}:${earlier.line} has the same name and labels.`;
    return [noteAt(located, 'duplicate-alert', message)];
  });
};

const unrouted: Lint = (contents) => {
  const { policy, hasRoute, defaults } = contents;
  if (!hasRoute && defaults.every(({ sets }) => sets.channel === undefined)) return [];
  return rulesIn(contents)
    .filter(({ rule }) => !reachesChannel(policy, rule))
    .map((located) => {
      const message = `no route, team or severity sets a \`channel\` for \`${located.rule.name}\`: its alerts go to the default channel (SLACK_CHANNEL).`;
      return noteAt(located, 'default-channel', message);
    });
};

/** Names that differ in digits are different names: `p2` is not a misspelled `p1`. */
const isMisspelled = (name: string, near: string): boolean =>
  name.replaceAll(/\d/g, '') !== near.replaceAll(/\d/g, '');

/** A team that is not in `teams`; a severity only when it looks misspelled, since most need no entry. */
const unknownNames: Lint = (contents) =>
  rulesIn(contents).flatMap((located) =>
    (['team', 'severity'] as const).flatMap((label) => {
      const message = unknownName(located.rule, label, contents.defaults);
      return message === undefined ? [] : [noteAt(located, `unknown-${label}`, message)];
    }),
  );

function unknownName(
  rule: SloRule,
  label: 'team' | 'severity',
  defaults: readonly RoutingDefault[],
): string | undefined {
  const own = defaults.filter((each) => each.label === label);
  const names = own.map(({ name }) => name);
  const name = knownLabels(rule)[label] ?? '';
  if (name === '' || own[0] === undefined || names.includes(name)) return undefined;
  const near = nearestName(name, names);
  const isTypo = near !== undefined && isMisspelled(name, near);
  if (label === 'severity' && !isTypo) return undefined;
  const hint = isTypo ? `did you mean \`${near}\`?` : `expected ${alternatives([...names].sort())}.`;
  return `\`${rule.name}\` has the ${label} \`${name}\`, which is not in \`${own[0].key}\`: ${hint}`;
}

/** Routes come before teams and severities: a route may set the channel for all their alerts. */
const unusedDefaults: Lint = ({ policy, defaults }) =>
  defaults
    .filter(
      ({ sets, label, name }) => sets.channel !== undefined && setsChannel(policy.route, { [label]: name }),
    )
    .map((located) => {
      const message = `unused \`channel\` of \`${located.key}.${located.name}\`: routes with a \`channel\` take all its alerts.`;
      return noteAt(located, 'default-unused', message);
    });

/** The default of Istio's own Prometheus and of most charts. */
const ASSUMED_SCRAPE_INTERVAL: Milliseconds = ms(15 * SECOND);
const MIN_SCRAPES = 4;

const narrowRates: Lint = ({ uses }, { hasPrometheus }) =>
  (hasPrometheus ? [] : uses).flatMap((located) =>
    located.use.rates
      .filter(({ window }) => window < MIN_SCRAPES * ASSUMED_SCRAPE_INTERVAL)
      .map(({ selector, window }) => {
        const assumed = `assuming a scrape every ${formatDuration(ASSUMED_SCRAPE_INTERVAL)} (\`--against\` counts the samples)`;
        const message = `the rate over [${formatDuration(window)}] of \`${selector}\` covers fewer than four scrapes, ${assumed}: a missed scrape leaves a gap. Use a longer window.`;
        return noteAt(located, 'rate-window', message);
      }),
  );

/** The default bucket bounds of a metric; undefined when no preset has it. */
function defaultBoundsOf({ family, isApproximate }: RuleUse): readonly number[] | undefined {
  if (family === undefined || isApproximate === true || family.histogram === 'native') return undefined;
  return Object.values(PRESETS).find((preset) => preset.family.metric === family.metric)?.bounds;
}

/** Thresholds on a preset's metric that are not among its default bucket bounds. */
const offDefaultBounds: Lint = ({ uses }, { hasPrometheus }) =>
  (hasPrometheus ? [] : uses).flatMap((located) => {
    const { family, thresholds } = located.use;
    const bounds = defaultBoundsOf(located.use);
    if (family === undefined || bounds === undefined) return [];
    return thresholds
      .filter(({ threshold }) => !bounds.includes(inFamilyUnit(family, threshold)))
      .map((used) => noteAt(located, 'default-bounds', offBoundsMessage(used, located, bounds)));
  });

function offBoundsMessage(
  { threshold, key }: RuleUse['thresholds'][number],
  { use: { family } }: LocatedUse,
  bounds: readonly number[],
): string {
  const inMs = bounds.map((bound) => ms(Number((family?.unit === 's' ? bound * SECOND : bound).toFixed(3))));
  const below = inMs.findLast((bound) => bound < threshold);
  const above = inMs.find((bound) => bound > threshold);
  const nearest = [below, above].flatMap((bound) =>
    // A rule file has no unit below a millisecond.
    bound === undefined ? [] : [bound < 1 ? `${bound}ms` : formatDuration(bound)],
  );
  return `invalid \`${key}\`: found ${formatDuration(threshold)}, expected a bucket bound of \`${family?.metric ?? ''}\`, by default ${nearest.join(' or ')}. Without that bound the rule sees no data. Use a bound or \`approximate: true\`; \`--against\` checks the actual bounds.`;
}

const endedNote = (end: PolicyEnd): RuleFileNote =>
  noteAt(end, end.code, `${end.subject} ended at ${utcTime(end.endsAt)} UTC and has no effect.`);

const expired: Lint = ({ ends }, { now }) => ends.filter(({ endsAt }) => endsAt <= now).map(endedNote);

const LINTS: readonly Lint[] = [
  missingFor,
  withoutService,
  withoutRecovery,
  duplicates,
  unrouted,
  unknownNames,
  unusedDefaults,
  narrowRates,
  offDefaultBounds,
  expired,
];

/** Likely problems in rule files without errors. */
export const lintRules: Lint = (contents, options) => LINTS.flatMap((lint) => lint(contents, options));
