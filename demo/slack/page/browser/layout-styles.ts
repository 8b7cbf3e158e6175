/** Style sheet, first part: the frame of the page, the list of messages, the composer, panels and dialogs. */
export const LAYOUT_STYLES = `
:root {
  --ink: #1d1c1d; --muted: #616061; --line: #dddddd; --soft: #f8f8f8; --link: #1264a3; --green: #007a5a; --red: #c01343;
  --bar: #2b1a3d; --bar-ink: #d6cbe0; --bar-active: #4f6fb5;
  color-scheme: light;
  font: 15px/1.46667 Lato, "Segoe UI", system-ui, -apple-system, sans-serif;
}
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body { color: var(--ink); background: #fff; overflow: hidden; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
h1, h2, h3, p, ul, ol, figure, fieldset { margin: 0; padding: 0; }
button, input, select, textarea { font: inherit; color: inherit; }
:focus-visible { outline: 2px solid #1d9bd1; outline-offset: 1px; }
.muted { color: var(--muted); font-weight: 400; }
.visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip-link { position: absolute; left: 8px; top: -60px; z-index: 50; background: #fff; padding: 8px 12px; border-radius: 6px; }
.skip-link:focus { top: 8px; }
[hidden] { display: none !important; }

.app { display: grid; grid-template-columns: 232px minmax(0, 1fr); height: 100dvh; }
.app.has-thread { grid-template-columns: 232px minmax(0, 1fr) 400px; }
.sidebar { background: var(--bar); color: var(--bar-ink); display: flex; flex-direction: column; padding: 0 8px; min-height: 0; overflow-y: auto; }
.workspace-name { color: #fff; font-size: 18px; font-weight: 900; padding: 13px 8px 12px; margin: 0 -8px 10px; border-bottom: 1px solid #ffffff1f; padding-left: 16px; }
.sidebar h2 { font-size: 13px; font-weight: 700; padding: 8px 8px 4px; opacity: 0.85; }
.sidebar ul { list-style: none; }
.sidebar li a, .apps li { display: flex; align-items: center; gap: 8px; padding: 4px 8px; border-radius: 6px; color: inherit; }
.sidebar li a:hover { background: #ffffff14; text-decoration: none; }
.sidebar li a[aria-current] { background: var(--bar-active); color: #fff; }
.sidebar .muted { color: inherit; opacity: 0.7; font-size: 12px; }
.channel-name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.hash { opacity: 0.7; width: 12px; text-align: center; }
.unread-dot { display: none; margin-left: auto; width: 9px; height: 9px; border-radius: 50%; background: #fff; }
.is-unread a { color: #fff; font-weight: 900; }
.is-unread .unread-dot { display: block; }
.presence { width: 9px; height: 9px; margin: 0 2px; border-radius: 50%; background: #4fc28c; }
.reader { margin-top: auto; padding: 12px 8px; display: flex; flex-direction: column; line-height: 1.3; }
.reader strong { color: #fff; }
.reader span { font-size: 13px; opacity: 0.8; }

.channel { display: flex; flex-direction: column; min-width: 0; min-height: 0; position: relative; }
.channel-head, .thread-head { display: flex; align-items: center; gap: 8px; min-height: 50px; padding: 0 20px; border-bottom: 1px solid var(--line); flex: none; }
.channel-head h1, .thread-head h2 { font-size: 18px; font-weight: 900; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.thread-head .muted { font-size: 13px; margin-left: 4px; }
.thread-head .icon-button { margin-left: auto; }
.connection { margin-left: auto; font-size: 13px; color: var(--red); }
.icon-button { display: inline-grid; place-items: center; width: 32px; height: 32px; border: 0; border-radius: 6px; background: none; color: var(--muted); cursor: pointer; }
.icon-button:hover { background: #1d1c1d14; text-decoration: none; }
.menu-button { display: none; margin-left: -8px; font-size: 18px; }
.notice { display: flex; align-items: center; gap: 10px; padding: 8px 20px; background: #fff8e1; border-bottom: 1px solid #f0dfa8; font-size: 14px; }
.spinner { width: 14px; height: 14px; flex: none; border: 2px solid #c9a43a; border-top-color: transparent; border-radius: 50%; animation: spin 0.9s linear infinite; }
@keyframes spin { to { transform: rotate(360deg); } }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; } }

.messages, .thread-messages { flex: 1; min-height: 0; overflow-y: auto; padding: 12px 0 16px; overflow-wrap: anywhere; }
.messages:focus-visible, .thread-messages:focus-visible { outline-offset: -2px; }
.channel-start { padding: 24px 20px 8px; }
.channel-start strong { font-size: 22px; font-weight: 900; }
.older { text-align: center; font-size: 13px; padding: 8px; }
.message { position: relative; display: grid; grid-template-columns: 36px minmax(0, 1fr); column-gap: 8px; padding: 8px 20px; }
.message:hover, .message:focus-within { background: var(--soft); }
.avatar { width: 36px; height: 36px; border-radius: 8px; margin-top: 3px; }
.avatar-letter { display: grid; place-items: center; color: #fff; font-weight: 700; font-size: 16px; }
.message-head { display: flex; align-items: baseline; gap: 8px; line-height: 1.4; }
.author { font-weight: 900; }
.app-badge { align-self: center; font-size: 10px; font-weight: 700; line-height: 14px; padding: 0 3px; border-radius: 2px; background: #e8e8e8; color: var(--muted); }
.message-head time { font-size: 12px; color: var(--muted); }
.edited { color: var(--muted); font-size: 12px; }
.broadcast-note { font-size: 13px; color: var(--muted); }
.continues .avatar, .continues .message-head { display: none; }
.continues .message { padding-top: 0; padding-bottom: 4px; }
.continues .message-main { grid-column: 2; }
.day-divider { display: none; position: relative; text-align: center; margin: 10px 0; }
.starts-day > .day-divider { display: block; }
.day-divider::before { content: ""; position: absolute; left: 0; right: 0; top: 50%; border-top: 1px solid var(--line); }
.day-divider span { position: relative; background: #fff; border: 1px solid var(--line); border-radius: 24px; padding: 4px 16px; font-size: 13px; font-weight: 700; }
.is-ephemeral .message { background: #f6f9fc; }
.ephemeral-note { font-size: 13px; color: var(--muted); line-height: 1.4; }
.ephemeral-note::before { content: ""; display: inline-block; width: 13px; height: 8px; margin-right: 6px; border: 1.5px solid currentColor; border-radius: 60% / 90%; background: radial-gradient(circle at center, currentColor 2px, transparent 2.5px); vertical-align: 0; }
.command-echo { padding: 4px 20px 4px 64px; color: var(--muted); font-size: 13px; }
.command-echo.is-pending::after { content: " …"; }
.thread-footer { display: flex; width: fit-content; max-width: 100%; align-items: center; gap: 6px; margin: 4px 0 0 -4px; padding: 3px 8px 3px 4px; border: 1px solid transparent; border-radius: 6px; font-size: 13px; }
.thread-footer:hover { background: #fff; border-color: var(--line); text-decoration: none; }
.thread-footer .avatar { width: 24px; height: 24px; margin: 0; font-size: 12px; border-radius: 5px; flex: none; }
.reply-link { position: absolute; top: -12px; right: 20px; padding: 3px 10px; background: #fff; border: 1px solid var(--line); border-radius: 8px; font-size: 13px; color: var(--muted); opacity: 0; box-shadow: 0 1px 3px #0000001a; }
.message:hover .reply-link, .reply-link:focus { opacity: 1; }
.action-error { color: var(--red); font-size: 13px; }
.action-error:not(:empty)::before { content: "⚠ "; }
.jump { position: absolute; left: 50%; bottom: 86px; transform: translateX(-50%); border: 0; border-radius: 24px; padding: 6px 16px; background: var(--link); color: #fff; font-weight: 700; font-size: 13px; cursor: pointer; box-shadow: 0 2px 8px #0003; }

.composer { position: relative; display: flex; align-items: flex-end; margin: 0 20px 20px; border: 1px solid #8d8d8d; border-radius: 8px; background: #fff; flex: none; }
.composer:focus-within { border-color: #5b5b5b; box-shadow: 0 1px 4px #0000001f; }
.composer textarea { flex: 1; min-width: 0; border: 0; outline: 0; resize: none; padding: 10px 12px; background: none; max-height: 200px; }
.composer textarea::placeholder { white-space: nowrap; text-overflow: ellipsis; }
.composer-error { position: absolute; bottom: -19px; left: 4px; font-size: 12px; color: var(--red); }
.send { width: 32px; height: 32px; margin: 5px; border: 0; border-radius: 6px; background: var(--green); color: #fff; cursor: pointer; display: grid; place-items: center; }
.composer:has(textarea:placeholder-shown) .send { background: none; color: #9a9a9a; }
.send svg { width: 18px; height: 18px; }
.composer-closed { margin: 0 20px 20px; padding: 12px; text-align: center; background: var(--soft); border-radius: 8px; color: var(--muted); }
.command-list { position: absolute; left: -1px; right: -1px; bottom: calc(100% + 6px); max-height: 50vh; overflow-y: auto; list-style: none; padding: 6px; background: #fff; border: 1px solid var(--line); border-radius: 8px; box-shadow: 0 6px 24px #0000002e; z-index: 5; }
.command-list li { display: flex; flex-direction: column; padding: 6px 10px; border-radius: 6px; cursor: pointer; line-height: 1.35; }
.command-list li[aria-selected="true"], .command-list li:hover { background: #e8f1f9; }
.command-list .usage { color: var(--muted); font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 12.5px; }
.command-list .muted { font-size: 13px; }

.thread { border-left: 1px solid var(--line); display: none; flex-direction: column; min-width: 0; min-height: 0; background: #fff; }
.has-thread .thread { display: flex; }
.thread .message { padding: 8px 16px; }
.thread .day-divider, .thread .thread-footer, .thread .reply-link, .thread .broadcast-note { display: none; }
.thread-messages > .entry:first-child { border-bottom: 1px solid var(--line); padding-bottom: 8px; margin-bottom: 8px; }
.thread .composer { margin: 0 16px 20px; }
.thread-messages > p { padding: 8px 16px; }

.modal-dialog { width: min(520px, calc(100vw - 24px)); max-height: calc(100dvh - 40px); padding: 0; border: 0; border-radius: 10px; box-shadow: 0 18px 48px #0000004d; color: inherit; }
.modal-dialog::backdrop { background: #00000080; }
.confirm-dialog { width: min(420px, calc(100vw - 24px)); }
.modal { display: flex; flex-direction: column; max-height: calc(100dvh - 40px); }
.modal-head, .modal-foot { display: flex; align-items: center; padding: 14px 20px; gap: 10px; flex: none; }
.modal-head h2 { font-size: 20px; font-weight: 900; flex: 1; }
.modal-body { padding: 4px 20px 8px; overflow-y: auto; }
.modal-foot { justify-content: flex-end; border-top: 1px solid var(--line); }

@media (max-width: 1080px) {
  .app.has-thread { grid-template-columns: 232px minmax(0, 1fr); }
  .has-thread .thread { position: fixed; inset: 0 0 0 auto; width: min(420px, 100vw); z-index: 20; box-shadow: -8px 0 24px #0000002e; }
}
@media (max-width: 700px) {
  .app, .app.has-thread { grid-template-columns: minmax(0, 1fr); }
  .menu-button { display: inline-grid; }
  .sidebar { position: fixed; inset: 0 auto 0 0; width: 260px; z-index: 30; transform: translateX(-100%); visibility: hidden; transition: transform 0.15s; }
  .has-sidebar .sidebar { transform: none; visibility: visible; box-shadow: 8px 0 24px #0000004d; }
  .message { padding: 8px 12px; }
  .command-echo { padding-left: 56px; }
  .channel-head, .thread-head { padding: 0 12px; }
  .channel-start { padding: 16px 12px 8px; }
  .composer, .composer-closed { margin: 0 12px 12px; }
  .composer textarea { font-size: 16px; }
}
`;
