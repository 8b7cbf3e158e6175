import { after, type EpochMs, MINUTE, type Milliseconds, ms } from '../../src/lib/units.ts';
import { SlackApiError } from './api-error.ts';
import type { Ids } from './ids.ts';

/** How long a trigger lives, and how long and how often a response_url takes answers (docs.slack.dev/interactivity). */
const TRIGGER_LIFE: Milliseconds = ms(3_000);
const RESPONSE_URL_LIFE: Milliseconds = ms(30 * MINUTE);
const RESPONSE_URL_USES = 5;

/** A permit to open one view for the person who acted. */
export interface Triggers {
  readonly issue: (userId: string) => string;
  /** Spends the trigger and says whose it was. Refuses with `invalid_trigger_id`, `exchanged_trigger_id` or `expired_trigger_id`. */
  readonly exchange: (triggerId: unknown) => string;
}

export interface TicketOptions {
  readonly clock: { now(): EpochMs };
  readonly ids: Ids;
}

export function createTriggers({ clock, ids }: TicketOptions): Triggers {
  const issued = new Map<string, { userId: string; until: EpochMs; spent: boolean }>();
  return {
    issue: (userId) => {
      const id = `${ids.below(1e12)}.${ids.below(1e9)}.${ids.hex(32)}`;
      issued.set(id, { userId, until: after(clock.now(), TRIGGER_LIFE), spent: false });
      return id;
    },
    exchange: (triggerId) => {
      const trigger = issued.get(typeof triggerId === 'string' ? triggerId : '');
      if (trigger === undefined) throw new SlackApiError('invalid_trigger_id');
      if (trigger.spent) throw new SlackApiError('exchanged_trigger_id');
      if (clock.now() > trigger.until) throw new SlackApiError('expired_trigger_id');
      trigger.spent = true;
      return trigger.userId;
    },
  };
}

/** What a response_url answers to: who acted, where, and the message that `replace_original` means, if there is one. */
export interface ResponseTarget {
  readonly channelId: string;
  readonly userId: string;
  originalTs?: string;
}

export interface ResponseUrls {
  /** Returns the path of a new URL. `kind` is `commands` or `actions`, as in hooks.slack.com. */
  readonly issue: (kind: 'commands' | 'actions', target: ResponseTarget) => string;
  /** The target, without spending a use. Refuses with `expired_url` or `used_url`; undefined for a path never issued. */
  readonly target: (path: string) => ResponseTarget | undefined;
  readonly spend: (path: string) => void;
}

export function createResponseUrls({ clock, ids, teamId }: TicketOptions & { teamId: string }): ResponseUrls {
  const issued = new Map<string, { target: ResponseTarget; until: EpochMs; uses: number }>();
  return {
    issue: (kind, target) => {
      const path = `/${kind}/${teamId}/${ids.below(1e13)}/${ids.hex(24)}`;
      issued.set(path, { target, until: after(clock.now(), RESPONSE_URL_LIFE), uses: 0 });
      return path;
    },
    target: (path) => {
      const url = issued.get(path);
      if (url === undefined) return undefined;
      if (clock.now() > url.until) throw new SlackApiError('expired_url');
      if (url.uses >= RESPONSE_URL_USES) throw new SlackApiError('used_url');
      return url.target;
    },
    spend: (path) => {
      const url = issued.get(path);
      if (url !== undefined) url.uses += 1;
    },
  };
}
