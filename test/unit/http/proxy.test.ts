import { describe, expect, it } from 'vitest';
import { createProxyFor } from '../../../src/http/proxy.ts';
import { proxySettings } from '../../../src/settings/values.ts';

const PROXIES = { HTTP_PROXY: 'plain:3128', HTTPS_PROXY: 'http://me:secret@tls:3128' } as const;

const proxyOf = (url: string, NO_PROXY?: string): string | undefined =>
  createProxyFor(proxySettings({ ...PROXIES, NO_PROXY }))(url);

describe('the proxy of an address', () => {
  it.each([
    ['http://prometheus:9090', 'http://plain:3128'],
    ['https://slack.com/api/', 'http://me:secret@tls:3128'],
    ['wss://wss-primary.slack.com/link', 'http://me:secret@tls:3128'],
  ])('%s is the one of its scheme', (url, proxy) => {
    expect(proxyOf(url)).toBe(proxy);
  });

  it.each(['http://localhost:9090', 'http://127.0.0.1', 'http://127.8.8.8', 'http://[::1]:80'])(
    '%s is none: it is a loopback address',
    (url) => {
      expect(proxyOf(url)).toBeUndefined();
    },
  );

  it('is none without the variable of its scheme', () => {
    const proxyFor = createProxyFor(proxySettings({ HTTPS_PROXY: 'tls:3128' }));
    expect(proxyFor('http://prometheus:9090')).toBeUndefined();
  });

  it.each([
    ['*', 'http://prometheus', true],
    ['prometheus', 'http://prometheus:9090', true],
    ['prometheus', 'http://prometheus.monitoring', false],
    ['Example.com', 'https://API.example.COM', true],
    ['example.com', 'https://example.com', true],
    ['example.com', 'https://notexample.com', false],
    ['.example.com', 'https://example.com', false],
    ['.example.com', 'https://api.example.com', true],
    ['*.example.com', 'https://api.example.com', true],
    ['.svc,.cluster.local', 'http://prometheus.monitoring.svc:9090', true],
    ['a, .svc', 'http://prometheus.monitoring.svc', true],
    ['a .svc', 'http://prometheus.monitoring.svc', true],
    ['example.com:8080', 'http://example.com:8080', true],
    ['example.com:8080', 'http://example.com', false],
    ['example.com:443', 'https://example.com', true],
    ['10.0.0.0/8', 'http://10.1.2.3:9090', true],
    ['10.0.0.0/8', 'http://11.1.2.3:9090', false],
    ['10.0.0.0/8', 'http://prometheus', false],
    ['10.0.0.0/99,10.0.0.0/', 'http://10.1.2.3', false],
    ['fd00::/8', 'http://[fd00::1]:9090', true],
    ['10.1.2.3', 'http://10.1.2.3:9090', true],
    ['[fd00::1]', 'http://[fd00::1]:9090', true],
    ['', 'http://prometheus', false],
  ])('with NO_PROXY=%s for %s: direct is %s', (noProxy, url, isDirect) => {
    expect(proxyOf(url, noProxy) === undefined).toBe(isDirect);
  });
});
