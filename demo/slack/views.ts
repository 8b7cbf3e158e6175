import type { EpochMs } from '../../src/lib/units.ts';
import { SlackApiError } from './api-error.ts';
import { withIds } from './blocks.ts';
import type { Conversations } from './conversations.ts';
import type { Ids } from './ids.ts';
import type { OpenView, WireBlock } from './model.ts';

/** Most views on one person's screen: one opened and two pushed. */
const STACK = 3;

type ViewFields = Readonly<Record<string, unknown>>;

/** The stack of modals on each person's screen. */
export interface Views {
  readonly open: (userId: string, view: ViewFields) => OpenView;
  /** Refuses with `push_limit_reached`, and with `not_found` when nothing is open to push upon. */
  readonly push: (userId: string, view: ViewFields) => OpenView;
  readonly update: (viewId: string, view: ViewFields) => OpenView;
  readonly setErrors: (viewId: string, errors: Readonly<Record<string, string>>) => OpenView;
  /** Takes the view, and all that were pushed upon it, from the screen. */
  readonly close: (viewId: string) => void;
  readonly closeAll: (userId: string) => void;
  readonly find: (viewId: string) => OpenView | undefined;
  readonly findExternal: (externalId: string) => OpenView | undefined;
  readonly stack: (userId: string) => readonly OpenView[];
}

export interface ViewsOptions {
  readonly clock: { now(): EpochMs };
  readonly ids: Ids;
  readonly team: { readonly id: string };
  readonly app: { readonly id: string; readonly botId: string };
  readonly emit: Conversations['emit'];
}

export function createViews(options: ViewsOptions): Views {
  const { ids, emit } = options;
  const { stack, all, set, cut, replace } = createStacks(emit);
  const find = (viewId: string): OpenView | undefined => all().find((open) => open.viewId === viewId);
  const required = (viewId: string): OpenView => {
    const open = find(viewId);
    if (open === undefined) throw new SlackApiError('not_found');
    return open;
  };
  const add = (userId: string, view: ViewFields): OpenView => {
    refuseTakenExternalId(view, all());
    const viewId = ids.next('V');
    const below = stack(userId).at(-1);
    const root = stack(userId)[0]?.viewId ?? viewId;
    const place = { id: viewId, root_view_id: root, previous_view_id: below?.viewId ?? null };
    const opened: OpenView = { viewId, userId, view: complete(view, options, place) };
    set(userId, [...stack(userId), opened]);
    emit({ kind: 'view-opened', view: opened });
    return opened;
  };
  return {
    open: (userId, view) => {
      cut(userId, 0);
      return add(userId, view);
    },
    push: (userId, view) => {
      if (stack(userId).length === 0) throw new SlackApiError('not_found');
      if (stack(userId).length >= STACK) throw new SlackApiError('push_limit_reached');
      return add(userId, view);
    },
    update: (viewId, view) => {
      const { view: before, userId } = required(viewId);
      const { id, root_view_id, previous_view_id } = before;
      return replace({
        viewId,
        userId,
        view: complete(view, options, { id, root_view_id, previous_view_id }),
      });
    },
    setErrors: (viewId, errors) => replace({ ...required(viewId), errors }),
    close: (viewId) => {
      const { userId } = required(viewId);
      const depth = stack(userId).findIndex((open) => open.viewId === viewId);
      cut(userId, depth);
    },
    closeAll: (userId) => {
      cut(userId, 0);
    },
    find,
    findExternal: (externalId) => all().find(({ view }) => view['external_id'] === externalId),
    stack,
  };
}

interface Stacks {
  readonly stack: (userId: string) => readonly OpenView[];
  readonly all: () => readonly OpenView[];
  readonly set: (userId: string, views: readonly OpenView[]) => void;
  /** Closes the views from `depth` on, the topmost first. */
  readonly cut: (userId: string, depth: number) => void;
  readonly replace: (changed: OpenView) => OpenView;
}

function createStacks(emit: Conversations['emit']): Stacks {
  const stacks = new Map<string, readonly OpenView[]>();
  const stack = (userId: string): readonly OpenView[] => stacks.get(userId) ?? [];
  const set = (userId: string, views: readonly OpenView[]): void => {
    stacks.set(userId, views);
  };
  return {
    stack,
    set,
    all: () => [...stacks.values()].flat(),
    cut: (userId, depth) => {
      const gone = stack(userId).slice(depth);
      set(userId, stack(userId).slice(0, depth));
      for (const view of gone.reverse()) emit({ kind: 'view-closed', view });
    },
    replace: (changed) => {
      const same = ({ viewId }: OpenView): boolean => viewId === changed.viewId;
      set(
        changed.userId,
        stack(changed.userId).map((open) => (same(open) ? changed : open)),
      );
      emit({ kind: 'view-updated', view: changed });
      return changed;
    },
  };
}

function refuseTakenExternalId(view: ViewFields, open: readonly OpenView[]): void {
  const id = view['external_id'];
  if (typeof id === 'string' && id !== '' && open.some((each) => each.view['external_id'] === id))
    throw new SlackApiError('duplicate_external_id');
}

/** The view as Slack hands it back: what the app gave, and what Slack adds. */
function complete(view: ViewFields, options: ViewsOptions, place: ViewFields): ViewFields {
  const { ids, clock, team, app } = options;
  const blocks = Array.isArray(view['blocks']) ? (view['blocks'] as readonly WireBlock[]) : [];
  return {
    private_metadata: '',
    callback_id: '',
    external_id: '',
    clear_on_close: false,
    notify_on_close: false,
    submit: null,
    close: null,
    ...view,
    ...place,
    blocks: withIds(blocks, ids),
    state: { values: {} },
    hash: `${Math.floor(clock.now() / 1_000)}.${ids.hex(8)}`,
    team_id: team.id,
    app_id: app.id,
    app_installed_team_id: team.id,
    bot_id: app.botId,
  };
}
