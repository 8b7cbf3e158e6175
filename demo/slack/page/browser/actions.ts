/** Browser module `actions.js`: buttons, selects, menus and pickers inside messages. */
export const ACTIONS_SCRIPT = String.raw`
import { find, post } from './dom.js';

/** Asks what the block's confirm object says; resolves to whether the reader agrees. */
function confirmed(control) {
  if (!control.dataset.confirm) return Promise.resolve(true);
  const texts = JSON.parse(control.dataset.confirm);
  const dialog = find('confirm-dialog');
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = text;
    return element;
  };
  const form = make('form', 'modal', '');
  form.method = 'dialog';
  form.dataset.role = 'confirm';
  const head = make('header', 'modal-head', '');
  head.append(make('h2', '', texts.title));
  const body = make('div', 'modal-body', texts.text);
  const foot = make('footer', 'modal-foot', '');
  const deny = make('button', 'button', texts.deny);
  deny.value = 'no';
  deny.dataset.role = 'confirm-deny';
  const agree = make('button', 'button button-' + (texts.style === 'danger' ? 'danger' : 'primary'), texts.confirm);
  agree.value = 'yes';
  agree.dataset.role = 'confirm-agree';
  foot.append(deny, agree);
  form.append(head, body, foot);
  dialog.replaceChildren(form);
  dialog.returnValue = '';
  dialog.showModal();
  agree.focus();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}

function valueOf(control) {
  const type = control.dataset.actionType;
  if (type === 'button' || type === 'workflow_button') return undefined;
  if (type === 'overflow') return control.dataset.value;
  if (control.matches('fieldset')) return [...control.querySelectorAll('input:checked')].map((input) => input.value).join(',');
  if (control.multiple) return [...control.selectedOptions].map((option) => option.value).join(',');
  return control.value;
}

const FAILURES = {
  dispatch_failed: 'The app did not answer in time. (dispatch_failed)',
  not_connected: 'The workspace does not answer.',
};

async function press(control) {
  const entry = control.closest('[data-message-ts]');
  if (!entry || control.getAttribute('aria-busy') === 'true') return;
  if (!(await confirmed(control))) return;
  control.setAttribute('aria-busy', 'true');
  control.classList.add('is-pending');
  const { actionId, blockId } = control.dataset;
  const answer = await post('/page/press', {
    channelId: entry.dataset.channel,
    messageTs: entry.dataset.messageTs,
    blockId,
    actionId,
    selectedValue: valueOf(control),
  });
  control.removeAttribute('aria-busy');
  control.classList.remove('is-pending');
  // The app may have changed the message in the meantime: the error belongs under the current content.
  const ts = CSS.escape(entry.dataset.messageTs);
  for (const each of document.querySelectorAll('[data-message-ts="' + ts + '"]')) {
    find('action-error', each).textContent = answer.ok ? '' : (FAILURES[answer.error] ?? answer.detail + ' (' + answer.error + ')');
  }
}

const isAction = (control) => control && control.dataset.role === 'action';

export function startActions() {
  document.addEventListener('click', (event) => {
    const control = event.target.closest('button[data-action-id], a[data-action-id]');
    if (!isAction(control)) {
      document.querySelectorAll('details.overflow[open]').forEach((menu) => {
        if (!menu.contains(event.target)) menu.open = false;
      });
      return;
    }
    control.closest('details.overflow')?.removeAttribute('open');
    // A link button opens its address by itself, and sends an action to the app as well, as in Slack.
    void press(control);
  });
  document.addEventListener('change', (event) => {
    const control = event.target.closest('select[data-action-id], fieldset[data-action-id], input[data-action-id]');
    if (isAction(control) && (event.target.value !== '' || control.matches('fieldset'))) void press(control);
  });
}
`;
