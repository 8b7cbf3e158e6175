import { describe, expect, it } from 'vitest';
import { webAddress } from '../../../src/cli/web-address.ts';

describe('an address on the command line', () => {
  it.each(['http://prometheus:9090', 'https://user:word@metrics.example.com/prometheus/'])(
    '%s is taken as it is',
    (text) => {
      expect(webAddress(text)).toBe(text);
    },
  );

  // `localhost:9090` is an address to a browser, and one with the protocol `localhost:` to a program.
  it.each(['localhost:9090', '127.0.0.1:9090', 'prometheus', 'ftp://prometheus', ''])(
    '"%s" is refused with an example',
    (text) => {
      expect(() => webAddress(text)).toThrow(/like http:\/\/prometheus:9090/);
    },
  );
});
