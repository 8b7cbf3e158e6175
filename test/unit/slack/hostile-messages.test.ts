import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { validateMessageBlocks } from '../../../demo/slack/validate-blocks.ts';
import { alertMessage } from '../../../src/slack/blocks/alert.ts';
import type { AlertGroupView } from '../../../src/slack/blocks/alert-group.ts';
import { alertGroupMessage } from '../../../src/slack/blocks/alert-group.ts';
import { answerMessage } from '../../../src/slack/blocks/answer.ts';
import type { Rendered } from '../../../src/slack/blocks/block-kit.ts';
import { noteMessage } from '../../../src/slack/blocks/note.ts';
import { violations } from '../../../src/slack/limits.ts';
import { runsOf } from '../../support/runs.ts';
import { START } from '../../support/virtual-clock.ts';
import { alertViews, hostileText } from './hostile.ts';
import { answers } from './hostile-answers.ts';
import { alertGroupViews } from './hostile-groups.ts';
import { viewOf } from './views.ts';

/** Checks both implementations of the limits: the bot's, which runs before every post, and the demo's. */
function expectSound(message: Rendered): void {
  expect(violations(message)).toEqual([]);
  const refusal = validateMessageBlocks(JSON.parse(JSON.stringify(message.blocks)), () => false);
  expect(refusal).toBeUndefined();
}

/** Nothing to compare with, and no alert in its table. */
const BARE_GROUP: AlertGroupView = {
  ...viewOf({ alertname: 'A', valueKind: 'slow-share' }),
  alertGroup: {
    id: 'alertGroup-0a-17',
    startedAt: START,
    counts: { firing: 0, 'no-data': 0, resolved: 0 },
    rows: [],
  },
};

describe('whatever comes, Slack takes it', () => {
  const runs = { numRuns: runsOf(200) };

  it("an alert's message", () => {
    fc.assert(
      fc.property(alertViews, (view) => expectSound(alertMessage(view))),
      runs,
    );
  });

  it('the message of many alerts, and the replies of its thread', () => {
    fc.assert(
      fc.property(alertGroupViews, (view) => expectSound(alertGroupMessage(view))),
      { ...runs, examples: [[BARE_GROUP]] },
    );
  });

  it('an answer, with and without Share', () => {
    fc.assert(
      fc.property(answers, fc.option(hostileText), fc.option(hostileText), (answer, share, command) => {
        expectSound(
          answerMessage(answer, {
            ...(share === null ? {} : { share }),
            ...(command === null ? {} : { sharedBy: { userId: 'U0ALICE0000', command } }),
          }),
        );
      }),
      runs,
    );
  });

  it('a note', () => {
    fc.assert(
      fc.property(alertViews, hostileText, (view, text) => {
        for (const kind of ['resolved', 'no-data', 'data-back', 'flapping'] as const)
          expectSound(noteMessage({ kind, alert: view.alert, rule: view.rule, at: START, text }));
      }),
      runs,
    );
  });
});
