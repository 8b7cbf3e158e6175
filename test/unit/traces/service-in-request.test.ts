import { describe, expect, it } from 'vitest';
import { epochMs } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { serviceInRequest } from '../../../src/traces/service-in-request.ts';
import { drawn } from '../../support/drawn-trace.ts';

const links = createLinks({ jaeger: 'http://jaeger' });
const now = epochMs(Date.UTC(2026, 10, 20, 14));

const DRAWING = `
  gateway:s           |==========================|
  checkout:s<gateway     |====================|
  first:c<checkout        |======|
  auth:s<first             |====|
  second:c<checkout                |=========|
  payments:s<second                 |=======|
  db<payments                        |====|
  mail:s<checkout                  |====|
`;

const part = (service: string) => serviceInRequest({ trace: drawn(DRAWING), service }, { now, links });

describe('a service in a request', () => {
  it('is its longest span, its share of the root, and what that span waited for', () => {
    const view = part('checkout')?.view;
    expect(view).toMatchObject({ rootService: 'gateway', rootDuration: 27_000, onPath: 21_000 });
    expect(view?.spans).toMatchObject([{ operation: 'checkout', duration: 21_000, offset: 3_000 }]);
    expect(view?.share).toBeCloseTo(21 / 27, 9);
    const rows = view?.spentOn.rows.map(({ kind, service, time }) => `${service} ${kind} ${time / 1_000}`);
    expect(rows).toEqual([
      'auth own 5',
      'db own 5',
      'checkout own 4',
      'payments own 3',
      'first network 2',
      'second network 2',
    ]);
    expect(view?.spentOn.rows.reduce((sum, { time }) => sum + time, 0)).toBe(21_000);
  });

  it('beside the critical path took nothing from the request', () => {
    expect(part('mail')?.view).toMatchObject({ onPath: 0, spans: [{ duration: 5_000 }] });
  });

  it('starts when its caller says, when its own clock is wrong', () => {
    const trace = drawn(`
  shop:s           |==================|
  call:c<shop        |=======|
  stock:s<call                           |====|
`);
    const found = serviceInRequest({ trace, service: 'stock' }, { now, links });
    expect(found?.view.spans).toMatchObject([{ offset: 3_500, duration: 5_000 }]);
  });

  it('is opened in Jaeger with its span and what it waited for marked', () => {
    expect(part('payments')?.view.url).toMatch(/\/trace\/0+1\?uiFind=payments%20db$/);
  });

  it('is ranked by a server span only: no histogram counts internal spans', () => {
    expect(part('payments')?.serverSpan).toMatchObject({ service: 'payments', duration: 8_000 });
    expect(part('db')).toMatchObject({ serverSpan: undefined, view: { spans: [{ duration: 5_000 }] } });
  });

  it('is nothing where the service has no span', () => {
    expect(part('cart')).toBeUndefined();
  });

  it('is not on the path of a root that it is not under', () => {
    const trace = drawn(`
  gateway:s           |==========================|
  lost:s                   |======|
`);
    const found = serviceInRequest({ trace, service: 'lost' }, { now, links });
    expect(found?.view).not.toMatchObject({ onPath: expect.anything() });
    expect(found?.view.notices.join(' ')).toContain('the parent span id was not');
  });
});
