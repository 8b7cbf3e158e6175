import type { GroupedAlert } from '../alerts/alert.ts';
import type { Link, Links } from '../lib/links.ts';
import { after, before, type EpochMs, epochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import { type AlertView, alertView, type Enrichment } from './alert-view.ts';
import type { AlertGroupSnapshot, OutboxEntry } from './store.ts';

/** What the links show before the first of the alerts began. */
const LEAD_TIME: Milliseconds = ms(10 * MINUTE);

/** Everything the message of many alerts shows, or one reply of its thread. Pure. */
export function alertGroupView(of: {
  readonly entry: Pick<OutboxEntry, 'alert' | 'rule' | 'createdAt'>;
  readonly alertGroup: AlertGroupSnapshot;
  readonly links: Links;
  readonly mentions: readonly string[];
  readonly enrichment?: Enrichment | undefined;
  readonly notice?: string | undefined;
}): AlertGroupView {
  const { entry, alertGroup, links, mentions, enrichment, notice } = of;
  const { alert, rule } = entry;
  const lead = alertView({ alert, rule, links, enrichment });
  const { startedAt, counts, rows, page } = alertGroup;
  const isOver = counts.firing + counts['no-data'] === 0;
  const { watched } = enrichment ?? {};
  return {
    lead,
    startedAt,
    counts,
    rows,
    watched,
    links: linksOf(of, lead.links, lead.service),
    mentions: isOver || mentions.length === 0 ? undefined : mentions,
    notice,
    page:
      page === undefined
        ? undefined
        : { number: page.number, joinedAt: page.joinedAt, isJoin: page.joinedAt > startedAt },
  };
}

/** Links that show all alerts where there are such, and the worst of them where a page shows one service only. */
function linksOf(
  { entry, alertGroup, links }: Parameters<typeof alertGroupView>[0],
  ofLead: readonly Link[],
  service: string | undefined,
): readonly Link[] {
  const { expr, recovery } = entry.rule;
  const window = { start: before(alertGroup.startedAt, LEAD_TIME), end: lastOf(entry.createdAt, alertGroup) };
  const shown = recovery?.comparison === undefined ? expr : recovery.expr;
  const all = links.graph({ expr: shown, window });
  const traced = ofLead.find(({ label }) => label === 'Jaeger');
  return [
    ...(all === undefined ? [] : [{ label: 'Prometheus', url: all }]),
    ...(traced === undefined || service === undefined
      ? []
      : [{ label: `Jaeger: ${service}`, url: traced.url }]),
  ];
}

/** When the last of them ended, or now; never before they began. */
function lastOf(now: EpochMs, { startedAt, rows, counts }: AlertGroupSnapshot): EpochMs {
  if (counts.firing + counts['no-data'] > 0) return now;
  const ends = rows.flatMap(({ resolvedAt }) => resolvedAt ?? []);
  return epochMs(Math.max(after(startedAt, MINUTE), ...ends));
}

/** Everything the message of many alerts shows, or one reply of its thread. */
export interface AlertGroupView {
  /** The worst of the alerts: the objective, the traces and the links are its. */
  readonly lead: AlertView;
  readonly startedAt: EpochMs;
  /** Of all alerts; of a reply, of those that it lists. */
  readonly counts: Readonly<Record<GroupedAlert['state'], number>>;
  /** How many series the rule watches, where that could be counted. */
  readonly watched?: number;
  /** The worst first, not all of them where there are many. */
  readonly rows: readonly GroupedAlert[];
  readonly links: readonly Link[];
  /** Whom the message calls. */
  readonly mentions?: readonly string[];
  readonly notice?: string;
  /** Set for a reply of the thread. */
  readonly page?: { readonly number: number; readonly joinedAt: EpochMs; readonly isJoin: boolean };
}
