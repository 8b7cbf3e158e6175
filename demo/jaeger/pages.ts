import { type Answer, page } from './answer.ts';
import { GoError } from './go-text.ts';
import { html, layout } from './html.ts';
import type { StoredTrace } from './model.ts';
import { type Backend, parseTraceId } from './reader.ts';
import { searchPage } from './search-page.ts';
import { tracePage } from './trace-page.ts';

/** Two ids joined like this are the UI's comparison. */
const COMPARED = '...';

function find(backend: Backend, text: string): StoredTrace | undefined {
  try {
    return backend.store.get(parseTraceId(text, backend.behavior));
  } catch (error) {
    if (error instanceof GoError) return undefined;
    throw error;
  }
}

function answerTrace(backend: Backend, path: string, query: URLSearchParams): Answer {
  const ids = path.split(COMPARED).filter((id) => id !== '');
  const traces = ids.map((id) => find(backend, id));
  const missing = ids.filter((_id, i) => traces[i] === undefined);
  if (missing.length > 0 || ids.length === 0) {
    const content = html`<h1>Trace not found</h1><p>No trace ${missing.join(', ')} is stored. It may not be sampled, not have arrived yet, or be forgotten.</p>`;
    return { ...page(layout('Trace not found', content)), status: 404 };
  }
  // Pages show what is stored: only the API's reads change a trace in the older versions.
  const found = traces.flatMap((trace) => (trace === undefined ? [] : [trace.spans]));
  return page(tracePage(found, query.get('uiFind') ?? ''));
}

function indexPage(backend: Backend): string {
  const links = backend.store
    .services()
    .toSorted()
    .map((name) => html`<li><a href="/search?service=${encodeURIComponent(name)}">${name}</a></li>`);
  return layout('Traces', html`<h1>Services</h1><ul>${links}</ul>`);
}

/** The pages behind the links of the Jaeger UI. Like the UI, it answers every path it does not know with its index. */
export function answerPage(backend: Backend, url: URL): Answer {
  const [, first, second] = url.pathname.split('/');
  if (first === 'search') return page(searchPage(backend, url.searchParams));
  if (first === 'trace' && second !== undefined) return answerTrace(backend, second, url.searchParams);
  return page(indexPage(backend));
}
