/** Style sheet, second part: texts, blocks, elements, tables and charts. */
export const BLOCK_STYLES = `
.text { white-space: pre-wrap; }
.text:empty { display: none; }
.emoji { font-family: "Noto Color Emoji", "Apple Color Emoji", "Segoe UI Emoji", sans-serif; font-size: 1.08em; line-height: 1; }
strong { font-weight: 700; }
code { font: 0.82em/1.5 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; color: #b3244d; background: #1d1c1d0a; border: 1px solid #1d1c1d21; border-radius: 3px; padding: 1px 3px; overflow-wrap: anywhere; }
pre { font: 12px/1.5 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; background: #1d1c1d0a; border: 1px solid #1d1c1d21; border-radius: 4px; padding: 8px; margin: 4px 0; white-space: pre-wrap; overflow-x: auto; }
blockquote { margin: 4px 0; padding-left: 14px; border-left: 4px solid var(--line); }
.mention { background: #1d9bd11a; color: var(--link); border-radius: 3px; padding: 0 2px 1px; }
.mention-me { background: #f2c74466; }
.rich-list { padding-left: 26px; }
.rich-indent-1 { margin-left: 28px; } .rich-indent-2 { margin-left: 56px; } .rich-indent-3 { margin-left: 84px; }
.unsupported { color: var(--muted); font-size: 13px; }

.message-body > * { max-width: 680px; }
.message-body > .block-table, .message-body > .block-data-table { max-width: 900px; }
.block + .block { margin-top: 8px; }
.header-block { font-size: 18px; line-height: 1.35; font-weight: 900; }
.block hr { border: 0; border-top: 1px solid var(--line); margin: 8px 0; }
.section { display: flex; gap: 12px; align-items: flex-start; }
.section-body { flex: 1; min-width: 0; }
.section-accessory { flex: none; max-width: 50%; }
.section-accessory img { width: 88px; height: 88px; object-fit: cover; border-radius: 8px; }
.section-fields { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 8px 16px; }
.text + .section-fields { margin-top: 8px; }
.context { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 10px; font-size: 13px; color: var(--muted); }
.context .image-element { width: 20px; height: 20px; border-radius: 3px; object-fit: cover; }
.actions { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
.file-block { display: inline-block; padding: 8px 12px; border: 1px solid var(--line); border-radius: 8px; }
.image-block figcaption { font-size: 13px; color: var(--muted); }
.image-block img { display: block; max-width: 100%; max-height: 420px; border-radius: 8px; margin-top: 2px; }
.card { border: 1px solid var(--line); border-radius: 10px; padding: 12px; max-width: 420px; display: flex; flex-direction: column; gap: 4px; }
.card-title { font-weight: 700; } .card-subtitle { font-size: 13px; color: var(--muted); }
.card > .image-element { width: 100%; border-radius: 8px; }
.carousel { display: flex; gap: 8px; overflow-x: auto; } .carousel .card { flex: 0 0 260px; }
.container { border: 1px solid var(--line); border-radius: 10px; padding: 10px 12px; }
.container-title { font-weight: 700; } summary.container-title { cursor: pointer; }
.container > .block:first-of-type { margin-top: 6px; }
.library-block * { border: 0 solid; font-family: inherit !important; white-space: normal; }
.library-block pre, .library-block pre * { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace !important; white-space: pre-wrap; color: var(--ink); }
.library-block pre { border: 0; background: none; padding: 0; }
.library-block ol, .library-block ul { padding-left: 26px; margin: 4px 0; }
.library-block .slack_blocks_to_jsx__data_visualization_action { display: none; }
.library-block .max-w-\\[600px\\] { max-width: none; }
.library-block .dark\\:bg-dark-bg-primary { background: none; }

.button { display: inline-flex; align-items: center; gap: 4px; min-height: 30px; padding: 0 12px; border: 1px solid #1d1c1d4d; border-radius: 6px; background: #fff; color: var(--ink); font-size: 13px; font-weight: 700; cursor: pointer; max-width: 100%; }
.button:hover { background: var(--soft); text-decoration: none; box-shadow: 0 1px 2px #00000014; }
.button-primary { background: var(--green); border-color: var(--green); color: #fff; }
.button-primary:hover { background: #00664b; }
.button-danger { background: #fff; border-color: var(--red); color: var(--red); }
.confirm-dialog .button-danger { background: var(--red); color: #fff; }
.button:disabled { opacity: 0.6; cursor: default; }
.is-pending { opacity: 0.65; cursor: progress; }
.button.is-pending::after { content: ""; width: 11px; height: 11px; border: 2px solid currentColor; border-top-color: transparent; border-radius: 50%; animation: spin 0.8s linear infinite; }
.select, .field { min-height: 30px; padding: 2px 8px; border: 1px solid #1d1c1d4d; border-radius: 6px; background: #fff; font-size: 13px; max-width: 100%; }
.select { font-weight: 700; max-width: 260px; cursor: pointer; }
.choices { border: 0; display: grid; gap: 4px; }
.choice { display: flex; gap: 8px; align-items: baseline; } .choice small { display: block; color: var(--muted); }
.overflow { position: relative; }
.overflow summary { list-style: none; width: 34px; height: 30px; display: grid; place-items: center; border: 1px solid #1d1c1d4d; border-radius: 6px; cursor: pointer; }
.overflow-menu { position: absolute; z-index: 4; right: 0; margin-top: 4px; min-width: 180px; padding: 6px 0; background: #fff; border: 1px solid var(--line); border-radius: 8px; box-shadow: 0 6px 24px #0000002e; display: grid; }
.overflow-menu button { border: 0; background: none; text-align: left; padding: 6px 16px; cursor: pointer; }
.overflow-menu button:hover { background: var(--link); color: #fff; }
.input-block { display: grid; gap: 4px; margin: 6px 0 14px; }
.input-label { font-weight: 700; }
.input-block .select, .input-block .field { width: 100%; max-width: none; min-height: 38px; font-size: 15px; font-weight: 400; }
.input-block [aria-invalid="true"] { border-color: var(--red); box-shadow: 0 0 0 1px var(--red); }
.input-error { color: var(--red); font-size: 13px; } .input-error:empty { display: none; }
.input-hint { color: var(--muted); font-size: 13px; }

.table-scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; width: fit-content; max-width: 100%;
  background: linear-gradient(90deg, #fff 30%, transparent) 0 0 / 32px 100% local, linear-gradient(270deg, #fff 30%, transparent) 100% 0 / 32px 100% local,
    linear-gradient(90deg, #00000024, transparent) 0 0 / 12px 100% scroll, linear-gradient(270deg, #00000024, transparent) 100% 0 / 12px 100% scroll #fff;
  background-repeat: no-repeat; }
.grid { border-collapse: collapse; font-size: 13.5px; }
.grid caption { text-align: left; font-weight: 700; padding: 8px 12px; }
.grid th, .grid td { padding: 5px 12px; border-bottom: 1px solid #ececec; text-align: left; vertical-align: top; white-space: nowrap; overflow-wrap: normal; }
.grid tr > * + * { border-left: 1px solid #ececec; }
.grid thead th { background: #1d1c1d08; font-weight: 700; border-bottom-color: var(--line); }
.grid tbody tr:last-child > * { border-bottom: 0; }
.grid .align-right { text-align: right; font-variant-numeric: tabular-nums; }
.grid .align-center { text-align: center; }
.grid .is-wrapped { white-space: normal; overflow-wrap: anywhere; min-width: 150px; }
.grid .text { white-space: inherit; }

.chart { border: 1px solid var(--line); border-radius: 8px; padding: 12px 24px 10px 16px; max-width: 600px; background: #fff; }
.chart figcaption { font-weight: 700; }
.chart-legend { display: flex; flex-wrap: wrap; gap: 2px 16px; list-style: none; font-size: 12.5px; color: var(--muted); margin: 2px 0 6px; }
.chart-legend li { display: flex; align-items: center; gap: 6px; }
.chart-y-label, .chart-x-label { font-size: 11.5px; color: var(--muted); line-height: 1.3; }
.chart-y-label { margin-bottom: 8px; } .chart-x-label { text-align: center; }
.chart-y-label:empty, .chart-x-label:empty { display: none; }
.chart-body { display: grid; grid-template-columns: auto minmax(0, 1fr); column-gap: 8px; font-size: 11.5px; color: var(--muted); }
.chart-y { position: relative; text-align: right; font-variant-numeric: tabular-nums; }
.chart-y span:not(.chart-y-room) { position: absolute; right: 0; transform: translateY(50%); line-height: 1; }
.chart-y-room { visibility: hidden; }
.chart-plot { width: 100%; height: 168px; overflow: visible; display: block; }
.chart-plot path { vector-effect: non-scaling-stroke; }
.chart-grid { stroke: #e6e6e6; stroke-width: 1; } .chart-zero { stroke: #b8b8b8; stroke-width: 1; }
.chart-line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.chart-dot { stroke-width: 5.5; stroke-linecap: round; } .chart-point:hover .chart-dot { stroke-width: 10; }
.chart-target { stroke: transparent; stroke-width: 18; stroke-linecap: round; }
.chart-x { grid-column: 2; position: relative; height: 20px; margin-top: 6px; }
.chart-x span { position: absolute; transform: translateX(-50%); white-space: nowrap; }

@media (max-width: 700px) {
  .section-fields { grid-template-columns: minmax(0, 1fr); }
  .section { flex-wrap: wrap; }
  .chart { padding: 10px 20px 8px 12px; }
  .chart-x .is-minor { display: none; }
  .select { max-width: 100%; }
}
`;
