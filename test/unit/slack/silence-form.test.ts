import { describe, expect, it } from 'vitest';
import type { Message, OpenView } from '../../../demo/slack/model.ts';
import { DEFAULT_TOKENS } from '../../../demo/slack/state.ts';
import { HOUR } from '../../../src/lib/units.ts';
import { createSlackNotifier } from '../../../src/slack/notifier.ts';
import { HTTP, SOCKET, useBot } from './bot.ts';
import { ALICE } from './slack-server.ts';
import { anEnrichedView } from './views.ts';

const bot = useBot();

async function postBreach(): Promise<Message> {
  const { apiUrl, clock, log, recorder } = bot.stand;
  const notifier = createSlackNotifier({
    botToken: DEFAULT_TOKENS.bot,
    apiUrl,
    clock,
    logger: log,
    recorder,
  });
  const message = bot.next();
  const view = anEnrichedView({
    labels: { alertname: 'Slow', service: 'checkout' },
    alertId: '00000000000000aa-17',
  });
  await notifier.post({ channel: '#incidents', view, key: 'k' });
  return message;
}

const open = (): OpenView | undefined => bot.stand.workspace.openViews(ALICE)[0];
const shown = (): string => JSON.stringify(open()?.view['blocks'] ?? []);

async function openForm(): Promise<OpenView> {
  expect(await bot.press(await postBreach(), 'silence')).toEqual({ ok: true });
  await expect.poll(open).toBeDefined();
  return open() as OpenView;
}

const submit = ({ viewId }: OpenView, matchers: string, comment = '') =>
  bot.stand.workspace.submitView({
    viewId,
    userId: ALICE,
    values: { matchers: { matchers }, duration: { duration: '1h' }, comment: { comment } },
  });

describe.each([
  ['signed HTTP', HTTP],
  ['Socket Mode', SOCKET],
])('the form of a silence over %s', (_name, transport) => {
  it('opens with matchers of the alert, and shows what came of it in its own window', async () => {
    await bot.start(transport);
    bot.answerFormWith(async () => ({
      kind: 'lines',
      lines: [
        {
          phrase: ['Silenced by ', { person: ALICE }, '. <!channel>'],
          button: { label: 'x', command: '/slo x' },
        },
      ],
    }));
    const form = await openForm();
    expect(shown()).toContain('alertname=\\"Slow\\", service=\\"checkout\\"');
    expect(await submit(form, 'service="checkout" severity!="page"', 'moving it')).toEqual({ ok: true });
    await expect.poll(shown).toContain(`Silenced by <@${ALICE}>. &lt;!channel&gt;`);
    expect(shown()).not.toContain('/slo x');
    expect(bot.kept).toEqual([
      {
        command: {
          kind: 'silence',
          selection: {
            matchers: [
              { label: 'service', operator: '=', value: 'checkout' },
              { label: 'severity', operator: '!=', value: 'page' },
            ],
            services: [],
          },
          duration: HOUR,
          comment: 'moving it',
          isConfirmed: true,
        },
        sender: { by: ALICE, now: bot.stand.clock.now(), key: form.viewId },
      },
    ]);
  });

  it('shows the error below the input, and runs nothing', async () => {
    await bot.start(transport);
    const form = await openForm();
    await submit(form, 'service=~"("');
    expect(open()?.errors).toMatchObject({ matchers: expect.stringMatching(/column 10/) as string });
    await submit(form, 'severity!="page"');
    expect(open()?.errors).toMatchObject({ matchers: expect.stringMatching(/everything/) as string });
    expect(bot.kept).toEqual([]);
  });
});

it('quotes that a phone has bent are quotes', async () => {
  await bot.start(HTTP);
  const form = await openForm();
  await submit(form, 'service=\u201ccheckout\u201d');
  await expect
    .poll(() => bot.kept)
    .toMatchObject([
      {
        command: {
          selection: { matchers: [{ label: 'service', operator: '=', value: 'checkout' }], services: [] },
        },
      },
    ]);
});

it('a store that is away is said in the window: nobody thinks that it is silenced', async () => {
  await bot.start(HTTP);
  bot.answerFormWith(async () => ({ kind: 'failed', text: 'The store gave no answer.' }));
  const form = await openForm();
  await submit(form, 'service="checkout"');
  await expect.poll(shown).toContain('The store gave no answer.');
});
