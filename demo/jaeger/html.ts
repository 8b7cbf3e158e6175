/** Text that is HTML already. */
export interface Html {
  readonly html: string;
}

type Piece = string | number | Html | readonly Html[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escape = (text: string): string => text.replace(/[&<>"']/g, (letter) => ENTITIES[letter] ?? letter);

function render(piece: Piece): string {
  if (typeof piece === 'string') return escape(piece);
  if (typeof piece === 'number') return String(piece);
  return 'html' in piece ? piece.html : piece.map(({ html }) => html).join('');
}

/** A template that escapes whatever is put into it, unless it is HTML made by this same template. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  return { html: strings.reduce((text, part, i) => `${text}${render(pieces[i - 1] ?? '')}${part}`) };
}

const STYLE = `
  :root { color-scheme: light; --line: #d9dee3; --ink: #1f2933; --faint: #62707c; --link: #0b6b78; --bad: #b42318; }
  * { box-sizing: border-box; }
  body { margin: 0; font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: #fff; }
  header { padding: 10px 20px; border-bottom: 1px solid var(--line); background: #f5f7f8; }
  header a { font-weight: 600; text-decoration: none; margin-right: 18px; }
  main { padding: 16px 20px 40px; }
  h1 { font-size: 19px; margin: 0 0 4px; overflow-wrap: anywhere; }
  a { color: var(--link); }
  p { margin: 4px 0 12px; }
  .faint { color: var(--faint); }
  .bad { color: var(--bad); font-weight: 600; }
  table { border-collapse: collapse; width: 100%; table-layout: fixed; }
  th { text-align: left; font-size: 12px; color: var(--faint); font-weight: 600; }
  th, td { padding: 4px 8px; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
  td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
  tr.found td { background: #fff6d6; }
  .track { position: relative; height: 14px; margin-top: 3px; background: #f0f2f4; }
  .bar { position: absolute; top: 0; height: 14px; min-width: 2px; background: #4a93a0; }
  .bar.client { background: #a9c8ce; }
  .bar.failed { background: var(--bad); }
  details summary { cursor: pointer; color: var(--faint); }
  details dl { display: grid; grid-template-columns: max-content 1fr; gap: 1px 12px; margin: 4px 0; font-size: 12px; }
  dt { color: var(--faint); } dd { margin: 0; }
  form { display: flex; flex-wrap: wrap; gap: 8px 12px; margin: 8px 0 16px; align-items: end; }
  label { font-size: 12px; color: var(--faint); display: grid; gap: 2px; }
  input, select, button { font: inherit; padding: 4px 6px; border: 1px solid #b6c0c8; border-radius: 3px; background: #fff; }
  button { background: var(--link); border-color: var(--link); color: #fff; padding: 4px 14px; cursor: pointer; }
`;

/** A whole page. */
export function layout(title: string, content: Html): string {
  const body = html`<header><a href="/search">Traces</a><span class="faint">a stand-in for Jaeger, part of the demo</span></header>
<main>${content}</main>`;
  return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title><style>${STYLE}</style></head>
<body>${body.html}</body>
</html>
`;
}

/** A duration in µs for reading: `812 µs`, `4.21 ms`, `1.35 s`. */
export function readableDuration(microseconds: number): string {
  if (microseconds < 1_000) return `${Math.round(microseconds)} µs`;
  if (microseconds < 1_000_000)
    return `${(microseconds / 1_000).toPrecision(microseconds < 100_000 ? 3 : 4)} ms`;
  return `${(microseconds / 1_000_000).toFixed(2)} s`;
}

/** An instant in µs as UTC with milliseconds. */
export function readableInstant(microseconds: number): string {
  return new Date(microseconds / 1_000).toISOString().replace('T', ' ').replace('Z', ' UTC');
}
