import type { Alert, RuleGroupState, RuleState } from '../alerts/alert.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { EpochMs } from '../lib/units.ts';
import { namespaceOf, serviceOf } from '../messages/alert-subject.ts';
import type { Silence } from '../policy/silence.ts';
import {
  createSuppression,
  foldedByCause,
  type NoisePolicy,
  type OtherAlert,
  type RuleAlerts,
  type Surroundings,
  suppressionOf,
  unsuppressed,
} from '../policy/suppress.ts';
import type { LocalTimeIn } from '../policy/time-interval.ts';
import type { SloRule } from '../rules/rule.ts';
import type { LearnCalls } from './learn-calls.ts';
import type { OtherGroupStates } from './other-group-states.ts';

/** What deciding about suppression needs. Without a policy everything is notified. */
export interface SuppressParts {
  readonly states: Pick<OtherGroupStates, 'others'>;
  readonly noise?: {
    readonly policy: () => NoisePolicy;
    readonly localTime: LocalTimeIn;
    readonly learnCalls: LearnCalls;
    /** Silences that people made; absent: there are only those of the rule files. */
    readonly silences?: () => Promise<readonly Silence[]>;
  };
}

/** The alerts with what holds them back now, and those whose message shows something new. */
export interface SuppressedAlerts {
  readonly alerts: readonly Alert[];
  readonly changed: ReadonlySet<string>;
}

function otherAlertOf(alert: Alert, rule: SloRule): OtherAlert {
  const service = serviceOf(alert, rule);
  const namespace = namespaceOf(alert);
  const full = service === undefined || namespace === undefined ? service : `${service}.${namespace}`;
  return { alert, rule, service: full };
}

const otherAlertsOf = ({ rule, alerts }: RuleAlerts): readonly OtherAlert[] =>
  alerts.map((alert) => otherAlertOf(alert, rule));

const isStanding = ({ alert }: OtherAlert): boolean => alert.state !== 'resolved';

const statesOf = (state: RuleGroupState | undefined): readonly RuleState[] =>
  Object.values(state?.rules ?? {});

/** All alerts of the other groups. */
const othersOf = async ({ states }: SuppressParts, group: string): Promise<readonly OtherAlert[]> =>
  (await states.others(group)).flatMap(statesOf).flatMap(otherAlertsOf);

const HUSHES: ReadonlySet<string> = new Set(['silence', 'maintenance']);

/** An other alert as silences and planned work leave it at this evaluation time, whatever its own group knew when it was evaluated. */
function suppressed(
  otherAlert: OtherAlert,
  policy: NoisePolicy,
  at: Pick<Surroundings, 'evalTime' | 'localTime'>,
): OtherAlert {
  const suppression = suppressionOf(otherAlert.alert, policy, at);
  const { suppressed, ...alert } = otherAlert.alert;
  if (suppression !== undefined)
    return { ...otherAlert, alert: { ...alert, suppressed: { ...suppression, since: at.evalTime } } };
  return suppressed !== undefined && HUSHES.has(suppressed.kind) ? { ...otherAlert, alert } : otherAlert;
}

type NoisyParts = SuppressParts & Required<Pick<SuppressParts, 'noise'>>;

/**
 * The rule files' policy, with the silences of people beside the files' own. A store that does not answer fails the
 * evaluation, as it does everywhere: nothing is notified and nothing is lost, since the next tick begins with the same
 * state. A silence that cannot be read holds nothing back: better a message too many than a breach nobody hears of.
 */
async function policyNow({ noise }: NoisyParts): Promise<NoisePolicy> {
  const policy = noise.policy();
  try {
    const silences = (await noise.silences?.()) ?? [];
    return silences.length === 0 ? policy : { ...policy, silences: [...policy.silences, ...silences] };
  } catch (error) {
    if (error instanceof UpstreamError && error.code === 'bad-answer') return policy;
    throw error;
  }
}

async function lookAround(
  parts: NoisyParts,
  policy: NoisePolicy,
  { group, evalTime, asOf, own }: Evaluation & { readonly own: readonly OtherAlert[] },
): Promise<Surroundings> {
  const { localTime, learnCalls } = parts.noise;
  const inhibits = policy.inhibitRules.length > 0 || policy.inhibitsByCallGraph;
  // Nothing fires here: nobody is held back, and what goes on elsewhere does not matter.
  if (!inhibits || !own.some(({ alert }) => alert.state === 'firing'))
    return { evalTime, localTime, otherAlerts: own };
  const otherAlerts = [...own, ...(await othersOf(parts, group))].map((each) =>
    suppressed(each, policy, { evalTime, localTime }),
  );
  const isNeeded = policy.inhibitsByCallGraph && otherAlerts.filter(isStanding).length > 1;
  const calls = isNeeded ? await learnCalls(asOf) : undefined;
  return { evalTime, localTime, otherAlerts, calls };
}

function withSuppression(otherAlert: OtherAlert, suppressionOf: ReturnType<typeof createSuppression>): Alert {
  const alert = unsuppressed(otherAlert.alert);
  if (alert.state !== 'firing') return alert;
  const suppressed = suppressionOf(otherAlert);
  return suppressed === undefined ? alert : { ...alert, suppressed };
}

const sameNames = (a: readonly string[], b: readonly string[]): boolean => a.join('\n') === b.join('\n');

/** The alert with the services it stands for; a resolved one keeps what it last stood for. */
function withFolded(alert: Alert, folded: ReturnType<typeof foldedByCause>): Alert {
  if (alert.state === 'resolved') return alert;
  const alsoSlow = folded.get(alert.alertId);
  if (alsoSlow === undefined && alert.alsoSlow === undefined) return alert;
  const { alsoSlow: _before, ...rest } = alert;
  return alsoSlow === undefined ? rest : { ...rest, alsoSlow };
}

/** Held back for a reason that is found later, of the messages notified so far or of the routes' times. */
const FOUND_LATER: ReadonlySet<string> = new Set(['flapping', 'time']);

/** What holds an alert back, so that its message can be brought up to date when that changes. */
const suppressionName = (alert: Alert | undefined): string => {
  const suppression = alert?.suppressed;
  if (suppression === undefined || FOUND_LATER.has(suppression.kind)) return '';
  return `${suppression.kind} ${suppression.silence?.id ?? suppression.by}`;
};

/** What was evaluated: the group, its evaluation time, and the instant its queries looked at. */
interface Evaluation {
  readonly group: string;
  readonly evalTime: EpochMs;
  readonly asOf: EpochMs;
}

/** Decides for all alerts of a group what holds their messages back, each rule's alerts in their order. */
export async function suppressAlerts(
  parts: SuppressParts,
  evaluation: Evaluation,
  rules: readonly RuleAlerts[],
): Promise<readonly SuppressedAlerts[]> {
  const { noise } = parts;
  if (noise === undefined) return rules.map(({ alerts }) => ({ alerts, changed: new Set() }));
  const noisy: NoisyParts = { ...parts, noise };
  const own = rules.map(otherAlertsOf);
  // Where nothing fires nothing is held back, and nobody has to be asked.
  const fires = own.flat().some(({ alert }) => alert.state === 'firing');
  const policy = fires ? await policyNow(noisy) : noise.policy();
  const around = await lookAround(noisy, policy, { ...evaluation, own: own.flat() });
  const suppressionOf = createSuppression(policy, around);
  const settled = own.map((otherAlerts) =>
    otherAlerts.map((each) => ({ ...each, alert: withSuppression(each, suppressionOf) })),
  );
  const others = around.otherAlerts.slice(own.flat().length);
  const folded = foldedByCause([...settled.flat(), ...others]);
  return settled.map((otherAlerts, index) => {
    const alerts = otherAlerts.map(({ alert }) => withFolded(alert, folded));
    const changed = alerts.filter((alert, i) => {
      const before = rules[index]?.alerts[i];
      return (
        !sameNames(alert.alsoSlow ?? [], before?.alsoSlow ?? []) ||
        suppressionName(alert) !== suppressionName(before)
      );
    });
    return { alerts, changed: new Set(changed.map(({ fingerprint }) => fingerprint)) };
  });
}
