/** An answer before it is written to the wire. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const JSON_TYPE = 'application/json';
/** Go's http.Error says that everything is plain text, JSON too. */
const TEXT_TYPE = 'text/plain; charset=utf-8';
const HTML_TYPE = 'text/html; charset=utf-8';

export const NOT_FOUND: Answer = { status: 404, contentType: TEXT_TYPE, body: '404 page not found\n' };

/** What is stored comes from the mesh; the routes that take anything are left out. */
export const NOT_ALLOWED: Answer = { status: 405, contentType: TEXT_TYPE, body: 'Method Not Allowed\n' };

export const json = (body: unknown, contentType: string = JSON_TYPE): Answer => ({
  status: 200,
  contentType,
  body: JSON.stringify(body),
});

export const failure = (status: number, body: unknown): Answer => ({
  status,
  contentType: TEXT_TYPE,
  body: `${JSON.stringify(body)}\n`,
});

export const page = (html: string): Answer => ({ status: 200, contentType: HTML_TYPE, body: html });
