import type { Alert, GroupState, RuleState } from '../alerts/alert.ts';
import { UpstreamError } from '../lib/errors.ts';
import { namespaceOf, serviceOf } from '../messages/alert-view.ts';
import type { Silence } from '../policy/silence.ts';
import {
  createSuppression,
  foldedByCause,
  hushOf,
  type Neighbour,
  type NoisePolicy,
  type RuleAlerts,
  type Surroundings,
  unsuppressed,
} from '../policy/suppress.ts';
import type { LocalTimeIn } from '../policy/time-interval.ts';
import type { SloRule, Slot } from '../rules/rule.ts';
import type { LearnCalls } from './learn-calls.ts';
import type { NeighbourStates } from './neighbour-states.ts';

/** What deciding about suppression needs. Without a policy everything is told. */
export interface HoldBackParts {
  readonly states: Pick<NeighbourStates, 'others'>;
  readonly noise?: {
    readonly policy: () => NoisePolicy;
    readonly localTime: LocalTimeIn;
    readonly learnCalls: LearnCalls;
    /** Silences that people made; absent: there are only those of the rule files. */
    readonly silences?: () => Promise<readonly Silence[]>;
  };
}

/** The alerts with what holds them back now, and those whose message shows something new. */
export interface HeldBack {
  readonly alerts: readonly Alert[];
  readonly changed: ReadonlySet<string>;
}

function neighbourOf(alert: Alert, rule: SloRule): Neighbour {
  const service = serviceOf(alert, rule);
  const namespace = namespaceOf(alert);
  const full = service === undefined || namespace === undefined ? service : `${service}.${namespace}`;
  return { alert, rule, service: full };
}

const neighboursOf = ({ rule, alerts }: RuleAlerts): readonly Neighbour[] =>
  alerts.map((alert) => neighbourOf(alert, rule));

const isStanding = ({ alert }: Neighbour): boolean => alert.state !== 'resolved';

const statesOf = (state: GroupState | undefined): readonly RuleState[] => Object.values(state?.rules ?? {});

/** All alerts of the other groups. */
const othersOf = async ({ states }: HoldBackParts, group: string): Promise<readonly Neighbour[]> =>
  (await states.others(group)).flatMap(statesOf).flatMap(neighboursOf);

const HUSHES: ReadonlySet<string> = new Set(['silence', 'maintenance']);

/** A neighbour as silences and planned work leave it at this slot, whatever its own group knew when it was evaluated. */
function hushed(
  neighbour: Neighbour,
  policy: NoisePolicy,
  at: Pick<Surroundings, 'slot' | 'localTime'>,
): Neighbour {
  const hush = hushOf(neighbour.alert, policy, at);
  const { suppressed, ...alert } = neighbour.alert;
  if (hush !== undefined)
    return { ...neighbour, alert: { ...alert, suppressed: { ...hush, since: at.slot } } };
  return suppressed !== undefined && HUSHES.has(suppressed.kind) ? { ...neighbour, alert } : neighbour;
}

type NoisyParts = HoldBackParts & Required<Pick<HoldBackParts, 'noise'>>;

/**
 * The rule files' policy, with the silences of people beside the files' own. A store that does not answer fails the
 * evaluation, as it does everywhere: nothing is told and nothing is lost, since the next tick begins with the same
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
  { group, slot, asOf, own }: Evaluation & { readonly own: readonly Neighbour[] },
): Promise<Surroundings> {
  const { localTime, learnCalls } = parts.noise;
  const inhibits = policy.inhibitRules.length > 0 || policy.inhibitsByCallGraph;
  // Nothing fires here: nobody is held back, and what goes on elsewhere does not matter.
  if (!inhibits || !own.some(({ alert }) => alert.state === 'firing'))
    return { slot, localTime, neighbours: own };
  const neighbours = [...own, ...(await othersOf(parts, group))].map((each) =>
    hushed(each, policy, { slot, localTime }),
  );
  const isNeeded = policy.inhibitsByCallGraph && neighbours.filter(isStanding).length > 1;
  const calls = isNeeded ? await learnCalls(asOf) : undefined;
  return { slot, localTime, neighbours, calls };
}

function withSuppression(neighbour: Neighbour, suppressionOf: ReturnType<typeof createSuppression>): Alert {
  const alert = unsuppressed(neighbour.alert);
  if (alert.state !== 'firing') return alert;
  const suppressed = suppressionOf(neighbour);
  return suppressed === undefined ? alert : { ...alert, suppressed };
}

const sameNames = (a: readonly string[], b: readonly string[]): boolean => a.join('\n') === b.join('\n');

/** The alert with the services it stands for; a resolved one keeps what it last stood for. */
function withFolded(alert: Alert, folded: ReturnType<typeof foldedByCause>): Alert {
  if (alert.state === 'resolved') return alert;
  const alsoSlow = folded.get(alert.episode);
  if (alsoSlow === undefined && alert.alsoSlow === undefined) return alert;
  const { alsoSlow: _before, ...rest } = alert;
  return alsoSlow === undefined ? rest : { ...rest, alsoSlow };
}

/** Held back for a reason that is found later, of the messages told so far or of the routes' times. */
const FOUND_LATER: ReadonlySet<string> = new Set(['flapping', 'time']);

/** What holds an alert back, so that its message can be brought up to date when that changes. */
const hushName = (alert: Alert | undefined): string => {
  const hush = alert?.suppressed;
  if (hush === undefined || FOUND_LATER.has(hush.kind)) return '';
  return `${hush.kind} ${hush.silence?.id ?? hush.by}`;
};

/** What was evaluated: the group, its slot, and the instant its queries looked at. */
interface Evaluation {
  readonly group: string;
  readonly slot: Slot;
  readonly asOf: Slot;
}

/** Decides for all alerts of a group what holds their messages back, each rule's alerts in their order. */
export async function holdBack(
  parts: HoldBackParts,
  evaluation: Evaluation,
  rules: readonly RuleAlerts[],
): Promise<readonly HeldBack[]> {
  const { noise } = parts;
  if (noise === undefined) return rules.map(({ alerts }) => ({ alerts, changed: new Set() }));
  const noisy: NoisyParts = { ...parts, noise };
  const own = rules.map(neighboursOf);
  // Where nothing fires nothing is held back, and nobody has to be asked.
  const fires = own.flat().some(({ alert }) => alert.state === 'firing');
  const policy = fires ? await policyNow(noisy) : noise.policy();
  const around = await lookAround(noisy, policy, { ...evaluation, own: own.flat() });
  const suppressionOf = createSuppression(policy, around);
  const settled = own.map((neighbours) =>
    neighbours.map((each) => ({ ...each, alert: withSuppression(each, suppressionOf) })),
  );
  const others = around.neighbours.slice(own.flat().length);
  const folded = foldedByCause([...settled.flat(), ...others]);
  return settled.map((neighbours, index) => {
    const alerts = neighbours.map(({ alert }) => withFolded(alert, folded));
    const changed = alerts.filter((alert, i) => {
      const before = rules[index]?.alerts[i];
      return !sameNames(alert.alsoSlow ?? [], before?.alsoSlow ?? []) || hushName(alert) !== hushName(before);
    });
    return { alerts, changed: new Set(changed.map(({ fingerprint }) => fingerprint)) };
  });
}
