import { describe, expect, it, test } from 'vitest';
import { parseMoment, webAddress } from '../../../src/cli/arguments.ts';
import { epochMs } from '../../../src/lib/units.ts';

const NOW = epochMs(Date.UTC(2026, 10, 20, 14, 30));

test.each([
  ['now', Date.UTC(2026, 10, 20, 14, 30)],
  ['-30d', Date.UTC(2026, 9, 21, 14, 30)],
  ['-1h30m', Date.UTC(2026, 10, 20, 13)],
  ['2026-11-01', Date.UTC(2026, 10, 1)],
  ['2026-11-01T08:00Z', Date.UTC(2026, 10, 1, 8)],
  ['2026-11-01T08:00:30+01:00', Date.UTC(2026, 10, 1, 7, 0, 30)],
  // Without a zone an instant is another one on every machine.
  ['2026-11-01T08:00:00', undefined],
  ['-30', undefined],
  ['30d', undefined],
  ['yesterday', undefined],
  ['2026-13-01', undefined],
  // No day of the calendar: not the second of March.
  ['2026-02-30', undefined],
  ['', undefined],
])('%s', (text, instant) => {
  expect(parseMoment(text, NOW)).toBe(instant);
});

describe('a URL on the command line', () => {
  it.each(['http://prometheus:9090', 'https://user:word@metrics.example.com/prometheus/'])(
    '%s is taken as it is',
    (text) => {
      expect(webAddress(text)).toBe(text);
    },
  );

  // A browser takes `localhost:9090` as a host and a port, the URL parser as a URL with the protocol `localhost:`.
  it.each(['localhost:9090', '127.0.0.1:9090', 'prometheus', 'ftp://prometheus', ''])(
    '"%s" is refused with an example',
    (text) => {
      expect(() => webAddress(text)).toThrow(/like http:\/\/prometheus:9090/);
    },
  );
});
