/** Browser module `modal.js`: the form an app opens on the reader's screen. */
export const MODAL_SCRIPT = String.raw`
import { find, findAll, post } from './dom.js';

const dialog = () => find('modal-dialog');
const form = () => find('modal');
const keyOf = (control) => control.dataset.blockId + '\n' + control.dataset.actionId;
const controls = () => findAll('input', dialog());

function valueOf(control) {
  if (control.matches('fieldset')) return [...control.querySelectorAll('input:checked')].map((input) => input.value).join(',');
  if (control.multiple) return [...control.selectedOptions].map((option) => option.value).join(',');
  // Slack has seconds since 1970 where the browser has the reader's own date and time.
  if (control.type === 'datetime-local') return control.value && String(Math.floor(new Date(control.value) / 1000));
  return control.value;
}

function setValue(control, value) {
  const chosen = value.split(',');
  if (control.matches('fieldset')) control.querySelectorAll('input').forEach((input) => (input.checked = chosen.includes(input.value)));
  else if (control.multiple) [...control.options].forEach((option) => (option.selected = chosen.includes(option.value)));
  else if (control.type !== 'datetime-local') control.value = value;
}

function showErrors() {
  const errors = JSON.parse(form().dataset.errors);
  for (const block of findAll('input-block', dialog())) {
    const text = errors[block.parentElement.dataset.blockId] ?? '';
    find('input-error', block).textContent = text;
    find('input', block)?.setAttribute('aria-invalid', String(text !== ''));
  }
  dialog().querySelector('[aria-invalid="true"]')?.focus();
}

/** Shows the view that is on top now; what was typed into a view stays when the app changes that view. */
export function showModal(html) {
  const kept = new Map(controls().map((control) => [keyOf(control), valueOf(control)]));
  const before = form()?.dataset.viewId;
  dialog().innerHTML = html;
  if (html === '') {
    dialog().close();
    return;
  }
  if (form().dataset.viewId === before) {
    for (const control of controls()) if (kept.has(keyOf(control))) setValue(control, kept.get(keyOf(control)));
  }
  if (!dialog().open) dialog().showModal();
  dialog().setAttribute('aria-label', form().querySelector('h2').textContent);
  showErrors();
}

function values() {
  const result = {};
  for (const control of controls()) {
    const { blockId, actionId } = control.dataset;
    (result[blockId] ??= {})[actionId] = valueOf(control);
  }
  return result;
}

/** Fields that must be filled are checked before the form is submitted, as in Slack. */
function missing() {
  const errors = {};
  for (const block of findAll('input-block', dialog())) {
    const control = find('input', block);
    if (block.dataset.optional !== 'true' && control && valueOf(control).length === 0) {
      errors[block.parentElement.dataset.blockId] = 'Please complete this required field.';
    }
  }
  return errors;
}

async function submit() {
  const errors = missing();
  form().dataset.errors = JSON.stringify(errors);
  showErrors();
  if (Object.keys(errors).length > 0) return;
  const { viewId } = form().dataset;
  const button = find('modal-submit');
  button.disabled = true;
  button.classList.add('is-pending');
  const answer = await post('/page/view/submit', { viewId, values: values() });
  if (form()?.dataset.viewId !== viewId) return;
  const now = find('modal-submit');
  now.disabled = false;
  now.classList.remove('is-pending');
  if (!answer.ok) find('modal-error').textContent = 'We had some trouble connecting. Try again? (' + answer.error + ')';
}

function close() {
  const { viewId } = form()?.dataset ?? {};
  if (viewId) void post('/page/view/close', { viewId });
}

export function startModals() {
  dialog().addEventListener('submit', (event) => {
    event.preventDefault();
    void submit();
  });
  dialog().addEventListener('click', (event) => {
    if (event.target.closest('[data-role="modal-close"]')) close();
  });
  // Escape: the workspace decides what is open, so the dialog waits for its word.
  dialog().addEventListener('cancel', (event) => {
    event.preventDefault();
    close();
  });
  if (form()) {
    dialog().showModal();
    showErrors();
  }
}
`;
