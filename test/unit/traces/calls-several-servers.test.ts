import { describe, expect, it } from 'vitest';
import { retriesOf } from '../../../src/traces/calls.ts';
import { criticalPathOf } from '../../../src/traces/critical-path.ts';
import { pathBreakdown } from '../../../src/traces/path-breakdown.ts';
import { buildTree } from '../../../src/traces/tree.ts';
import { timed } from '../../support/timed-trace.ts';

const entries = (text: string): readonly string[] => {
  const [root] = buildTree(timed(text)).roots;
  return root === undefined
    ? []
    : pathBreakdown(criticalPathOf(root)).map(
        ({ service, kind, peer, time }) => `${service} ${kind} ${peer} ${time / 1_000}`,
      );
};

describe('several servers under one client', () => {
  it('of which some ran at the same time and none failed are no retries', () => {
    const text = `
      shop client 0-50
        customers server 1-10
        customers server 11-30
        mirror server 11-29
        audit server 31-40
    `;
    expect(retriesOf(buildTree(timed(text)))).toEqual([]);
    expect(entries(text)).toContain('shop network 3 services 13');
  });

  it('in sequence, of different services of which none failed, are no retries', () => {
    const text = 'shop client 0-50\n  pay server 1-10\n  mail server 20-40';
    expect(retriesOf(buildTree(timed(text)))).toEqual([]);
    expect(entries(text)).toContain('shop network 2 services 21');
  });

  it('are retries when the first failed', () => {
    const text = 'shop client 0-50\n  pay server 1-10 error=true\n  pay server 20-40';
    expect(retriesOf(buildTree(timed(text)))).toMatchObject([{ attempts: 2, failed: 1 }]);
  });

  it('one that outlives the client did not answer', () => {
    expect(entries('shop client 0-50\n  pay server 1-40\n  mirror server 2-80')).toEqual(
      ['pay own  39', 'shop network pay 11'].map((entry) =>
        entry.replace('network pay', 'network 2 services'),
      ),
    );
  });
});
