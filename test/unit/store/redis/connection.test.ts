import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { UpstreamError } from '../../../../src/lib/errors.ts';
import { createErrorTranslator } from '../../../../src/store/redis/connection.ts';

const URL_WITH_SECRETS = 'rediss://admin:p%40ss%2Fword@redis.example:6380/2';

describe('an error of Redis', () => {
  it.each([
    ['a command that was not answered', 'Command timed out', 'timeout', true],
    ['a connection that was not made in time', 'connect ETIMEDOUT', 'timeout', true],
    ['a server that is not there', 'connect ECONNREFUSED 127.0.0.1:6379', 'unavailable', true],
    [
      'a replica that takes no writes',
      "READONLY You can't write against a read only replica.",
      'unavailable',
      true,
    ],
    ['a full server', "OOM command not allowed when used memory > 'maxmemory'.", 'unavailable', true],
    ['a wrong password', 'WRONGPASS invalid username-password pair', 'not-authenticated', false],
    ['a missing password', 'NOAUTH Authentication required.', 'not-authenticated', false],
    ['a key of another kind', 'WRONGTYPE Operation against a key', 'bad-answer', true],
  ])('for %s has the code that says what to do', (_, message, code, retryable) => {
    const error = createErrorTranslator(URL_WITH_SECRETS)(new Error(message));
    expect(error).toMatchObject({ system: 'store', code, retryable, message: `Redis: ${message}` });
    expect(error.advice).toMatch(/^Check .*\.$/);
  });

  it('for a closed connection says that there is none, not what ioredis says', () => {
    expect(createErrorTranslator(URL_WITH_SECRETS)(new Error('Connection is closed.'))).toMatchObject({
      system: 'store',
      code: 'unavailable',
      retryable: true,
      message: 'Redis is not connected.',
    });
  });

  it('shows no secret, however it is looked at', () => {
    const raw = Object.assign(new Error('AUTH admin p@ss/word failed'), {
      command: { name: 'auth', args: ['admin', 'p@ss/word'] },
    });
    const shown = inspect(createErrorTranslator(URL_WITH_SECRETS)(raw), { depth: 10, showHidden: true });
    expect(shown).not.toMatch(/p@ss|p%40ss|word|admin/);
    expect(shown).toContain('***');
  });

  it('passes on what is already translated', () => {
    const error = new UpstreamError({ system: 'store', code: 'bad-answer', message: 'x', advice: 'y' });
    expect(createErrorTranslator('no address')(error)).toBe(error);
  });
});
