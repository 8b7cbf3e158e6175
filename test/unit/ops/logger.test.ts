import { expect, test } from 'vitest';
import { createLogger } from '../../../src/ops/logger.ts';

function capture(secrets: readonly string[]) {
  const lines: string[] = [];
  return { lines, logger: createLogger({ level: 'info', secrets, write: (line) => lines.push(line) }) };
}

test.each([
  ['in a field', { token: 'xoxb-1-secret' }],
  ['deep in a field', { request: { headers: { authorization: 'Bearer xoxb-1-secret' } } }],
  ['in an error message', { error: new Error('refused xoxb-1-secret') }],
  ['in the cause of an error', { error: new Error('refused', { cause: new Error('xoxb-1-secret') }) }],
])('a secret %s never reaches the log', (_, fields) => {
  const { lines, logger } = capture(['xoxb-1-secret']);
  logger.error('a call failed', fields);
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain('xoxb-1-secret');
  expect(lines[0]).toMatch(/\[(?:secret|redacted)\]/);
});

test('what looks like a secret or personal data is removed, and what matches a pattern of the configuration', () => {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  const logger = createLogger({ level: 'info', secrets: [], patterns: ['cust-\\d+'], write });
  logger.info('order of alice@example.com, cust-77', {
    url: 'http://a/?token=abc123',
    headers: { cookie: 'a=b' },
  });
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    msg: 'order of [redacted], [redacted]',
    url: 'http://a/?token=[redacted]',
    headers: { cookie: '[redacted]' },
  });
});

test('a secret with quotes is masked in its escaped form as well', () => {
  const { lines, logger } = capture(['pa"ss']);
  logger.info('header is pa"ss');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: 'header is [secret]' });
});

test('a secret that contains another is masked whole', () => {
  const { lines, logger } = capture(['abc', 'abcdef']);
  logger.info('abcdef');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: '[secret]' });
});

test('levels below the chosen one are left out', () => {
  const { lines, logger } = capture([]);
  logger.debug('too much');
  logger.warn('enough');
  expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(['warn']);
});
