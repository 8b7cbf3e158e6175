import { describe, expect, it } from 'vitest';
import { written } from './compared.ts';

describe('the attempts at a call of two requests', () => {
  const cases: Readonly<Record<string, { a: string; b: string; expected: ReturnType<typeof written> }>> = {
    'the last attempt at a call is held against the only one, and what came before it is an earlier attempt':
      {
        a: `
  front:s             |==================|
  call:c<front          |==============|
  pay:s<call              |==========|
  db<pay                    |=====|
`,
        b: `
  front:s             |===================================|
  call:c<front          |===============================|
  pay1:s<call             |!!!!|
  pay2:s<call                    |!!!!!|
  log<pay2                         |=|
  pay3:s<call                               |==========|
  db<pay3                                     |=======|
`,
        expected: {
          roots: 'same',
          paired: ['front 1: 19 36', '.pay 1: 11 11', '..db 1: 6 8'],
          a: [],
          b: ['call>pay 2/3 11 earlier'],
        },
      },
    'attempts are counted from the last also where both requests tried again': {
      a: `
  call:c              |===========================|
  pay1:s<call           |!!!|
  pay2:s<call                 |!!!!|
  pay3:s<call                        |==========|
  db<pay3                              |=====|
`,
      b: `
  call:c              |===========================|
  pay1:s<call           |!!!!!!|
  pay2:s<call                        |==========|
  db<pay2                              |=======|
`,
      expected: {
        roots: 'same',
        paired: ['pay 2: 16 18', '.db 1: 6 8'],
        a: ['call>pay 1/1 4 earlier'],
        b: [],
      },
    },
    'sequential calls are not attempts: the first is compared with the first': {
      a: `
  front:s             |==================|
  call1:c<front         |=====|
  pay1:s<call1           |===|
`,
      b: `
  front:s             |==================|
  call1:c<front         |======|
  pay1:s<call1           |====|
  call2:c<front                 |=====|
  pay2:s<call2                   |===|
`,
      expected: {
        roots: 'same',
        paired: ['front 1: 19 19', '.pay 1: 4 5'],
        a: [],
        b: ['front>call 1/2 6'],
      },
    },
    'a call of which only one request reached the server has no earlier attempts': {
      a: `
  call:c              |==================|
`,
      b: `
  call:c              |==================|
  pay1:s<call           |!!!|
  pay2:s<call                |=====|
`,
      expected: { roots: 'same', paired: ['call 1: 19 19'], a: [], b: ['call>pay 2/2 10'] },
    },
  };
  it.each(Object.entries(cases))('%s', (_, { a, b, expected }) => {
    expect(written(a, b)).toEqual(expected);
  });
});
