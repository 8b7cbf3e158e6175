import type { Alert, Storm } from '../alerts/alert.ts';
import { entriesOf } from '../messages/alert-messages.ts';
import { sharedEntries } from '../messages/decide-storms.ts';
import { loadWithActs } from '../messages/people-acts.ts';
import type { OutboxEntry, SilenceNews, Store } from '../messages/store.ts';
import type { SloRule, Slot } from '../rules/rule.ts';

/** An alert as the last evaluation and people left it, and where it belongs. */
export interface Standing {
  readonly group: string;
  readonly rule: SloRule;
  /** Of the evaluation that wrote it. */
  readonly slot: Slot;
  readonly alert: Alert;
  /** Those of its rule that last: it may share their messages. */
  readonly storms?: readonly Storm[] | undefined;
}

type Reading = Pick<Store, 'groups' | 'loadGroup' | 'acts'>;

/** All alerts of all groups, those that are over and not forgotten yet included. */
export async function knownAlerts(store: Reading): Promise<readonly Standing[]> {
  const groups = await store.groups();
  const states = await Promise.all(
    groups.map(async (group) => ({ group, state: await loadWithActs(store, group) })),
  );
  return states.flatMap(({ group, state }) =>
    Object.values(state?.rules ?? {}).flatMap(({ rule, alerts, storms }) =>
      // The bot's own watch over what it asks is nobody's to silence.
      (rule.about === undefined ? alerts : []).map((alert) => ({
        group,
        rule,
        slot: state?.slot ?? alert.seenAt,
        alert,
        storms,
      })),
    ),
  );
}

/** An alert that a person did something about. */
interface ActedOn {
  readonly of: Standing;
  /** With what the person did. */
  readonly alert: Alert;
}

/** What an act tells in the messages of its alerts. */
interface Telling {
  /** What tells this act from others on the same alert. */
  readonly name: string;
  readonly told?: SilenceNews;
}

const placeOf = ({ group, rule }: Standing) => ({ group: { id: group }, rule });

/** The alerts of each rule that has storms: they may share messages. */
function sharing(acted: readonly ActedOn[]) {
  const byStorms = new Map<readonly Storm[], { readonly of: Standing; readonly alerts: Alert[] }>();
  for (const { of, alert } of acted) {
    if (of.storms === undefined) continue;
    const same = byStorms.get(of.storms) ?? { of, alerts: [] };
    same.alerts.push(alert);
    byStorms.set(of.storms, same);
  }
  return [...byStorms].map(([storms, { of, alerts }]) => ({ storms, of, alerts }));
}

/**
 * Notifications of an act, for every message of its alerts. They carry the slot of the state that the person saw, not
 * the time of the act: an evaluation that is under way meanwhile is newer and must win.
 */
export function actEntries(acted: readonly ActedOn[], { name, told }: Telling): readonly OutboxEntry[] {
  const news = told === undefined ? {} : { told };
  const own = acted.flatMap(({ of, alert }) =>
    entriesOf(placeOf(of), of.slot, { alert, kind: 'act' }).map((entry) => ({
      ...entry,
      ...news,
      id: `${entry.episode}:${name}`,
    })),
  );
  const shared = sharing(acted).flatMap(({ of, alerts, storms }) => {
    // What is told to the thread that many alerts share is told once, whichever of them it is about.
    const what = told === undefined ? [name, ...alerts.map(({ episode }) => episode)].join(':') : name;
    return sharedEntries(placeOf(of), of.slot, { alerts, storms }).map((entry) => ({
      ...entry,
      ...news,
      id: `${entry.episode}:${what}`,
    }));
  });
  return [...own, ...shared];
}

/** Notifications of an end that a person made: each message takes its final form. */
export function endEntries(of: Standing, alert: Alert): readonly OutboxEntry[] {
  return entriesOf(placeOf(of), of.slot, { alert, kind: 'resolved' });
}
