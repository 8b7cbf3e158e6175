import { describe, expect, it } from 'vitest';
import { createRedactText, isLuhn, redactionProblem } from '../../../src/lib/redact.ts';

const redact = createRedactText();
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';

describe('is removed:', () => {
  it.each([
    ['Authorization: Bearer abc123def456', 'Authorization: [redacted]'],
    ['{"authorization":"Basic dXNlcjpwYXNz"}', '{"authorization":"[redacted]"}'],
    ['Cookie: session=abc; theme=dark\r\nHost: x', 'Cookie: [redacted]\r\nHost: x'],
    ['refused: Bearer abc123def456 is old', 'refused: Bearer [redacted] is old'],
    [`token is ${JWT}`, 'token is [redacted]'],
    ['xoxb-1234567890-abcdef', '[redacted]'],
    ['ghp_abcdefghijklmnopqrstuvwxyz0123', '[redacted]'],
    ['AKIAIOSFODNN7EXAMPLE', '[redacted]'],
    ['sk_live_abcdefghij0123', '[redacted]'],
    ['postgres://shop:hunter2@db:5432/shop', 'postgres://[redacted]@db:5432/shop'],
    ['/pay?card=1&access_token=abc123&x=1', '/pay?card=1&access_token=[redacted]&x=1'],
    ['{"password":"hunter2","user":"a"}', '{"password":"[redacted]","user":"a"}'],
    ['{\\"api_key\\": \\"k-123\\"}', '{\\"api_key\\": \\"[redacted]\\"}'],
    ['Server=db;Password=hunter2;Timeout=3', 'Server=db;Password=[redacted];Timeout=3'],
    ['login of alice.smith+x@mail.example.co.uk failed', 'login of [redacted] failed'],
    ['card 4111 1111 1111 1111 declined', 'card [redacted] declined'],
    ['378282246310005', '[redacted]'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----', '[redacted]'],
  ])('%j', (text, left) => {
    expect(redact(text)).toBe(left);
  });
});

describe('is kept:', () => {
  it.each([
    'bearer authentication is missing',
    'invalid token: it is expired',
    'checkout.shop.svc.cluster.local:8080/*',
    'outbound|8080||payments.shop.svc.cluster.local',
    'sidecar~10.8.1.2~payments-6d4f-x2b9.shop~shop.svc.cluster.local',
    'SELECT * FROM orders WHERE id = $1',
    'e4e8c177-3962-9359-a5a7-9f1b0d2a4f11',
    '4bf92f3577b34da6a3ce929d0e0e4736',
    // Not a card: the check digit is wrong, no issuer starts with 1, and one that is part of a longer word.
    '4111111111111112',
    '1796075109684000000',
    'id-4111111111111111',
    'image redis@sha256:0123',
  ])('%s', (text) => {
    expect(redact(text)).toBe(text);
  });
});

it('patterns of the configuration are applied too', () => {
  expect(createRedactText(['cust-\\d+'])('order of cust-123')).toBe('order of [redacted]');
  expect(redactionProblem('cust-(\\d+')).toContain('missing');
  expect(redactionProblem('cust-\\d+')).toBeUndefined();
});

it('the check digit is that of ISO/IEC 7812', () => {
  const numbers = ['4111111111111111', '5555555555554444', '79927398713', '79927398710', '0'];
  expect(numbers.map(isLuhn)).toEqual([true, true, true, false, true]);
});

it('a long text takes time in proportion to its length', () => {
  // One that is quadratic in its length would not end within the time limit of a test.
  const long = [
    'a'.repeat(300_000),
    '1 '.repeat(150_000),
    'token'.repeat(60_000),
    '@a.'.repeat(100_000),
    ':"="'.repeat(75_000),
  ];
  expect(long.map((text) => redact(text).length > 0)).toEqual(long.map(() => true));
});
