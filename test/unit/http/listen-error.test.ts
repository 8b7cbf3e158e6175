import { expect, it } from 'vitest';
import { listenError } from '../../../src/http/server.ts';

const messageOf = (code: string): string => {
  const error = listenError(Object.assign(new Error('listen'), { code }), {
    port: 9090,
    variable: 'OPS_PORT',
    hostVariable: 'OPS_HOST',
  });
  return error instanceof Error ? error.message : '';
};

it.each([
  ['EADDRINUSE', /^OPS_PORT: port 9090 is in use by another process\. Stop/],
  ['EACCES', /^OPS_PORT: this user may not listen on port 9090\. Set/],
  ['EADDRNOTAVAIL', /^OPS_HOST: this machine has no such address\. Set/],
  ['EOTHER', /^listen$/],
])('a port that cannot be listened on names its variable: %s', (code, expected) => {
  expect(messageOf(code)).toMatch(expected);
});
