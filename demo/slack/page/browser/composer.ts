/** Browser module `composer.js`: writing messages and slash commands. */
export const COMPOSER_SCRIPT = String.raw`
import { elementFrom, find, post } from './dom.js';
import { channelList, scrollToEnd, threadList } from './messages.js';

const history = [];
let recalled = 0;

const inputOf = (composer) => find('composer-input', composer);
const listOf = (composer) => find('command-list', composer);

function fit(input) {
  input.style.height = 'auto';
  input.style.height = Math.min(input.scrollHeight, 200) + 'px';
}

function setText(composer, text) {
  const input = inputOf(composer);
  input.value = text;
  input.setSelectionRange(text.length, text.length);
  fit(input);
  suggest(composer);
}

const optionsOf = (composer) => [...(listOf(composer)?.querySelectorAll('[role="option"]:not([hidden])') ?? [])];
const selectedOf = (composer) => optionsOf(composer).find((option) => option.getAttribute('aria-selected') === 'true');

function select(composer, option) {
  for (const each of optionsOf(composer)) each.setAttribute('aria-selected', String(each === option));
  if (option) inputOf(composer).setAttribute('aria-activedescendant', option.id);
  else inputOf(composer).removeAttribute('aria-activedescendant');
  option?.scrollIntoView({ block: 'nearest' });
}

/** Which commands fit what is written: those that begin so, or the one that is being given its arguments. */
function suggest(composer) {
  const list = listOf(composer);
  if (!list) return;
  const text = inputOf(composer).value;
  const [word] = text.split(/\s/);
  const isWholeWord = /^\S+\s/.test(text);
  for (const option of list.querySelectorAll('[role="option"]')) {
    const { command } = option.dataset;
    option.hidden = !(text.startsWith('/') && (isWholeWord ? command === word : command.startsWith(word)));
  }
  const shown = optionsOf(composer);
  list.hidden = shown.length === 0 || text.includes('\n');
  inputOf(composer).setAttribute('aria-expanded', String(!list.hidden));
  list.classList.toggle('is-usage', isWholeWord);
  select(composer, isWholeWord ? undefined : shown[0]);
}

function complete(composer, option) {
  setText(composer, option.dataset.command + ' ');
  inputOf(composer).focus();
}

/** The command as it was typed: Slack shows nothing until the app answers, which leaves a reader in doubt. */
function echo(list, text) {
  const line = elementFrom('<div class="command-echo" data-role="command-echo"><span>You used</span> <code></code></div>');
  line.querySelector('code').textContent = text;
  list.append(line);
  scrollToEnd(list);
  return line;
}

async function send(composer) {
  const text = inputOf(composer).value.trim();
  if (text === '') return;
  history.push(text);
  recalled = history.length;
  setText(composer, '');
  const { channel, threadTs } = composer.dataset;
  const list = threadTs === undefined ? channelList() : threadList();
  scrollToEnd(list);
  const line = text.startsWith('/') && threadTs === undefined ? echo(list, text) : undefined;
  line?.classList.add('is-pending');
  const answer = await post('/page/type', { channelId: channel, text, threadTs });
  line?.classList.remove('is-pending');
  // Why a command failed is said in the channel, by Slackbot. A text that was not posted is given back to its writer.
  const isLost = !answer.ok && (line === undefined || answer.error === 'not_connected');
  find('composer-error', composer).textContent = isLost ? 'Not sent: ' + (answer.detail ?? answer.error) : '';
  if (isLost && inputOf(composer).value === '') setText(composer, text);
}

function recall(composer, step) {
  const next = recalled + step;
  if (next < 0 || next > history.length) return;
  recalled = next;
  setText(composer, history[recalled] ?? '');
}

function moveSelection(composer, step) {
  const options = optionsOf(composer);
  const at = options.indexOf(selectedOf(composer));
  select(composer, options[(at + step + options.length) % options.length]);
}

const isRecalling = (input) => input.value === '' || input.value === history[recalled];

function onKey(event, composer) {
  const input = inputOf(composer);
  const isChoosing = listOf(composer) && !listOf(composer).hidden && selectedOf(composer);
  const option = selectedOf(composer);
  if (event.isComposing) return;
  if (event.key === 'Enter' && !event.shiftKey) {
    event.preventDefault();
    if (isChoosing && option.dataset.command !== input.value) complete(composer, option);
    else void send(composer);
  } else if (event.key === 'Tab' && isChoosing && !event.shiftKey) {
    event.preventDefault();
    complete(composer, option);
  } else if (event.key === 'Escape' && listOf(composer)) {
    listOf(composer).hidden = true;
    select(composer, undefined);
  } else if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
    const step = event.key === 'ArrowUp' ? -1 : 1;
    if (isChoosing) moveSelection(composer, step);
    else if (isRecalling(input)) recall(composer, step);
    else return;
    event.preventDefault();
  }
}

const composerOf = (target) => target.closest('[data-role="composer"], [data-role="thread-composer"]');

export function startComposers() {
  document.addEventListener('submit', (event) => {
    const composer = composerOf(event.target);
    if (!composer) return;
    event.preventDefault();
    void send(composer);
  });
  document.addEventListener('keydown', (event) => {
    const composer = event.target.matches('[data-role="composer-input"]') && composerOf(event.target);
    if (composer) onKey(event, composer);
  });
  document.addEventListener('input', (event) => {
    const composer = event.target.matches('[data-role="composer-input"]') && composerOf(event.target);
    if (!composer) return;
    fit(event.target);
    suggest(composer);
  });
  document.addEventListener('mousedown', (event) => {
    const option = event.target.closest('[data-role="command-list"] [role="option"]');
    if (!option) return;
    event.preventDefault();
    complete(composerOf(option), option);
  });
  keepDraft();
}

/** What is written stays when the reader goes to another channel and comes back. */
function keepDraft() {
  const composer = find('composer');
  if (!composer) return;
  const key = 'draft:' + composer.dataset.channel;
  const draft = sessionStorage.getItem(key);
  if (draft) setText(composer, draft);
  window.addEventListener('pagehide', () => {
    const { value } = inputOf(composer);
    if (value) sessionStorage.setItem(key, value);
    else sessionStorage.removeItem(key);
  });
  if (window.matchMedia('(min-width: 700px)').matches) inputOf(composer).focus();
}
`;
