import { afterEach, beforeEach } from 'vitest';
import type { SampleStore } from '../../../../demo/prometheus/sample-store.ts';
import {
  createPrometheusServer,
  type PrometheusServer,
  type ReceivedRequest,
} from '../../../../demo/prometheus/server.ts';
import { epochMs } from '../../../../src/lib/units.ts';
import { load, T0 } from './promql-case.ts';

/** The server's idea of now, in seconds: the time of the last of six samples. */
export const NOW = T0 / 1_000 + 300;

/** Parameters by name, or as pairs where a name comes twice. */
export type Form = Readonly<Record<string, string>> | readonly (readonly [string, string])[];

/** A server under test; each test meets a fresh one. */
export interface Serving {
  store: SampleStore;
  server: PrometheusServer;
  url: string;
  requests: ReceivedRequest[];
}

/** Starts a server with three series before each test of the file, and stops it after. */
export function serving(): Serving {
  const current = { requests: [] } as unknown as Serving;
  beforeEach(async () => {
    current.store = load({
      'up{job="shop",pod="a"}': '1+1x5',
      'up{job="shop",pod="b"}': '10+10x5',
      'down{job="x"}': '1',
    });
    current.requests = [];
    current.server = createPrometheusServer({
      samples: current.store,
      clock: { now: () => epochMs(NOW * 1_000) },
      onRequest: (request) => current.requests.push(request),
    });
    current.url = (await current.server.listen()).url;
  });
  afterEach(() => current.server.close());
  return current;
}

/** Asks by GET; the body is parsed when it says it is JSON. */
export async function get(
  { url }: Serving,
  path: string,
  form: Form = {},
): Promise<{ status: number; body: unknown }> {
  const query = new URLSearchParams(form as Record<string, string>).toString();
  const response = await fetch(`${url}${path}?${query}`);
  const text = await response.text();
  const isJson = response.headers.get('content-type') === 'application/json';
  return { status: response.status, body: isJson ? JSON.parse(text) : text };
}

export const success = (data: unknown) => ({ status: 200, body: { status: 'success', data } });

export const failure = (status: number, errorType: string, error: string) => ({
  status,
  body: { status: 'error', errorType, error },
});
