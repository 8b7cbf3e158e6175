import type {
  Channel,
  DeliveryOutcome,
  ElementAction,
  Message,
  OpenView,
  User,
  Workspace,
  WorkspaceEvent,
} from '../../../../../demo/slack/model.ts';

export const ADA: User = { id: 'U0ADA', name: 'Ada Lindqvist', timeZone: 'Europe/Berlin', isBot: false };
export const SAM: User = { id: 'U0SAM', name: 'Sam Okafor', timeZone: 'America/New_York', isBot: false };
const BOT: User = { id: 'U0BOT', name: 'Tailwatch', timeZone: 'UTC', isBot: true };
export const ALERTS: Channel = { id: 'C0ALERTS', name: 'slo-alerts', isArchived: false, botIsMember: true };
export const CHECKOUT: Channel = {
  id: 'C0CHECKOUT',
  name: 'team-checkout',
  isArchived: false,
  botIsMember: true,
};

type Submission = Parameters<Workspace['submitView']>[0];

/** A workspace held in memory: what is put into it is shown, what the page does to it is recorded. */
export interface FakeWorkspace extends Workspace {
  readonly typed: Parameters<Workspace['type']>[0][];
  readonly pressed: ElementAction[];
  readonly submitted: Submission[];
  readonly closedViews: string[];
  post(message: Partial<Message> & { ts: string }): Message;
  edit(channelId: string, ts: string, change: Partial<Message>): void;
  showView(view: OpenView): void;
  hideView(viewId: string): void;
  /** What every later action of the reader comes to. */
  outcome: DeliveryOutcome;
}

export function createFakeWorkspace(): FakeWorkspace {
  let messages: Message[] = [];
  let views: OpenView[] = [];
  let channels = [ALERTS, CHECKOUT];
  const listeners = new Set<(event: WorkspaceEvent) => void>();
  const emit = (event: WorkspaceEvent): void => listeners.forEach((listener) => listener(event));
  const visible = (m: Message, readerId: string): boolean => (m.ephemeralFor ?? readerId) === readerId;
  let posted = 0;

  const fake: FakeWorkspace = {
    typed: [],
    pressed: [],
    submitted: [],
    closedViews: [],
    outcome: { ok: true },
    channels: () => channels,
    invite: async () => ({ ok: true }),
    picture: () => undefined,
    users: () => [ADA, SAM, BOT],
    messages: (channelId, readerId) =>
      messages.filter(
        (m) => m.channelId === channelId && (m.threadTs ?? m.ts) === m.ts && visible(m, readerId),
      ),
    thread: (channelId, threadTs, readerId) =>
      messages.filter(
        (m) =>
          m.channelId === channelId && (m.ts === threadTs || m.threadTs === threadTs) && visible(m, readerId),
      ),
    openViews: (userId) => views.filter((view) => view.userId === userId),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    type: async (input) => {
      fake.typed.push(input);
      posted += 1;
      const { text, channelId, userId, threadTs } = input;
      if (fake.outcome.ok && !text.startsWith('/')) {
        const ts = `1795233600.${String(posted).padStart(6, '0')}`;
        fake.post({ ts, text, channelId, userId, ...(threadTs === undefined ? {} : { threadTs }) });
      }
      if (!fake.outcome.ok && text.startsWith('/')) {
        const says = `${text.split(' ', 1)[0] ?? ''} failed with the error "${fake.outcome.error}"`;
        fake.post({
          ts: '1795233601.000000',
          text: says,
          channelId,
          userId: 'USLACKBOT',
          ephemeralFor: userId,
        });
      }
      return fake.outcome;
    },
    press: async (action) => {
      fake.pressed.push(action);
      return fake.outcome;
    },
    submitView: async (input) => {
      fake.submitted.push(input);
      return fake.outcome;
    },
    closeView: async ({ viewId }) => {
      fake.closedViews.push(viewId);
      fake.hideView(viewId);
      return fake.outcome;
    },
    deleteMessage: (channelId, ts) => {
      const message = messages.find((m) => m.channelId === channelId && m.ts === ts);
      messages = messages.filter((m) => m !== message);
      if (message !== undefined) emit({ kind: 'message-deleted', message });
    },
    archiveChannel: (channelId) => {
      channels = channels.map((c) => (c.id === channelId ? { ...c, isArchived: true } : c));
      for (const channel of channels)
        if (channel.id === channelId) emit({ kind: 'channel-changed', channel });
    },
    post: (partial) => {
      const message: Message = { channelId: ALERTS.id, userId: BOT.id, text: '', blocks: [], ...partial };
      messages = [...messages, message].sort((a, b) => (a.ts < b.ts ? -1 : 1));
      emit({ kind: 'message-posted', message });
      return message;
    },
    edit: (channelId, ts, change) => {
      const previous = messages.find((m) => m.channelId === channelId && m.ts === ts);
      if (previous === undefined) throw new Error(`no message ${ts}`);
      const message = { ...previous, ...change };
      messages = messages.map((m) => (m === previous ? message : m));
      emit({ kind: 'message-changed', message, previous });
    },
    showView: (view) => {
      const isNew = views.every((each) => each.viewId !== view.viewId);
      views = isNew ? [...views, view] : views.map((each) => (each.viewId === view.viewId ? view : each));
      emit({ kind: isNew ? 'view-opened' : 'view-updated', view });
    },
    hideView: (viewId) => {
      const view = views.find((each) => each.viewId === viewId);
      views = views.filter((each) => each !== view);
      if (view !== undefined) emit({ kind: 'view-closed', view });
    },
  };
  return fake;
}
