import { utcTime } from '../../lib/instant.ts';
import { nearestName } from '../../lib/nearest.ts';
import { type EpochMs, formatDuration, type Milliseconds, ms, SECOND } from '../../lib/units.ts';
import { ruleKey } from '../compile.ts';
import type { PlacedUse, RuleFileContents, RuleFileNote } from '../file/rule-file.ts';
import { PRESETS } from '../presets.ts';
import { inFamilyUnit } from '../queries.ts';
import { knownLabels, namesChannel, reachesChannel } from './reaches-channel.ts';

export interface LintOptions {
  readonly now: EpochMs;
  /** A Prometheus is asked as well: what it answers better is not guessed here. */
  readonly isAsked: boolean;
}

type Lint = (contents: RuleFileContents, options: LintOptions) => readonly RuleFileNote[];

const finding = (
  { place }: Pick<PlacedUse, 'place'>,
  code: RuleFileNote['code'],
  message: string,
): RuleFileNote => ({ ...place, code, message });

const missingFor: Lint = ({ uses }) =>
  uses
    .filter(({ isWithoutFor }) => isWithoutFor === true)
    .map((placed) => {
      const text = `\`${placed.use.name}\` has no \`for\`: one evaluation is enough to alert. Write \`for: 0s\` if that is meant.`;
      return finding(placed, 'missing-for', text);
    });

/** Prometheus takes them; people cannot tell the alerts apart. */
const duplicates: Lint = ({ uses }) => {
  const first = new Map<string, PlacedUse>();
  return uses.flatMap((placed) => {
    const { rule } = placed;
    if (rule === undefined) return [];
    const key = ruleKey(rule.name, rule.labels);
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, placed);
      return [];
    }
    const { file, line } = earlier.place;
    const text = `\`${key}\` stands in ${file}:${line} too: their alerts cannot be notified apart by name and labels.`;
    return [finding(placed, 'duplicate-alert', text)];
  });
};

const unrouted: Lint = ({ uses, policy, hasRoute, defaults }) => {
  const saysWhere = hasRoute || defaults.some(({ says }) => says.channel !== undefined);
  return uses.flatMap((placed) => {
    const { rule } = placed;
    if (!saysWhere || rule === undefined || reachesChannel(policy, rule)) return [];
    const text = `no route, team or severity names a \`channel\` for \`${rule.name}\`: its alerts go to the default channel (SLACK_CHANNEL).`;
    return [finding(placed, 'default-channel', text)];
  });
};

/** Digits number what is notified apart by them: `p2` is no slip for `p1`. */
const isSlip = (name: string, near: string): boolean =>
  name.replaceAll(/\d/g, '') !== near.replaceAll(/\d/g, '');

/** A team that nobody named; of severities only what looks like a slip, since most need no entry. */
const unnamed: Lint = ({ uses, defaults }) =>
  uses.flatMap((placed) => {
    const { rule } = placed;
    if (rule === undefined) return [];
    const known = knownLabels(rule);
    return (['team', 'severity'] as const).flatMap((label) => {
      const names = defaults.filter((each) => each.label === label).map(({ name }) => name);
      const name = known[label] ?? '';
      if (name === '' || names.length === 0 || names.includes(name)) return [];
      const near = nearestName(name, names);
      const isSure = near !== undefined && isSlip(name, near);
      if (label === 'severity' && !isSure) return [];
      const hint = isSure ? `did you mean \`${near}\`?` : `named there: ${[...names].sort().join(', ')}.`;
      const key = label === 'team' ? 'teams' : 'severities';
      const text = `\`${key}\` does not name the ${label} \`${name}\` of \`${rule.name}\`; ${hint}`;
      return [finding(placed, label === 'team' ? 'unknown-team' : 'unknown-severity', text)];
    });
  });

/** The tree goes before a team and a severity: what it settles for all of their alerts, theirs never does. */
const overruled: Lint = ({ policy, defaults }) =>
  defaults
    .filter(
      ({ says, label, name }) => says.channel !== undefined && namesChannel(policy.route, { [label]: name }),
    )
    .map((placed) => {
      const text = `no alert goes to the \`channel\` of \`${placed.key}.${placed.name}\`: routes with a \`channel\` take all of them before.`;
      return finding(placed, 'default-unused', text);
    });

/** What Istio's own Prometheus and most charts scrape by. */
const ASSUMED_SCRAPE: Milliseconds = ms(15 * SECOND);
const LEAST_SCRAPES = 4;

const narrowRates: Lint = ({ uses }, { isAsked }) =>
  (isAsked ? [] : uses).flatMap((placed) =>
    placed.use.rates
      .filter(({ window }) => window < LEAST_SCRAPES * ASSUMED_SCRAPE)
      .map(({ selector, window }) => {
        const assumed = `if one is every ${formatDuration(ASSUMED_SCRAPE)} (\`--against\` counts them)`;
        const text = `a rate over [${formatDuration(window)}] of \`${selector}\` is under four scrapes, ${assumed}: a missed scrape leaves a gap.`;
        return finding(placed, 'rate-window', text);
      }),
  );

/** The bounds a metric has unless somebody changed them; undefined when no preset knows it. */
function defaultBoundsOf({ family, isApproximate }: PlacedUse['use']): readonly number[] | undefined {
  if (family === undefined || isApproximate === true || family.histogram === 'native') return undefined;
  return Object.values(PRESETS).find((preset) => preset.family.metric === family.metric)?.bounds;
}

/** A threshold on a preset's metric that is none of its usual bounds. */
const offDefaultBounds: Lint = ({ uses }, { isAsked }) =>
  (isAsked ? [] : uses).flatMap((placed) => {
    const { family, thresholds } = placed.use;
    const bounds = defaultBoundsOf(placed.use);
    if (family === undefined || bounds === undefined) return [];
    return thresholds
      .filter(({ threshold }) => !bounds.includes(inFamilyUnit(family, threshold)))
      .map(({ threshold, key }) => {
        const inMs = (bound: number): Milliseconds => ms(family.unit === 's' ? bound * SECOND : bound);
        const below = bounds.findLast((bound) => inMs(bound) < threshold);
        const above = bounds.find((bound) => inMs(bound) > threshold);
        const beside = [below, above].flatMap((bound) =>
          bound === undefined ? [] : [`${Number(inMs(bound).toFixed(3))} ms`],
        );
        const text = `${formatDuration(threshold)} in \`${key}\` is none of the bucket bounds that \`${family.metric}\` has by default: beside it ${beside.length === 1 ? 'is' : 'are'} ${beside.join(' and ')}. A rule on a bound that is not there sees nothing: take one of them, or write \`approximate: true\`; \`--against\` looks which there are.`;
        return finding(placed, 'default-bounds', text);
      });
  });

const past: Lint = ({ ends }, { now }) =>
  ends
    .filter(({ endsAt }) => endsAt <= now)
    .map((end) =>
      finding(end, end.code, `${end.what} ended on ${utcTime(end.endsAt)} UTC: it does nothing any more.`),
    );

const LINTS: readonly Lint[] = [
  missingFor,
  duplicates,
  unrouted,
  unnamed,
  overruled,
  narrowRates,
  offDefaultBounds,
  past,
];

/** What is probably not meant in rule files that can be read. */
export const lintRules: Lint = (contents, options) => LINTS.flatMap((lint) => lint(contents, options));
