import { afterEach, describe, expect, test } from 'vitest';
import type { Message } from '../../demo/slack/model.ts';
import { FEW_TRACES, played, SLOW_PAYMENTS, type Stage, startStage } from '../support/stage.ts';

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

const RULES = `slos:
- name: Slow
  preset: istio
  by: [destination_service_name]
  objective: { quantile: 0.99, below: 500ms, window: 1m }
  min_requests: 20
  interval: 5s
  alert: { for: 10s, recover: { below: 500ms, window: 30s }, burn: workbook }
- name: Rare
  preset: istio
  by: [destination_service_name]
  objective: { quantile: 0.99, below: 500ms, window: 1m }
  min_requests: 1000000
  interval: 5s
---
groups:
- name: by-hand
  interval: 15s
  rules:
  - alert: Quantile
    expr: >-
      histogram_quantile(0.99, sum by (le, destination_service_name)
      (rate(istio_request_duration_milliseconds_bucket{reporter="destination"}[1m]))) > 750
    labels: { severity: ticket }
`;

const shown = ({ text, blocks }: Message): string => `${text} ${JSON.stringify(blocks)}`;

describe('what a verdict says', () => {
  test('the three honest numbers, the budget and the pair stand together, for rules of both kinds and in /slo', async () => {
    const script = played({ from: 5, to: 400, fault: SLOW_PAYMENTS });
    stage = await startStage({ transport: 'socket', sampling: FEW_TRACES, rules: RULES, script });
    const on = stage;
    const find = (...words: readonly string[]) =>
      on.messages().find((each) => words.every((word) => shown(each).includes(word)));
    const threshold = () => find('checkout: p99', 'objective 500 ms', '*Error budget*');
    const byHand = () => find('checkout: p99', 'objective 750 ms', '*p99*');
    const burning = () => find('checkout: burn rate', '*Burn-rate windows*', '*p99*');
    await on.until(
      'all three are notified and measured',
      () => [threshold(), byHand(), burning()].every((each) => each !== undefined),
      120,
    );
    const numbers = /\*p99\*\\n(?:[\d.]+(?: m?s)? to [\d.]+ m?s|over \d+ s)/;
    expect(shown(threshold() as Message)).toMatch(numbers);
    expect(shown(threshold() as Message)).toMatch(/[\d.]+% slower than 500 ms/);
    expect(shown(threshold() as Message)).toMatch(/burn rate [\d.]+x/);
    expect(shown(byHand() as Message)).toMatch(numbers);
    expect(shown(byHand() as Message)).toMatch(
      /% to [\d.]+% slower than 750 ms \(between the bucket bounds 500 ms and 1 s\)/,
    );
    expect(shown(byHand() as Message)).toMatch(/burn rate [\d.]+x to [\d.]+x/);
    expect(shown(burning() as Message)).toMatch(
      /\*Burn-rate windows\*\\n\d+ (?:h|d) and \d+ (?:min|h), both above/,
    );

    // Other messages may come in between.
    await on.ask('/slo');
    await on.until('/slo is answered', () => find('Rules at') !== undefined);
    const status = shown(find('Rules at') as Message);
    expect(status).toMatch(
      /checkout` · firing · p99 ≈ .+? · [\d.]+% slower than 500 ms, 1% allowed · burn rate [\d.]+x/,
    );
    expect(status).toMatch(/budget: /);
    expect(status).toMatch(/`Rare` · not evaluated · .*\d+ requests in 1m, at least 1000000 required/);
  });

  test('series that are gone and traffic that is gone are notified apart', async () => {
    const script = played(
      { from: 5, to: 58, fault: SLOW_PAYMENTS },
      { from: 60, to: 900, fault: { kind: 'service-gone', service: 'checkout' } },
    );
    const rules = RULES.slice(0, RULES.indexOf('- name: Rare')).replace(', burn: workbook', '');
    stage = await startStage({ transport: 'socket', sampling: FEW_TRACES, rules, script });
    const on = stage;
    const notified = (service: string): string => {
      const posted = on.messages().find((each) => each.text.includes(`${service}: no data`));
      return posted === undefined ? '' : shown(posted);
    };
    await on.until(
      'both are without data',
      () => notified('checkout') !== '' && notified('payments') !== '',
      200,
    );
    expect(notified('checkout')).toContain(
      'The series of istio_request_duration_milliseconds_count are missing.',
    );
    // Only checkout called it: its series stand still.
    expect(notified('payments')).toContain('The series exist but count no requests.');
    expect(notified('payments')).toContain('The values below are the last ones seen.');
  });
});
