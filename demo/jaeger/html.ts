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
  :root { color-scheme: light; --line: #e1e6ea; --ink: #17212b; --faint: #5d6b78; --link: #0b6b78; --bad: #c4231a; --brand: #11939a; }
  * { box-sizing: border-box; }
  body { margin: 0; font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: #f4f6f8; }
  header { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 20px; padding: 10px 20px; background: #14212b; color: #a9bac6; font-size: 13px; }
  header b { color: #fff; font-size: 15px; }
  header a { color: #fff; text-decoration: none; border-bottom: 2px solid var(--brand); }
  main { padding: 16px 20px 40px; max-width: 1600px; margin: 0 auto; }
  h1 { font-size: 19px; margin: 0 0 4px; overflow-wrap: anywhere; }
  h2 { font-size: 14px; margin: 0 0 8px; }
  a { color: var(--link); }
  p { margin: 4px 0 12px; }
  .card { background: #fff; border: 1px solid var(--line); border-radius: 6px; padding: 14px 16px; margin: 0 0 14px; }
  .faint { color: var(--faint); }
  .bad { color: var(--bad); font-weight: 600; }
  .mono { font-family: ui-monospace, monospace; font-size: 12px; overflow-wrap: anywhere; }
  .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
  .facts { display: flex; flex-wrap: wrap; gap: 2px 20px; margin: 0 0 10px; padding: 0; list-style: none; color: var(--faint); }
  .facts b { color: var(--ink); font-weight: 600; }
  .dot { display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-right: 5px; background: var(--hue); }
  table { border-collapse: collapse; width: 100%; }
  th { text-align: left; font-size: 12px; color: var(--faint); font-weight: 600; }
  th, td { padding: 4px 8px; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
  form { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: end; }
  label { font-size: 12px; color: var(--faint); display: grid; gap: 2px; }
  input, select, button { font: inherit; padding: 4px 8px; border: 1px solid #bcc6ce; border-radius: 4px; background: #fff; max-width: 100%; }
  input { width: 150px; }
  button { background: var(--brand); border-color: var(--brand); color: #fff; padding: 4px 16px; cursor: pointer; }
  .plot { position: relative; height: 150px; margin: 8px 8px 0 64px; border-left: 1px solid var(--line); }
  .plot i { position: absolute; left: 0; right: 0; border-bottom: 1px solid var(--line); font: 11px/0 system-ui, sans-serif; color: var(--faint); text-indent: -62px; }
  .plot u { position: absolute; left: 0; right: 0; border-bottom: 2px dashed var(--bad); color: var(--bad); font-size: 11px; text-align: right; text-decoration: none; }
  .plot a { position: absolute; width: 12px; height: 12px; margin: 0 0 -6px -6px; border-radius: 50%; background: var(--brand); opacity: .7; }
  .plot a.failed { background: var(--bad); }
  .plot-times { display: flex; justify-content: space-between; margin: 4px 8px 0 64px; font-size: 11px; color: var(--faint); }
  .found-trace { display: block; color: inherit; text-decoration: none; padding: 0; overflow: hidden; }
  .found-trace:hover { border-color: var(--brand); }
  .found-trace .title { display: flex; gap: 12px; justify-content: space-between; padding: 8px 12px; background: linear-gradient(90deg, #d8f0f1 var(--share), #f4f8f9 var(--share)); overflow-wrap: anywhere; }
  .found-trace .about { display: flex; flex-wrap: wrap; gap: 4px 14px; padding: 8px 12px; font-size: 12px; color: var(--faint); }
  .minimap { display: block; width: 100%; height: 52px; background: #f7f9fa; border: 1px solid var(--line); }
  .spans { border: 1px solid var(--line); border-top: 0; font-size: 13px; }
  .row { display: grid; grid-template-columns: minmax(180px, 38%) 1fr; }
  .ticks { position: relative; height: 22px; border-left: 1px solid var(--line); color: var(--faint); font-size: 11px; }
  .ticks span { position: absolute; top: 3px; padding-left: 4px; }
  .ticks span:last-child { right: 4px; }
  .head { background: #f0f3f5; font-size: 12px; font-weight: 600; }
  .head > div:first-child { padding: 3px 8px; }
  .spans details { border-top: 1px solid #eef1f3; }
  .spans details[open] { background: #fafcfc; }
  .spans details.found { background: #fff5cf; }
  .spans summary { cursor: pointer; list-style: none; }
  .spans summary::-webkit-details-marker { display: none; }
  .spans summary:hover { background: #f3fafb; }
  .name { padding: 3px 8px 3px calc(8px + 13px * var(--depth)); background: repeating-linear-gradient(90deg, #e6ebee 0 1px, transparent 1px 13px) 8px 0 / calc(13px * var(--depth)) 100% no-repeat; overflow-wrap: anywhere; }
  .name b { border-left: 4px solid var(--hue); padding-left: 6px; }
  .lane { position: relative; min-height: 25px; border-left: 1px solid var(--line); background: repeating-linear-gradient(90deg, #edf0f2 0 1px, transparent 1px 25%); }
  .bar { position: absolute; top: 5px; height: 16px; min-width: 2px; border-radius: 2px; background: var(--hue); }
  .bar.client { background: color-mix(in srgb, var(--hue) 45%, white); }
  .bar.failed { outline: 2px solid var(--bad); }
  .lane em { position: absolute; top: 5px; font-style: normal; font-size: 11px; color: var(--faint); padding: 0 5px; white-space: nowrap; }
  .lane em.inside { color: #fff; } .lane .client + em.inside { color: var(--ink); }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: 1px 14px; margin: 0; padding: 6px 12px 10px; font-size: 12px; }
  dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
  .compared { display: grid; grid-template-columns: 1fr 1fr; gap: 14px; align-items: start; }
  .compared .row { grid-template-columns: 46% 1fr; }
  .more { color: var(--bad); } .less { color: #1b7f4b; }
  @media (max-width: 900px) { .compared { grid-template-columns: 1fr; } }
  @media (max-width: 600px) {
    main { padding: 10px 10px 30px; } .card { padding: 10px; }
    .row, .compared .row { grid-template-columns: 1fr; } .lane, .ticks { border-left: 0; } .name { --depth: 0; padding-bottom: 0; }
    form label { width: calc(50% - 6px); } form input, form select { width: 100%; } .card.found-trace { padding: 0; } dl { grid-template-columns: 1fr; } dd { margin-bottom: 4px; }
  }
`;

/** A whole page. */
export function layout(title: string, content: Html): string {
  const body = html`<header><b>Jaeger</b><a href="/search">Search</a><span>a stand-in, part of the demo</span></header>
<main>${content}</main>`;
  return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title><style>${STYLE}</style></head>
<body>${body.html}</body>
</html>
`;
}

/** Distinct on white, also to a reader who does not distinguish red and green. */
const HUES = [
  '#2b8cbe',
  '#e08214',
  '#1b9e77',
  '#8856a7',
  '#c51b7d',
  '#7f6000',
  '#4d6a8f',
  '#0b9aa5',
  '#a6611a',
  '#5e4fa2',
];

/** A color for each of the services of a page, in alphabetical order: as many differ as there are colors. */
export function huesOf(services: Iterable<string>): (service: string) => string {
  const order = new Map([...new Set(services)].toSorted().map((service, index) => [service, index]));
  return (service) => HUES[(order.get(service) ?? 0) % HUES.length] ?? '';
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
