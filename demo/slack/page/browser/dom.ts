/** Browser module `dom.js`: finding elements, sending to the server. */
export const DOM_SCRIPT = String.raw`
const meta = (name) => document.querySelector('meta[name="' + name + '"]').content;

export const lastEventId = meta('last-event-id');
export const currentChannel = document.body.dataset.channel;

export const find = (role, within = document) => within.querySelector('[data-role="' + role + '"]');
export const findAll = (role, within = document) => [...within.querySelectorAll('[data-role="' + role + '"]')];
export const messageIn = (list, ts) => list && list.querySelector('[data-message-ts="' + CSS.escape(ts) + '"]');

/** The one element that a piece of the server's markup holds. */
export function elementFrom(html) {
  const template = document.createElement('template');
  template.innerHTML = html;
  return template.content.firstElementChild;
}

/** Sends what the reader did; resolves to the server's answer, also when the server is away. */
export async function post(path, body) {
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-page-token': meta('page-token') },
      body: JSON.stringify(body),
    });
    return await response.json();
  } catch {
    return { ok: false, error: 'not_connected', detail: 'The workspace does not answer.' };
  }
}
`;
