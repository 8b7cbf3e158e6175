import { z } from 'zod';
import type { Alert, GroupedAlert, PostedTo, Suppression, UserAction } from '../alerts/alert.ts';
import type { Labels } from '../lib/labels.ts';
import { type EpochMs, epochMs } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';
import type { DesiredMessage } from './store.ts';

/*
 * Every open message carries in its metadata what is needed to continue it when the store is lost: whose alert it shows,
 * since when, and what cannot be computed again. Slack takes about 2,000 bytes of metadata, so that long label sets and
 * names are left out: an alert without labels gets them from the next result, by its fingerprint.
 */

/** An alert as its message carries it. */
export interface RestoredAlert {
  readonly fingerprint: string;
  readonly activeAt: EpochMs;
  readonly firedAt: EpochMs;
  readonly value?: number;
  readonly peak?: number;
  readonly noDataSince?: EpochMs;
  /** Absent: they did not fit. */
  readonly labels?: Labels;
  /** Those that the result has, without the rule's. */
  readonly series?: Labels;
  /** Of an alert in a group: its name in the table. */
  readonly name?: string;
  readonly acknowledged?: UserAction;
  /** The silence made in Slack that suppresses it. */
  readonly silence?: { readonly id: string; readonly by: string; readonly until: EpochMs };
  readonly postedTo: readonly PostedTo[];
}

/** What an open message shows. */
export interface RestorePoint {
  /** The rule group. */
  readonly group: string;
  /** The rule's key in it. */
  readonly rule: string;
  /** The evaluation time of what it shows. */
  readonly asOf: EpochMs;
  /** The alert; of an alert group, those that the message or the reply lists and that are open. */
  readonly alerts: readonly RestoredAlert[];
  /** Set for the message of an alert group. */
  readonly alertGroup?: { readonly startedAt: EpochMs; readonly channel?: string };
  /** Set for a reply in the thread of an alert group. */
  readonly reply?: { readonly parent: string; readonly number: number; readonly joinedAt: EpochMs };
}

/** The largest text of a restore point, in bytes: with the message's keys it stays below Slack's limit for metadata. */
const MAX_BYTES = 1_600;

const seconds = (at: EpochMs): number => at / 1_000;
const instant = z.number().transform((s) => epochMs(s * 1_000));
const channelSchema = z.string().nullish();

/** An alert of a group: fingerprint, since, peak, name. */
const memberSchema = z.tuple([z.string(), z.number(), z.number().nullable(), z.string().optional()]);

/** Without names they are one text: fifty of them are as long as Slack accepts. */
const membersSchema = z.union([
  z.array(memberSchema),
  z.string().transform((text) =>
    text
      .split(' ')
      .filter((member) => member !== '')
      .map((member): z.infer<typeof memberSchema> => {
        const [print = '', since = '', peak = ''] = member.split(',');
        return [print, Number.parseInt(since, 36), peak === '' ? null : Number(peak)];
      }),
  ),
]);
const actionSchema = z.tuple([z.string(), instant]);

const shared = { g: z.string(), r: z.string(), t: instant };
const alertSchema = z.object({
  ...shared,
  f: z.string(),
  a: instant,
  b: instant,
  v: z.number().optional(),
  p: z.number().optional(),
  n: instant.optional(),
  l: z.record(z.string(), z.string()).optional(),
  s: z.array(z.string()).optional(),
  k: actionSchema.optional(),
  w: z.tuple([z.string(), z.string(), instant]).optional(),
  d: z.array(z.tuple([channelSchema, channelSchema])),
});
const groupSchema = z.object({ ...shared, m: membersSchema, a: instant, c: channelSchema });
const replySchema = z.object({
  ...shared,
  m: membersSchema,
  q: z.string(),
  i: z.number().int().positive(),
  a: instant,
  c: channelSchema,
});

/** JSON has no NaN and no infinities: such a value is left out. */
const finite = (value: number): number | undefined =>
  Number.isFinite(value) ? Number(value.toPrecision(6)) : undefined;

/**
 * The rule adds to the result's labels and seldom changes one: then their names are enough. Labels that are not known, or
 * must not be shown, are left out.
 */
const labelFields = ({ labels, series, isUnlabeled }: Alert) =>
  isUnlabeled !== true && Object.keys(series).every((name) => labels[name] === series[name])
    ? { l: labels, s: Object.keys(series) }
    : {};

function silenceField({ silence, until }: Suppression): readonly [string, string, number] | undefined {
  return silence === undefined || until === undefined ? undefined : [silence.id, silence.by, seconds(until)];
}

function alertFields({ alert, destination }: DesiredMessage) {
  const { fingerprint, activeAt, firedAt = activeAt, noDataSince, acknowledged } = alert;
  const posted = alert.postedTo ?? [{ channel: destination?.channel, mentions: [] }];
  return {
    f: fingerprint,
    a: seconds(activeAt),
    b: seconds(firedAt),
    v: finite(alert.value),
    p: finite(alert.peak),
    n: noDataSince === undefined ? undefined : seconds(noDataSince),
    ...labelFields(alert),
    k: acknowledged === undefined ? undefined : [acknowledged.by, seconds(acknowledged.at)],
    w: alert.suppressed && silenceField(alert.suppressed),
    d: posted.map(({ channel = null, alertGroup = null }) => [channel, alertGroup]),
  };
}

/** The open alerts of a group in two forms, the shorter one without names. */
function memberForms(rows: readonly GroupedAlert[]): readonly (string | unknown[])[] {
  const open = rows.filter(({ state }) => state !== 'resolved');
  return [
    open.map(({ fingerprint, since, peak, name }) => [
      fingerprint,
      seconds(since),
      finite(peak) ?? null,
      name,
    ]),
    open
      .map(({ fingerprint, since, peak }) =>
        [fingerprint, seconds(since).toString(36), finite(peak) ?? ''].join(','),
      )
      .join(' '),
  ];
}

/** The forms of a restore point, the most complete first. */
function formsOf(desired: DesiredMessage): readonly object[] {
  const { group: g, rule, asOf, alertGroup, parent, destination } = desired;
  const common = { g, r: rule.key, t: seconds(asOf) };
  if (alertGroup === undefined) {
    const fields = alertFields(desired);
    return [
      { ...common, ...fields },
      { ...common, ...fields, l: undefined, s: undefined },
    ];
  }
  const { startedAt, rows, counts, detailPage } = alertGroup;
  const c = destination?.channel;
  const forms = memberForms(rows);
  if (detailPage !== undefined) {
    const { number: i, joinedAt } = detailPage;
    return forms.map((m) => ({ ...common, q: parent, i, a: seconds(joinedAt), c, m }));
  }
  const total = counts.firing + counts['no-data'] + counts.resolved;
  // Alerts that do not fit into the message are listed in its thread, with all others.
  const isWhole = total <= rows.length;
  return [...(isWhole ? forms : []), []].map((m) => ({ ...common, a: seconds(startedAt), c, m }));
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** The restore point of a message as text; undefined when not even the shortest form fits. */
export function encodeRestorePoint(desired: DesiredMessage): string | undefined {
  return formsOf(desired)
    .map((form) => JSON.stringify(form))
    .find((text) => bytesOf(text) <= MAX_BYTES);
}

const placed = (channel: string | null | undefined, alertGroup?: string | null): PostedTo => ({
  channel: channel ?? undefined,
  mentions: [],
  alertGroup: alertGroup ?? undefined,
});

function membersOf(
  members: readonly z.infer<typeof memberSchema>[],
  where: PostedTo,
): readonly RestoredAlert[] {
  return members.map(([fingerprint, since, peak, name]) => {
    const activeAt = epochMs(since * 1_000);
    return { fingerprint, activeAt, firedAt: activeAt, peak: peak ?? undefined, name, postedTo: [where] };
  });
}

function singleOf(fields: z.infer<typeof alertSchema>): RestorePoint {
  const { g: group, r: rule, t: asOf, l: labels, s: names, k, w } = fields;
  const series =
    labels && names && Object.fromEntries(names.map((name) => [name, labels[name] ?? ''] as const));
  const alert: RestoredAlert = {
    fingerprint: fields.f,
    activeAt: fields.a,
    firedAt: fields.b,
    value: fields.v,
    peak: fields.p,
    noDataSince: fields.n,
    labels,
    series,
    acknowledged: k && { by: k[0], at: k[1] },
    silence: w && { id: w[0], by: w[1], until: w[2] },
    postedTo: fields.d.map(([channel, alertGroup]) => placed(channel, alertGroup)),
  };
  return { group, rule, asOf, alerts: [alert] };
}

/** Reads a restore point from the metadata of the message with this key; undefined when it is none. */
export function decodeRestorePoint(key: string, text: string): RestorePoint | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const single = alertSchema.safeParse(value);
  if (single.success) return singleOf(single.data);
  const reply = replySchema.safeParse(value);
  if (reply.success) {
    const { g: group, r: rule, t: asOf, q: parent, i: number, a: joinedAt, c, m } = reply.data;
    return {
      group,
      rule,
      asOf,
      alerts: membersOf(m, placed(c, parent)),
      reply: { parent, number, joinedAt },
    };
  }
  const whole = groupSchema.safeParse(value);
  if (!whole.success) return undefined;
  const { g: group, r: rule, t: asOf, a: startedAt, c, m } = whole.data;
  const alertGroup = { startedAt, channel: c ?? undefined };
  return { group, rule, asOf, alerts: membersOf(m, placed(c, key)), alertGroup };
}

/** The alert of a restore point: firing, as its message shows it. */
export function restoredAlert(
  alertId: string,
  { fingerprint, activeAt, firedAt, value, peak, noDataSince, labels, ...kept }: RestoredAlert,
  { rule, asOf }: { readonly rule: Pick<SloRule, 'name' | 'annotations'>; readonly asOf: EpochMs },
): Alert {
  const { series, acknowledged, postedTo } = kept;
  // Templates are expanded by the next evaluation.
  const annotations = Object.entries(rule.annotations).filter(([, text]) => !text.includes('{{'));
  return {
    fingerprint,
    alertId,
    labels: labels ?? { alertname: rule.name },
    series: series ?? {},
    isUnlabeled: labels === undefined ? true : undefined,
    annotations: Object.fromEntries(annotations),
    state: 'firing',
    activeAt,
    firedAt,
    value: value ?? peak ?? Number.NaN,
    peak: peak ?? value ?? Number.NaN,
    seenAt: asOf,
    missedTicks: 0,
    noDataSince,
    refreshedAt: asOf,
    acknowledged,
    postedTo,
  };
}
