import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { type AlertReceiver, type ReceivedNotification, withName } from '../evaluation/alert-receiver.ts';
import { type HttpReply, text } from '../http/server.ts';
import { explanationOf, UpstreamError } from '../lib/errors.ts';
import { count } from '../lib/format.ts';
import type { Logger } from '../lib/logger.ts';
import type { Recorder } from '../lib/recorder.ts';
import { type EpochMs, epochMs } from '../lib/units.ts';

/** Where Alertmanager sends its notifications. */
export const WEBHOOK_PATH = '/webhooks/alertmanager';

/** Answers requests to `WEBHOOK_PATH` that carry the token. */
export interface Webhook {
  readonly token: string;
  readonly reply: (request: IncomingMessage) => Promise<HttpReply>;
}

/** The largest notification, in bytes: 1,000 alerts with 4 KiB each. */
const MAX_BODY = 4 * 1_024 * 1_024;
/** Longer texts of annotations are cut: a message shows no more of them. */
const MAX_TEXT = 2_000;
const MAX_LABELS = 64;

/** Go's zero time is before the epoch: not set. */
const instant = z.string().transform((value, context): EpochMs | undefined => {
  const time = Date.parse(value);
  if (!Number.isNaN(time)) return time > 0 ? epochMs(time) : undefined;
  context.issues.push({ code: 'custom', message: 'expected an RFC 3339 time', input: value });
  return z.NEVER;
});

const labels = z
  .record(z.string(), z.string())
  .refine((set) => Object.keys(set).length <= MAX_LABELS, { error: `expected at most ${MAX_LABELS} labels` });

const alertSchema = z.object({
  status: z.enum(['firing', 'resolved']),
  labels,
  annotations: z.record(z.string(), z.string()).nullish(),
  startsAt: instant,
  endsAt: instant.nullish(),
  generatorURL: z.string().nullish(),
});

/** Source: Alertmanager's notify/webhook/webhook.go, Message, and template/template.go, Data. */
const payloadSchema = z.object({
  version: z.literal('4'),
  externalURL: z.string().nullish(),
  truncatedAlerts: z.number().nullish(),
  alerts: z.array(alertSchema),
});

/** The expression of a rule, from the link to the graph of Prometheus, Thanos or Mimir. */
function expressionIn(generatorUrl: string | null | undefined): string | undefined {
  if (generatorUrl === null || generatorUrl === undefined) return undefined;
  const [, query = ''] = generatorUrl.split('?', 2);
  return new URLSearchParams(query.split('#', 1)[0]).get('g0.expr') ?? undefined;
}

const cut = (texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(texts).map(([name, value]) => [
      name,
      value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT - 1)}…` : value,
    ]),
  );

function alertOf(alert: z.output<typeof alertSchema>, now: EpochMs): ReceivedNotification['alerts'][number] {
  const { status, generatorURL, startsAt = now, endsAt, annotations } = alert;
  return {
    status,
    labels: withName(alert.labels),
    annotations: cut(annotations ?? {}),
    startsAt,
    endsAt: status === 'resolved' ? (endsAt ?? undefined) : undefined,
    expr: expressionIn(generatorURL),
  };
}

/** Where a value is: `alerts[3].startsAt`. */
const placeOf = (path: readonly PropertyKey[]): string =>
  path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');

/** A notification, or what is wrong with it. */
type ParsedNotification =
  | { readonly ok: true; readonly notification: ReceivedNotification; readonly truncated: number }
  | { readonly ok: false; readonly problem: string };

/** Reads the body of a webhook notification, version 4. */
export function parseNotification(body: string, now: EpochMs): ParsedNotification {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return { ok: false, problem: 'the body is not JSON.' };
  }
  const read = payloadSchema.safeParse(value);
  if (read.success) {
    const { externalURL, alerts, truncatedAlerts } = read.data;
    const notification = { from: externalURL ?? '', alerts: alerts.map((alert) => alertOf(alert, now)) };
    return { ok: true, notification, truncated: truncatedAlerts ?? 0 };
  }
  const [issue] = read.error.issues;
  const place = placeOf(issue?.path ?? []);
  return { ok: false, problem: `${place === '' ? 'the body' : place}: ${issue?.message ?? 'invalid'}.` };
}

/** The body of a request; undefined when it is longer than allowed: the rest is received, not kept, so that it is answered. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BODY) chunks.length = 0;
    else chunks.push(chunk as Buffer);
  }
  return bytes > MAX_BODY ? undefined : Buffer.concat(chunks).toString('utf8');
}

const TOO_LARGE = text(
  413,
  `the notification is larger than ${MAX_BODY / 1_024 / 1_024} MiB. Set max_alerts in the webhook_config, or group_by more labels.`,
);

/**
 * Takes the notifications of Alertmanagers. The answer is 2xx once the alerts are in the store; 503 makes Alertmanager send
 * the notification again, which it does not after 4xx.
 */
export function createAlertmanagerWebhook({
  receiver,
  token,
  now,
  logger,
  recorder,
}: {
  readonly receiver: Pick<AlertReceiver, 'receive'>;
  readonly token: string;
  readonly now: () => EpochMs;
  readonly logger: Logger;
  readonly recorder: Pick<Recorder, 'received'>;
}): Webhook {
  const rejected = (reply: HttpReply): HttpReply => {
    recorder.received({ outcome: 'rejected' });
    logger.warn('a notification of Alertmanager was rejected', { status: reply.status, reason: reply.body });
    return reply;
  };

  async function stored(notification: ReceivedNotification): Promise<HttpReply> {
    try {
      await receiver.receive(notification);
      recorder.received({ outcome: 'ok' });
      return text(200, `ok: ${count(notification.alerts.length, 'alert')}`);
    } catch (error) {
      recorder.received({ outcome: 'error' });
      if (!(error instanceof UpstreamError)) throw error;
      logger.warn('a notification of Alertmanager could not be stored', { reason: error.message });
      return text(503, explanationOf(error));
    }
  }

  const reply = async (request: IncomingMessage): Promise<HttpReply> => {
    const body = await bodyOf(request);
    if (body === undefined) return rejected(TOO_LARGE);
    const parsed = parseNotification(body, now());
    if (!parsed.ok)
      return rejected(
        text(400, `invalid notification: ${parsed.problem} Send the webhook of Alertmanager, version 4.`),
      );
    const { notification, truncated } = parsed;
    if (truncated > 0)
      logger.warn('max_alerts of the webhook_config cut off alerts: they are not notified', { truncated });
    return await stored(notification);
  };
  return { token, reply };
}
