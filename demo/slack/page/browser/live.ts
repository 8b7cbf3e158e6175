/** Browser module `main.js`: follows the server's events and starts everything else. */
export const LIVE_SCRIPT = String.raw`
import { startActions } from './actions.js';
import { startComposers } from './composer.js';
import { currentChannel, elementFrom, find, lastEventId } from './dom.js';
import * as messages from './messages.js';
import { showModal, startModals } from './modal.js';
import { closeThread, startThreads } from './thread.js';

const shownThread = () => messages.threadList()?.dataset.threadTs;

function onMessage(data) {
  if (data.isNew) messages.noteArrival(data);
  if (data.channelId !== currentChannel) return;
  const list = messages.channelList();
  messages.upsert(list, data.html);
  if (shownThread() === data.ts) messages.upsert(messages.threadList(), data.html);
  if (data.isNew && !data.isOwn) messages.speak(data.spoken);
  if (data.isNew) showJump();
}

function onReply(data) {
  if (data.channelId !== currentChannel || shownThread() !== data.threadTs) return;
  messages.upsert(messages.threadList(), data.html);
  if (data.isNew && !data.isOwn) messages.speak(data.spoken);
}

function onRemoved(data) {
  if (data.channelId !== currentChannel) return;
  messages.remove(messages.channelList(), data.ts);
  if (shownThread() === data.ts) closeThread();
  else if (shownThread()) messages.remove(messages.threadList(), data.ts);
}

function onChannel(data) {
  const item = elementFrom(data.html);
  const old = document.querySelector('[data-role="channel"][data-channel="' + CSS.escape(data.channelId) + '"]');
  if (data.channelId === currentChannel) {
    item.querySelector('a').setAttribute('aria-current', 'page');
    item.classList.remove('is-unread');
    if (data.isArchived && find('composer')) return location.reload();
  }
  if (old) old.replaceWith(item);
  else find('channels').append(item);
}

function onNotice({ text }) {
  find('notice-text').textContent = text;
  find('notice').hidden = text === '';
}

const HANDLERS = {
  message: onMessage,
  reply: onReply,
  removed: onRemoved,
  channel: onChannel,
  view: (data) => showModal(data.html),
  notice: onNotice,
  reload: () => location.reload(),
};

function listen() {
  const source = new EventSource('/events?after=' + encodeURIComponent(lastEventId));
  for (const [type, handle] of Object.entries(HANDLERS)) {
    source.addEventListener(type, (event) => handle(JSON.parse(event.data)));
  }
  const connection = find('connection');
  source.addEventListener('open', () => {
    connection.textContent = '';
    document.body.dataset.live = 'true';
  });
  source.addEventListener('error', () => {
    connection.textContent = 'Connection lost. Trying again…';
    delete document.body.dataset.live;
    // After some errors a browser gives up by itself. The page then comes back as soon as there is something to come back to.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  });
}

function showJump() {
  const list = messages.channelList();
  find('jump').hidden = list.scrollHeight - list.scrollTop - list.clientHeight < 120;
}

function startMenu() {
  const menu = find('menu');
  const set = (isOpen) => {
    find('app').classList.toggle('has-sidebar', isOpen);
    menu.setAttribute('aria-expanded', String(isOpen));
  };
  menu.addEventListener('click', () => set(!find('app').classList.contains('has-sidebar')));
  document.querySelector('main').addEventListener('click', (event) => {
    if (!event.target.closest('[data-role="menu"]')) set(false);
  });
}

messages.followEnd(messages.channelList(), (isAtEnd) => {
  if (isAtEnd) find('jump').hidden = true;
});
find('jump').addEventListener('click', () => messages.scrollToEnd(messages.channelList()));
document.addEventListener('visibilitychange', () => messages.readCurrentChannel());
startMenu();
startThreads();
startActions();
startModals();
startComposers();
listen();
`;
