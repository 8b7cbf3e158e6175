import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWorkspacePage, type WorkspacePage } from '../../../../../demo/slack/page/server.ts';
import { ADA, ALERTS, createFakeWorkspace, type FakeWorkspace, SAM } from './fake-workspace.ts';
import { type EventReader, readEvents, request, type StreamEvent } from './http.ts';
import { NOW, tsAt } from './render.ts';
import { silenceView } from './sample-blocks.ts';

let workspace: FakeWorkspace;
let page: WorkspacePage;
let url: string;
let readers: EventReader[];

beforeEach(async () => {
  workspace = createFakeWorkspace();
  page = createWorkspacePage({ workspace, clock: { now: () => NOW }, readerId: ADA.id });
  ({ url } = await page.listen({ port: 0 }));
  readers = [];
});

afterEach(async () => {
  for (const reader of readers) reader.close();
  await page.close();
});

async function follow(after: string, headers?: Record<string, string>): Promise<EventReader> {
  const reader = await readEvents(`${url}events?after=${after}`, headers);
  readers.push(reader);
  return reader;
}

const lastEventId = async (): Promise<string> =>
  /<meta name="last-event-id" content="([^"]+)"/.exec((await request(`${url}c/${ALERTS.id}`)).body)?.[1] ??
  '';
const summary = ({ type, data }: StreamEvent): unknown[] => [type, data['ts'] ?? data['text']];

describe('the event stream', () => {
  it('tells what happens in the order in which it happens', async () => {
    const reader = await follow(await lastEventId());
    workspace.post({ ts: tsAt(-9), text: 'one' });
    workspace.edit(ALERTS.id, tsAt(-9), { text: 'two' });
    page.setNotice('starting');
    workspace.post({ ts: tsAt(-8), text: 'three' });
    workspace.deleteMessage(ALERTS.id, tsAt(-9));
    const events = await reader.take(5);
    expect(events.map(summary)).toEqual([
      ['message', tsAt(-9)],
      ['message', tsAt(-9)],
      ['notice', 'starting'],
      ['message', tsAt(-8)],
      ['removed', tsAt(-9)],
    ]);
    expect(events.map((event) => event.data['isNew'])).toEqual([true, false, undefined, true, undefined]);
    expect(events[1]?.data['html']).toContain('<div class="text">two</div>');
  });

  it('draws the message that began a thread again when a reply comes or goes', async () => {
    workspace.post({ ts: tsAt(-9), text: 'root' });
    const reader = await follow(await lastEventId());
    workspace.post({ ts: tsAt(-8), text: 'reply', threadTs: tsAt(-9), userId: SAM.id });
    workspace.deleteMessage(ALERTS.id, tsAt(-8));
    const [reply, grown, removed, shrunk] = await reader.take(4);
    expect(reply).toMatchObject({ type: 'reply', data: { threadTs: tsAt(-9), spoken: 'Sam Okafor: reply' } });
    expect(grown).toMatchObject({ type: 'message', data: { ts: tsAt(-9), isNew: false } });
    expect(grown?.data['html']).toContain('<strong>1 reply</strong>');
    expect(removed).toMatchObject({ type: 'removed', data: { ts: tsAt(-8), threadTs: tsAt(-9) } });
    expect(shrunk?.data['html']).not.toContain('thread-footer');
  });

  it('shows a reply that was also sent to the channel in both places', async () => {
    workspace.post({ ts: tsAt(-9), text: 'root' });
    const reader = await follow(await lastEventId());
    workspace.post({ ts: tsAt(-8), text: 'resolved', threadTs: tsAt(-9), isBroadcast: true });
    expect((await reader.take(3)).map(summary)).toEqual([
      ['reply', tsAt(-8)],
      ['message', tsAt(-8)],
      ['message', tsAt(-9)],
    ]);
  });

  it('keeps what only another person sees to itself', async () => {
    const reader = await follow(await lastEventId());
    workspace.post({ ts: tsAt(-9), text: 'for sam', ephemeralFor: SAM.id });
    workspace.showView({ ...silenceView(), userId: SAM.id });
    workspace.post({ ts: tsAt(-8), text: 'for ada', ephemeralFor: ADA.id });
    const [only] = await reader.take(1);
    expect(only?.data['ts']).toBe(tsAt(-8));
    expect(only?.data['html']).toContain('data-ephemeral="true"');
  });

  it('shows the form on top, the one beneath when that is closed, and then none', async () => {
    const reader = await follow(await lastEventId());
    workspace.showView(silenceView());
    workspace.showView({ ...silenceView(), viewId: 'V0PUSHED' });
    workspace.hideView('V0PUSHED');
    workspace.hideView('V0SILENCE');
    const ids = (await reader.take(4)).map(
      (event) => /data-view-id="([^"]+)"/.exec(String(event.data['html']))?.[1],
    );
    expect(ids).toEqual(['V0SILENCE', 'V0PUSHED', 'V0SILENCE', undefined]);
  });

  it('tells of an archived channel', async () => {
    const reader = await follow(await lastEventId());
    workspace.archiveChannel(ALERTS.id);
    const [event] = await reader.take(1);
    expect(event).toMatchObject({ type: 'channel', data: { channelId: ALERTS.id, isArchived: true } });
  });

  it('goes on after the last event that a page contains, and after the one a browser saw last', async () => {
    workspace.post({ ts: tsAt(-9), text: 'in the page' });
    const after = await lastEventId();
    workspace.post({ ts: tsAt(-8), text: 'between page and stream' });
    const [missed] = await (await follow(after)).take(1);
    expect(missed?.data['ts']).toBe(tsAt(-8));
    workspace.post({ ts: tsAt(-7), text: 'while away' });
    const again = await follow(after, { 'last-event-id': missed?.id ?? '' });
    expect((await again.take(1))[0]?.data['ts']).toBe(tsAt(-7));
  });

  it.each([
    ['of an earlier run', async () => 'abcdef.3'],
    ['from the future', async () => (await lastEventId()).replace(/\d+$/, '99')],
    ['that is none', async () => ''],
  ])('has a browser with an event id %s load the page again', async (_, after) => {
    const [event] = await (await follow(await after())).take(1);
    expect(event?.type).toBe('reload');
  });

  it('has a browser that missed too much load the page again', async () => {
    const after = await lastEventId();
    for (let i = 0; i < 501; i += 1) page.setNotice(String(i));
    const [event] = await (await follow(after)).take(1);
    expect(event?.type).toBe('reload');
  });

  it('ends with the page, which then follows the workspace no longer', async () => {
    const reader = await follow(await lastEventId());
    await page.close();
    expect(() => workspace.post({ ts: tsAt(-9), text: 'late' })).not.toThrow();
    reader.close();
  });
});
