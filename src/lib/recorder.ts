import type { System } from './errors.ts';

/** Knows how to count and time what happens, for `/metrics`. */
export interface Recorder {
  evaluated(event: {
    outcome: 'ok' | 'rule-error' | 'source-error' | 'stale' | 'missed';
    seconds: number;
  }): void;
  queried(event: { system: System; operation: string; outcome: 'ok' | 'error'; seconds: number }): void;
  alerts(counts: Readonly<Record<'pending' | 'firing' | 'no-data', number>>): void;
  outbox(state: { depth: number; oldestAgeSeconds: number }): void;
  notified(event: { kind: string; outcome: string }): void;
  slackCalled(event: {
    method: string;
    outcome: 'ok' | 'rate-limited' | 'error' | 'unknown';
    seconds: number;
  }): void;
  answered(event: { command: string; outcome: 'ok' | 'usage' | 'failed'; seconds: number }): void;
  reloaded(event: { ok: boolean }): void;
}
