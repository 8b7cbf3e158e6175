import type { ActionOutcome, ActiveAlert } from '../actions/alert-actions.ts';
import type { Alert } from '../alerts/alert.ts';
import type { Phrase } from '../lib/format.ts';
import { listed } from '../lib/format.ts';
import { nearest } from '../lib/nearest.ts';
import { namespaceOf, serviceOf } from '../messages/alert-subject.ts';
import { isAlertGroupId } from '../policy/alert-group.ts';
import { type Answer, linesAnswer } from './answer.ts';
import type { CommandDeps, CommandForm, CommandInput, Parsed } from './command.ts';

/** `/slo acknowledge`. */
export interface AcknowledgeCommand {
  readonly kind: 'acknowledge';
  /** The name of an alert, its service, or both; or the id of one occurrence or of an alert group. */
  readonly alert: string;
}

/** `/slo unacknowledge`. */
export interface UnacknowledgeCommand {
  readonly kind: 'unacknowledge';
  /** As for `/slo acknowledge`. */
  readonly alert: string;
}

/** `/slo close`. */
export interface CloseCommand {
  readonly kind: 'close';
  /** The name of an alert, its service, or both; or the id of one occurrence. */
  readonly alert: string;
  readonly comment: string;
}

export const sloAcknowledge: CommandForm<AcknowledgeCommand> = {
  slash: '/slo',
  kind: 'acknowledge',
  keywords: ['acknowledge', 'ack'],
  needs: 'acknowledge',
  usage: 'acknowledge <alert or service>',
  summary: 'Acknowledges firing alerts, as the Acknowledge button does',
  system: 'store',
  parse: ({ text }) =>
    text === ''
      ? { problem: 'Specify an alert or a service: /slo acknowledge checkout.' }
      : { command: { kind: 'acknowledge', alert: unquoted(text) }, share: false },
  run: async ({ command: { alert }, by, now }, { alerts }) => ({
    answer: await onAlerts(alerts, alert, (alertId) => alerts.acknowledge({ alertId, by, now })),
  }),
};

export const sloUnacknowledge: CommandForm<UnacknowledgeCommand> = {
  slash: '/slo',
  kind: 'unacknowledge',
  keywords: ['unacknowledge', 'unack'],
  needs: 'acknowledge',
  usage: 'unacknowledge <alert or service>',
  summary: 'Withdraws the acknowledgement of firing alerts, whoever made it',
  system: 'store',
  parse: ({ text }) =>
    text === ''
      ? { problem: 'Specify an alert or a service: /slo unacknowledge checkout.' }
      : { command: { kind: 'unacknowledge', alert: unquoted(text) }, share: false },
  run: async ({ command: { alert }, by, now }, { alerts }) => ({
    answer: await onAlerts(alerts, alert, (alertId) => alerts.unacknowledge({ alertId, by, now })),
  }),
};

export const sloClose: CommandForm<CloseCommand> = {
  slash: '/slo',
  kind: 'close',
  keywords: ['close'],
  needs: 'close',
  usage: 'close <alert or service> [comment]',
  summary: 'Closes an alert without data, as the Close button does',
  system: 'store',
  parse: parseClose,
  run: async ({ command: { alert, comment }, by, now }, { alerts }) => ({
    answer: await onAlerts(alerts, alert, (alertId) => alerts.close({ alertId, by, now, comment })),
  }),
};

function parseClose({ text }: CommandInput): Parsed<CloseCommand> {
  const [alert = ''] = /^"[^"]*"|^\S+/u.exec(text) ?? [];
  if (alert === '') return { problem: 'Specify an alert or a service: /slo close checkout.' };
  const comment = parseComment(text.slice(alert.length));
  return { command: { kind: 'close', alert: unquoted(alert), comment }, share: false };
}

/** A text without the quotes or backticks around it. */
export const unquoted = (text: string): string => text.replaceAll(/^[`"']|[`"']$/g, '').trim();

const MAX_COMMENT = 300;

/** The comment at the end of a command, without the word that introduces it. */
export const parseComment = (text: string): string =>
  unquoted(text.trim().replace(/^(?:because|comment|:|-)\s*/iu, '')).slice(0, MAX_COMMENT);

/** Rows of a list that fit into one message. */
export const MAX_ROWS = 20;

const MAX_NAMES = 10;

/** The names of a few alerts, and how many more there are. */
export const alertNames = (alerts: readonly Alert[]): string => listed(alerts.map(nameOf), MAX_NAMES);

/** An alert's name and its series. */
function nameOf({ labels, series }: Alert): string {
  const subject = Object.values(series).join(' ');
  return `${labels['alertname'] ?? ''}${subject === '' ? '' : ` (${subject})`}`;
}

/** The names by which an alert can be selected. */
function namesOf({ alert, rule }: ActiveAlert): readonly string[] {
  const service = serviceOf(alert, rule);
  const namespace = namespaceOf(alert);
  if (service === undefined) return [rule.name];
  const full = namespace === undefined ? [] : [`${service}.${namespace}`];
  return [rule.name, service, ...full, `${rule.name} ${service}`];
}

/** The id of one occurrence of an alert, as the buttons of its message send it. */
const ALERT_ID = /^[0-9a-f]{16}-\d+$/;

/** Whether an alert shares the message of an alert group, as its buttons name it. */
const isIn = (id: string, { alert }: ActiveAlert): boolean =>
  (alert.postedTo ?? []).some(({ alertGroup }) => alertGroup === id);

/** Performs an action on every firing alert of a name. Throws `UpstreamError` when the store does not answer. */
async function onAlerts(
  alerts: CommandDeps['alerts'],
  name: string,
  perform: (alertId: string) => Promise<ActionOutcome>,
): Promise<Answer> {
  if (ALERT_ID.test(name)) return linesAnswer(outcomePhrase(await perform(name)));
  const firing = await alerts.firing();
  if (firing.length === 0) return linesAnswer(['No alert is firing.']);
  const isGroup = isAlertGroupId(name);
  const selected = firing.filter((each) =>
    isGroup ? isIn(name, each) : namesOf(each).some((known) => known.toLowerCase() === name.toLowerCase()),
  );
  if (selected.length === 0 && isGroup) return linesAnswer(['All alerts of this group are resolved.']);
  if (selected.length === 0) {
    const [near] = nearest(name, [...new Set(firing.flatMap(namesOf))]);
    return linesAnswer([
      `No firing alert matches ${name}.${near === undefined ? '' : ` Did you mean ${near}?`}`,
    ]);
  }
  const lines: Phrase[] = [];
  for (const { alert } of selected) lines.push(outcomePhrase(await perform(alert.alertId)));
  const hidden = lines.length - MAX_ROWS;
  return linesAnswer(...lines.slice(0, MAX_ROWS), ...(hidden > 0 ? [[`and ${hidden} more`]] : []));
}

function outcomePhrase(outcome: ActionOutcome): Phrase {
  if (outcome.kind === 'unknown') return ['This alert no longer exists.'];
  const name = nameOf(outcome.alert);
  switch (outcome.kind) {
    case 'done':
    case 'already': {
      const { by, at } = outcome.action;
      if (outcome.did === 'unacknowledged')
        return [`The acknowledgement of ${name} was withdrawn by `, { person: by }, ' at ', { at }, '.'];
      const verb = outcome.kind === 'done' ? outcome.did : `was already ${outcome.did}`;
      return [`${name} ${verb} by `, { person: by }, ' at ', { at }, '.'];
    }
    case 'resolved':
      return [`${name} is already resolved.`];
    case 'not-acknowledged':
      return [`${name} is not acknowledged.`];
    case 'pending':
      return [`${name} is pending: no notification was sent yet.`];
    case 'has-data':
      return [`${name} still has data that breaches. It resolves automatically when it recovers.`];
  }
}
