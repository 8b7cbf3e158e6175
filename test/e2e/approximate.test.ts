import { afterEach, expect, test } from 'vitest';
import { FEW_TRACES, played, SLOW_PAYMENTS, type Stage, startStage } from '../support/stage.ts';

const rules = (more: string): string => `slos:
- name: checkout-slow
  preset: istio
  selector: 'reporter="destination",destination_service_name="checkout"'
  objective: { quantile: 0.9, below: 300ms, window: 30s }
  interval: 5s
  ${more}
`;

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

async function start(text: string): Promise<Stage> {
  const script = played({ from: 5, to: 200, fault: SLOW_PAYMENTS });
  stage = await startStage({ transport: 'socket', sampling: FEW_TRACES, rules: text, script });
  return stage;
}

test('a breach of an approximate threshold says between which bounds it lies, and at which it is evaluated', async () => {
  const on = await start(rules('approximate: true'));
  const shown = () => JSON.stringify(on.messages());
  await on.until('the breach is posted', () => on.messages().length > 0);
  await on.until('the bounds are shown', () =>
    /slower than 300 ms \(between the bucket bounds 250 ms and 500 ms, evaluated at 500 ms\)/.test(shown()),
  );
  expect(shown()).not.toMatch(/can never fire|cannot see what it is about/);
  for (const command of ['/slo status', '/latency checkout'])
    expect(JSON.stringify(await on.ask(command))).toMatch(
      /% to .* slower than 300 ms \(between the bucket bounds 250 ms and 500 ms, evaluated at 500 ms\), 10% allowed/,
    );
});

test('a rule on a bound that is not there is named in the log, since it is never breached', async () => {
  const on = await start(rules('approximate: false'));
  await on.until('it is named', () =>
    on.log.some((line) => /300ms in `objective.below` is not a bucket bound.*can never fire/.test(line)),
  );
  await on.live(60);
  expect(on.messages()).toEqual([]);
  const answer = await on.ask('/slo status');
  expect(JSON.stringify(answer)).toMatch(
    /not evaluated · .*300ms in `objective.below` is not a bucket bound/,
  );
});
