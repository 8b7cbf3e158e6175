import { beforeEach, describe, expect, it } from 'vitest';
import { createGroupCommit } from '../../../src/store/level/group-commit.ts';
import type { Batch } from '../../../src/store/level/messages.ts';

const put = (key: string) => ({ type: 'put', table: 'group', key, value: {} }) as const;

describe('group commit', () => {
  let written: string[][];
  let isOpen: boolean;
  let failures: number;
  let commitGroup: ReturnType<typeof createGroupCommit>;
  /** Prepares one record under the group's name. */
  const change = (group: string, name = group) =>
    commitGroup(group, async (batch: Batch) => {
      batch.operations.push(put(name));
      return name;
    });

  beforeEach(() => {
    written = [];
    isOpen = true;
    failures = 0;
    let last: Promise<unknown> = Promise.resolve();
    commitGroup = createGroupCommit({
      serial: (job) => {
        const next = last.then(job);
        last = next.catch(() => undefined);
        return next;
      },
      run: async (work) => {
        try {
          return await work();
        } catch (error) {
          if (isOpen) throw error;
          isOpen = true;
          return await work();
        }
      },
      commit: async ({ operations }) => {
        if (failures > 0) {
          failures -= 1;
          isOpen = false;
          throw new Error('disk');
        }
        written.push(operations.map(({ key }) => key));
      },
      isOpen: () => isOpen,
    });
  });

  it('writes the changes of groups that wait at the same time together', async () => {
    expect(await Promise.all(['a', 'b', 'c'].map((group) => change(group)))).toEqual(['a', 'b', 'c']);
    expect(written).toEqual([['a', 'b', 'c']]);
  });

  it('writes two changes of one group one after the other', async () => {
    await Promise.all([change('a', 'a1'), change('b'), change('a', 'a2')]);
    expect(written).toEqual([['a1', 'b'], ['a2']]);
  });

  it('a change that fails rejects alone', async () => {
    const failing = commitGroup('b', async () => {
      throw new Error('not restored');
    });
    const outcomes = await Promise.allSettled([change('a'), failing, change('c')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(written).toEqual([['a', 'c']]);
  });

  it('all are prepared again after a write that failed', async () => {
    failures = 1;
    expect(await Promise.all([change('a'), change('b')])).toEqual(['a', 'b']);
    expect(written).toEqual([['a', 'b']]);
  });

  it('all reject while nothing can be written, and later ones are written', async () => {
    failures = 2;
    const outcomes = await Promise.allSettled([change('a'), change('b')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isOpen = true;
    expect(await change('c')).toBe('c');
  });

  it('large changes are not put into one write', async () => {
    const large = (group: string) =>
      commitGroup(group, async (batch: Batch) => {
        for (let i = 0; i < 2_000; i++) batch.operations.push(put(`${group}${i}`));
      });
    await Promise.all([large('a'), large('b')]);
    expect(written.map(({ length }) => length)).toEqual([2_000, 2_000]);
  });
});
