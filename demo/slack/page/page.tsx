import type { ReactNode } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import type { Channel, OpenView } from '../model.ts';
import { type CommandHint, Composer } from './composer.tsx';
import { channelPath, channelTitle, type RenderContext } from './context.ts';
import { renderFragment } from './fragment.ts';
import { type Entry, EntryView } from './message.tsx';
import { ModalView } from './modal.tsx';
import { type ListedChannel, Sidebar } from './sidebar.tsx';

/** Everything one load of the page shows. */
export interface PageState {
  readonly title: string;
  readonly channel: Channel;
  readonly channels: readonly ListedChannel[];
  readonly entries: readonly Entry[];
  /** Older messages that are not in `entries`. */
  readonly older: number;
  readonly thread?: ThreadState;
  readonly view?: OpenView;
  readonly notice?: string;
  readonly commands: readonly CommandHint[];
  /** Proves that a POST comes from this page. */
  readonly token: string;
  /** The last event that is contained in this state: the stream goes on after it. */
  readonly lastEventId: string;
}

/** An open thread: the message that began it, then its replies. */
export interface ThreadState {
  readonly channel: Channel;
  readonly threadTs: string;
  readonly entries: readonly Entry[];
}

function ThreadPanel({ thread, context }: { thread: ThreadState; context: RenderContext }): ReactNode {
  const [root, ...replies] = thread.entries;
  return (
    <>
      <header className="thread-head">
        <h2>
          Thread <span className="muted">#{thread.channel.name}</span>
        </h2>
        <a
          href={channelPath(thread.channel.id)}
          className="icon-button"
          data-role="thread-close"
          aria-label="Close thread"
        >
          ✕
        </a>
      </header>
      <div
        className="thread-messages"
        data-role="thread-messages"
        data-thread-ts={thread.threadTs}
        tabIndex={0}
        role="region"
        aria-label="Replies"
      >
        {root === undefined ? (
          <p className="muted">This message was deleted.</p>
        ) : (
          <EntryView entry={root} context={context} />
        )}
        {replies.map((entry) => (
          <EntryView key={entry.message.ts} entry={entry} context={context} />
        ))}
      </div>
      <Composer channel={thread.channel} threadTs={thread.threadTs} commands={[]} />
    </>
  );
}

function ChannelStart({ state }: { state: PageState }): ReactNode {
  const { channel, older } = state;
  if (older > 0) {
    return (
      <p className="older">
        <a href={`${channelPath(channel.id)}?all=1`} data-role="show-older">
          Show {older} older {older === 1 ? 'message' : 'messages'}
        </a>
      </p>
    );
  }
  return (
    <div className="channel-start" data-role="channel-start">
      <strong>{channelTitle(channel)}</strong>
      <p>This is the very beginning of {channelTitle(channel)}.</p>
    </div>
  );
}

function ChannelMain({ state, context }: { state: PageState; context: RenderContext }): ReactNode {
  return (
    <main className="channel">
      <header className="channel-head">
        <button
          type="button"
          className="icon-button menu-button"
          data-role="menu"
          aria-label="Show channels"
          aria-controls="sidebar"
          aria-expanded={false}
        >
          ☰
        </button>
        <h1>
          <span aria-hidden="true">{state.channel.direct === undefined ? '# ' : '@ '}</span>
          {state.channel.name}
        </h1>
        <span className="connection" data-role="connection" role="status" />
      </header>
      <div className="notice" data-role="notice" role="status" hidden={state.notice === undefined}>
        <span className="spinner" aria-hidden="true" />
        <span data-role="notice-text">{state.notice}</span>
      </div>
      <div
        className="messages"
        id="messages"
        data-role="messages"
        tabIndex={0}
        role="region"
        aria-label={`Messages in #${state.channel.name}`}
      >
        <ChannelStart state={state} />
        {state.entries.map((entry) => (
          <EntryView key={entry.message.ts} entry={entry} context={context} />
        ))}
      </div>
      <button type="button" className="jump" data-role="jump" hidden>
        ↓ New messages
      </button>
      <Composer channel={state.channel} commands={state.commands} />
    </main>
  );
}

function Page({ state, context }: { state: PageState; context: RenderContext }): ReactNode {
  return (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="page-token" content={state.token} />
        <meta name="last-event-id" content={state.lastEventId} />
        <title>{`${channelTitle(state.channel)} · ${state.title}`}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/assets/library.css" />
        <link rel="stylesheet" href="/assets/page.css" />
        <script type="module" src="/assets/main.js" />
      </head>
      <body data-channel={state.channel.id} data-reader={context.readerId}>
        <a className="skip-link" href="#messages">
          Skip to messages
        </a>
        <div className={state.thread === undefined ? 'app' : 'app has-thread'} data-role="app">
          <Sidebar
            title={state.title}
            channels={state.channels}
            currentId={state.channel.id}
            context={context}
          />
          <ChannelMain state={state} context={context} />
          <aside className="thread" data-role="thread" aria-label="Thread">
            {state.thread === undefined ? null : <ThreadPanel thread={state.thread} context={context} />}
          </aside>
        </div>
        <dialog className="modal-dialog" data-role="modal-dialog" aria-label="Form">
          {state.view === undefined ? null : <ModalView open={state.view} context={context} />}
        </dialog>
        <dialog className="modal-dialog confirm-dialog" data-role="confirm-dialog" aria-label="Confirm" />
        <div className="visually-hidden" data-role="announcer" aria-live="polite" />
      </body>
    </html>
  );
}

/** The whole document. */
export function renderPage(state: PageState, context: RenderContext): string {
  return `<!doctype html>${renderToStaticMarkup(<Page state={state} context={context} />)}`;
}

/** One message, for the event stream. */
export function renderEntry(entry: Entry, context: RenderContext): string {
  return renderFragment(<EntryView entry={entry} context={context} />);
}

/** The contents of the thread panel. */
export function renderThread(thread: ThreadState, context: RenderContext): string {
  return renderFragment(<ThreadPanel thread={thread} context={context} />);
}

/** The contents of the modal's dialog. */
export function renderModal(open: OpenView, context: RenderContext): string {
  return renderFragment(<ModalView open={open} context={context} />);
}
