import { z } from 'zod';
import type { Suppression } from '../alerts/alert.ts';
import type { ListAlerts } from '../evaluation/alert-receiver.ts';
import type { HttpAnswer, HttpClient } from '../http/http-client.ts';
import { UpstreamError } from '../lib/errors.ts';
import { fingerprint } from '../lib/labels.ts';
import { type EpochMs, epochMs, type Milliseconds } from '../lib/units.ts';

const instant = z.string().transform((text) => Date.parse(text));

/** Source: Alertmanager's api/v2/openapi.yaml, gettableAlert. `mutedBy` since 0.28. */
const alertSchema = z.object({
  labels: z.record(z.string(), z.string()),
  status: z.object({
    silencedBy: z.array(z.string()).nullish(),
    inhibitedBy: z.array(z.string()).nullish(),
    mutedBy: z.array(z.string()).nullish(),
  }),
});

/** Source: the same, gettableSilence. */
const silenceSchema = z.object({
  id: z.string(),
  createdBy: z.string(),
  comment: z.string(),
  startsAt: instant,
  endsAt: instant,
});

type ListedAlerts = Awaited<ReturnType<ListAlerts>>;
type ApiAlert = z.output<typeof alertSchema>;
type ApiSilence = z.output<typeof silenceSchema>;

function bodyOf<T>({ status, body }: HttpAnswer<unknown>, schema: z.ZodType<T>): T {
  const read = schema.safeParse(body);
  if (status === 200 && read.success) return read.data;
  throw new UpstreamError({
    system: 'alertmanager',
    code: 'bad-answer',
    message: `Alertmanager answered with HTTP ${status} and ${status === 200 ? 'not what its API v2 returns' : 'an error'}.`,
    advice: 'Check that ALERTMANAGER_URL is the address of an Alertmanager, with its path prefix.',
  });
}

/** The suppression by one of its silences; several: the one that ends last. */
function silencedBy(
  ids: readonly string[],
  silences: ReadonlyMap<string, ApiSilence>,
  now: EpochMs,
): Suppression {
  const [last] = ids.flatMap((id) => silences.get(id) ?? []).sort((a, b) => b.endsAt - a.endsAt);
  if (last === undefined) return { kind: 'silence', by: 'Alertmanager', since: now };
  const { createdBy, comment, startsAt, endsAt } = last;
  const by = `Alertmanager (${createdBy})${comment === '' ? '' : `: ${comment}`}`;
  return { kind: 'silence', by, since: epochMs(startsAt), until: epochMs(endsAt) };
}

function suppressionOf(
  { status }: ApiAlert,
  silences: ReadonlyMap<string, ApiSilence>,
  now: EpochMs,
): Suppression | undefined {
  const { silencedBy: ids, inhibitedBy, mutedBy } = status;
  if ((ids ?? []).length > 0) return silencedBy(ids ?? [], silences, now);
  if ((inhibitedBy ?? []).length > 0)
    return { kind: 'inhibited', by: 'an alert in Alertmanager', since: now };
  return (mutedBy ?? []).length > 0 ? { kind: 'time', by: 'Alertmanager', since: now } : undefined;
}

/** What is known of each alert: it is suppressed where one of the Alertmanagers suppresses it. */
function merged(lists: readonly ListedAlerts[]): ListedAlerts {
  const byLabels = new Map<string, ListedAlerts[number]>();
  for (const alert of lists.flat()) {
    const key = fingerprint(alert.labels);
    const known = byLabels.get(key);
    if (known?.suppressed === undefined)
      byLabels.set(key, alert.suppressed === undefined ? (known ?? alert) : alert);
  }
  return [...byLabels.values()];
}

/**
 * Lists the alerts of a cluster of Alertmanagers: those that respond are enough, because they share their silences.
 * @throws the `UpstreamError` of the first one when none responds.
 */
export const listOfCluster =
  (members: readonly ListAlerts[]): ListAlerts =>
  async () => {
    const answers = await Promise.allSettled(members.map((list) => list()));
    const lists = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    const failed = answers.find((answer) => answer.status === 'rejected');
    if (failed !== undefined && (lists.length === 0 || !(failed.reason instanceof UpstreamError)))
      throw failed.reason;
    return merged(lists);
  };

/** Lists the alerts that one Alertmanager has now, with the silences that its notifications do not carry. */
export function createAlertmanagerAlerts({
  http,
  deadline,
  now,
}: {
  readonly http: Pick<HttpClient, 'json'>;
  readonly deadline: Milliseconds;
  readonly now: () => EpochMs;
}): ListAlerts {
  const get = async <T>(path: string, schema: z.ZodType<T>): Promise<T> =>
    bodyOf(await http.json({ path: `/api/v2/${path}`, operation: path, deadline }), schema);
  return async () => {
    const alerts = await get('alerts', z.array(alertSchema));
    const isSilenced = alerts.some(({ status }) => (status.silencedBy ?? []).length > 0);
    const silences = isSilenced ? await get('silences', z.array(silenceSchema)) : [];
    const byId = new Map(silences.map((silence) => [silence.id, silence]));
    return alerts.map((alert) => ({ labels: alert.labels, suppressed: suppressionOf(alert, byId, now()) }));
  };
}
