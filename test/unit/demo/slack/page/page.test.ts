import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWorkspacePage, type WorkspacePage } from '../../../../../demo/slack/page/server.ts';
import { epochMs } from '../../../../../src/lib/units.ts';
import { ADA, ALERTS, CHECKOUT, createFakeWorkspace, type FakeWorkspace, SAM } from './fake-workspace.ts';
import { request } from './http.ts';
import { NOW, tsAt } from './render.ts';
import { silenceView } from './sample-blocks.ts';

let workspace: FakeWorkspace;
let page: WorkspacePage;
let url: string;

beforeEach(async () => {
  workspace = createFakeWorkspace();
  page = createWorkspacePage({
    workspace,
    clock: { now: () => NOW },
    readerId: ADA.id,
    title: 'Shop <on-call>',
    commands: [{ command: '/trace', description: 'Slow traces', usageHint: 'slowest <service>' }],
  });
  ({ url } = await page.listen({ port: 0 }));
});

afterEach(() => page.close());

const open = async (path = `c/${ALERTS.id}`): Promise<string> => (await request(url + path)).body;
const token = async (): Promise<string> =>
  /<meta name="page-token" content="([^"]+)"/.exec(await open())?.[1] ?? '';
const entryOf = (html: string, ts: string): string =>
  html.split('<div class="entry').find((part) => part.includes(`data-message-ts="${ts}"`)) ?? '';

async function post(path: string, body: unknown): Promise<{ status: number; body: unknown }> {
  const answer = await request(url + path, {
    method: 'POST',
    headers: { 'x-page-token': await token(), origin: url.slice(0, -1) },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: JSON.parse(answer.body) };
}

describe('the page', () => {
  it('leads from the root to the first open channel', async () => {
    const answer = await request(url);
    expect([answer.status, answer.headers['location']]).toEqual([302, `/c/${ALERTS.id}`]);
  });

  it('has landmarks, a composer, the commands with their usage, and escapes its own title', async () => {
    const html = await open();
    for (const part of [
      '<nav class="sidebar"',
      '<main class="channel"',
      'aria-label="Thread"',
      'aria-live="polite"',
    ]) {
      expect(html).toContain(part);
    }
    expect(html).toContain('<title>#slo-alerts · Shop &lt;on-call&gt;</title>');
    expect(html).toContain('data-role="composer" data-channel="C0ALERTS"');
    expect(html).toContain('<strong>/trace</strong> <span class="usage">slowest &lt;service&gt;</span>');
  });

  it('shows a text with a tag as a text with a tag', async () => {
    workspace.post({ ts: tsAt(-5), text: '<script>alert(1)</script><img src=x onerror=alert(2)>' });
    const html = await open();
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt;');
    expect(html.match(/<script/g)).toHaveLength(1);
  });

  it('shows the blocks, or the text where there are none', async () => {
    const blocks = [{ type: 'section', block_id: 's', text: { type: 'mrkdwn', text: 'the block' } }];
    workspace.post({ ts: tsAt(-5), text: 'for the notification', blocks });
    workspace.post({ ts: tsAt(-4), text: 'only text' });
    const html = await open();
    expect(html).toContain('the block');
    expect(html).not.toContain('for the notification');
    expect(html).toContain('only text');
  });

  it('marks the app, an edit, and what only the reader sees, and hides what only another sees', async () => {
    workspace.post({ ts: tsAt(-5), text: 'edited one', editedAt: epochMs(NOW - 1_000) });
    workspace.post({ ts: tsAt(-4), text: 'for ada', ephemeralFor: ADA.id });
    workspace.post({ ts: tsAt(-3), text: 'for sam', ephemeralFor: SAM.id });
    const html = await open();
    expect(entryOf(html, tsAt(-5))).toContain('<span class="app-badge">APP</span>');
    expect(entryOf(html, tsAt(-5))).toContain('(edited)');
    expect(entryOf(html, tsAt(-4))).toContain('Only visible to you');
    expect(html).not.toContain('for sam');
  });

  it('groups what one person says within five minutes, and begins each day with a divider', async () => {
    const says = (seconds: number, userId = SAM.id): string => {
      workspace.post({ ts: tsAt(seconds), userId, text: 'x' });
      return tsAt(seconds);
    };
    // 00:00 in Berlin is 15 h 12 min before now.
    const midnight = -15 * 3_600 - 12 * 60;
    const all = [midnight - 60, midnight + 60, midnight + 120, midnight + 421].map((s) => says(s));
    all.push(says(-5, ADA.id));
    const html = await open();
    const classes = all.map((ts) => /^([^"]*)"/.exec(entryOf(html, ts))?.[1]?.trim());
    expect(classes).toEqual(['starts-day', 'starts-day', 'continues', '', '']);
    expect(html.match(/<span>(?:Yesterday|Today)<\/span>/g)).toHaveLength(5);
  });

  it('gives a message its thread: count, last reply, and the replies in the panel', async () => {
    workspace.post({ ts: tsAt(-60), text: 'root' });
    workspace.post({ ts: tsAt(-50), text: 'first', threadTs: tsAt(-60) });
    workspace.post({ ts: tsAt(-40), text: 'second', userId: SAM.id, threadTs: tsAt(-60) });
    const html = await open();
    expect(entryOf(html, tsAt(-60))).toContain('<strong>2 replies</strong>');
    expect(entryOf(html, tsAt(-60))).toContain('Last reply today at 15:11');
    expect(html).not.toContain('second');
    const panel = await open(`c/${ALERTS.id}/thread/${tsAt(-60)}`);
    expect(panel).toContain('second');
    expect(panel).toContain(
      `data-role="thread-composer" data-channel="C0ALERTS" data-thread-ts="${tsAt(-60)}"`,
    );
    expect(await open(`c/${ALERTS.id}?thread=${tsAt(-60)}`)).toContain('class="app has-thread"');
  });

  it('dots a channel until it is opened', async () => {
    workspace.post({ ts: tsAt(-5), channelId: CHECKOUT.id, text: 'new' });
    const dotted = '<li data-role="channel" data-channel="C0CHECKOUT" class="is-unread">';
    expect(await open()).toContain(dotted);
    await open(`c/${CHECKOUT.id}`);
    expect(await open()).not.toContain(dotted);
    workspace.post({ ts: tsAt(-4), channelId: CHECKOUT.id, userId: ADA.id, text: 'my own' });
    expect(await open()).not.toContain(dotted);
  });

  it('has no composer in an archived channel', async () => {
    workspace.archiveChannel(ALERTS.id);
    const html = await open();
    expect(html).not.toContain('data-role="composer"');
    expect(html).toContain('an archived channel');
  });

  it('shows a notice for as long as it is set', async () => {
    page.setNotice('The mesh is starting…');
    expect(await open()).toContain('<span data-role="notice-text">The mesh is starting…</span>');
    page.setNotice(undefined);
    expect(await open()).toContain('role="status" hidden=""');
  });

  it('shows the form on top of the reader, with the errors for its fields', async () => {
    workspace.showView({ ...silenceView(), errors: { comment: 'Say why', elsewhere: 'No such day' } });
    const html = await open();
    expect(html).toContain('data-role="modal" data-view-id="V0SILENCE" data-callback-id="silence"');
    expect(html).toContain('data-errors="{&quot;comment&quot;:&quot;Say why&quot;');
    expect(html).toContain('<div class="input-error" data-role="modal-error" role="alert">No such day</div>');
    expect(html).toMatch(
      /<input class="field" data-role="input" data-action-type="timepicker"[^>]*type="time"[^>]*value="15:00"/,
    );
  });
});

describe('what the reader does', () => {
  it('sends a text and a command to the workspace', async () => {
    const channelId = ALERTS.id;
    expect(await post('page/type', { channelId, text: ' hello ' })).toEqual({
      status: 200,
      body: { ok: true },
    });
    await post('page/type', { channelId, text: '/trace slowest checkout' });
    await post('page/type', { channelId, text: 'in thread', threadTs: tsAt(-9) });
    expect(workspace.typed).toEqual([
      { userId: ADA.id, channelId, text: 'hello' },
      { userId: ADA.id, channelId, text: '/trace slowest checkout' },
      { userId: ADA.id, channelId, text: 'in thread', threadTs: tsAt(-9) },
    ]);
  });

  it('presses a button and chooses from a menu', async () => {
    const press = { channelId: ALERTS.id, messageTs: tsAt(-5), blockId: 'b', actionId: 'a' };
    await post('page/press', press);
    await post('page/press', { ...press, selectedValue: 'cart' });
    expect(workspace.pressed).toEqual([
      { ...press, userId: ADA.id },
      { ...press, userId: ADA.id, selectedValue: 'cart' },
    ]);
  });

  it('submits and closes a form', async () => {
    workspace.showView(silenceView());
    const values = { comment: { comment: 'deploy' }, tell: { tell: 'The channel,The owner' } };
    await post('page/view/submit', { viewId: 'V0SILENCE', values });
    await post('page/view/close', { viewId: 'V0SILENCE' });
    expect(workspace.submitted).toEqual([{ viewId: 'V0SILENCE', userId: ADA.id, values }]);
    expect(workspace.closedViews).toEqual(['V0SILENCE']);
  });

  it('hears what came of it', async () => {
    workspace.outcome = { ok: false, error: 'dispatch_failed', detail: 'no answer within 3 s' };
    const press = { channelId: ALERTS.id, messageTs: tsAt(-5), blockId: 'b', actionId: 'a' };
    expect((await post('page/press', press)).body).toEqual(workspace.outcome);
    await post('page/type', { channelId: ALERTS.id, text: '/trace x' });
    expect(await open()).toContain('/trace failed with the error &quot;dispatch_failed&quot;');
  });
});

describe('who may use the page', () => {
  it.each([
    ['a name that was made to resolve to this machine', { host: 'evil.example' }, 403],
    ['a name that only begins like ours', { host: 'localhost.evil.example:80' }, 403],
    ['the loopback name', { host: 'localhost:3000' }, 200],
  ])('%s', async (_, headers, status) => {
    expect((await request(`${url}c/${ALERTS.id}`, { headers })).status).toBe(status);
  });

  it.each([
    ['without the token of the page', {}],
    ['with a wrong token', { 'x-page-token': 'x'.repeat(32) }],
    ['from another origin', { origin: 'http://evil.example' }],
  ])('no POST %s', async (_, headers) => {
    const own: Record<string, string> = 'origin' in headers ? { 'x-page-token': await token() } : {};
    const body = JSON.stringify({ channelId: ALERTS.id, text: 'x' });
    const answer = await request(`${url}page/type`, {
      method: 'POST',
      headers: { ...own, ...headers },
      body,
    });
    expect(answer.status).toBe(403);
    expect(workspace.typed).toEqual([]);
  });

  it.each([
    ['no JSON', '{'],
    ['a missing field', '{"text":"x"}'],
    ['an empty text', '{"channelId":"C0ALERTS","text":"  "}'],
    [
      'more than the page would ever send',
      JSON.stringify({ channelId: 'C0ALERTS', text: 'x'.repeat(300_000) }),
    ],
  ])('a body with %s is refused', async (_, body) => {
    const headers = { 'x-page-token': await token() };
    expect((await request(`${url}page/type`, { method: 'POST', headers, body })).status).toBe(400);
  });

  it('lets no script run but its own, and answers 404 to what it does not know', async () => {
    const answer = await request(`${url}c/${ALERTS.id}`);
    expect(answer.headers['content-security-policy']).toContain("script-src 'self'");
    for (const path of ['nope', 'c/C0NOPE', 'assets/nope.js', 'assets/__proto__', 'c/%E0%A4%A']) {
      expect([path, (await request(url + path)).status]).toEqual([path, 404]);
    }
  });

  it('says false to a path that is not its own, and leaves the answer to others', async () => {
    const requested = { method: 'GET', url: '/metrics', headers: { host: '127.0.0.1' } };
    expect(await page.handle(requested as never, {} as never)).toBe(false);
  });
});

describe('a long channel', () => {
  it('shows its newest 200 messages and a link to all', async () => {
    for (let i = 0; i < 203; i += 1) workspace.post({ ts: tsAt(i - 300), text: `number ${i}` });
    const html = await open();
    expect(html).toContain('Show 3 older messages');
    expect(html).not.toContain('number 2<');
    expect(html).toContain('number 202<');
    expect(await open(`c/${ALERTS.id}?all=1`)).toContain('number 0<');
  });
});
