/** Browser module `thread.js`: opening and closing the thread panel without leaving the page. */
export const THREAD_SCRIPT = String.raw`
import { currentChannel, find } from './dom.js';
import { followEnd } from './messages.js';

const threadIn = (address) => new URL(address, location.href).searchParams.get('thread');

async function show(threadTs) {
  const panel = find('thread');
  if (threadTs === null) {
    find('app').classList.remove('has-thread');
    panel.replaceChildren();
    return;
  }
  const path = '/c/' + encodeURIComponent(currentChannel) + '/thread/' + encodeURIComponent(threadTs);
  panel.innerHTML = await (await fetch(path)).text();
  find('app').classList.add('has-thread');
  followEnd(find('thread-messages'));
  find('composer-input', panel)?.focus();
}

export function closeThread() {
  history.replaceState(null, '', location.pathname);
  void show(null);
}

export function startThreads() {
  document.addEventListener('click', (event) => {
    const link = event.target.closest('[data-role="thread-open"], [data-role="thread-start"], [data-role="thread-close"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState(null, '', link.href);
    void show(threadIn(link.href));
  });
  window.addEventListener('popstate', () => void show(threadIn(location.href)));
  const list = find('thread-messages');
  if (list) followEnd(list);
}
`;
