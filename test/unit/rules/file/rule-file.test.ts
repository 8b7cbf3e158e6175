import { describe, expect, it } from 'vitest';
import { loadRuleFiles } from '../../../../src/rules/file/rule-file.ts';

describe('several files', () => {
  const files: Readonly<Record<string, string>> = {
    'a.yaml': 'groups: [{ name: g, rules: [{ alert: A, expr: a > 1 }] }]',
    'b.yaml': 'groups: [{ name: g, rules: [{ alert: B, expr: b > 1 }] }]',
    'bad.yaml': 'groups: [{ nam: g }]',
  };
  const readFile = async (path: string): Promise<string> => {
    const text = files[path];
    if (text === undefined) throw new Error('no such file');
    return text;
  };

  it('are read together, in their order; groups of one name differ by their file', async () => {
    const result = await loadRuleFiles(['b.yaml', 'a.yaml'], readFile);
    expect(result).toMatchObject({ ok: true });
    expect(result.groups.map(({ id }) => id)).toEqual(['b.yaml;g', 'a.yaml;g']);
  });

  it('give the errors in all of them, unreadable files included', async () => {
    const result = await loadRuleFiles(['a.yaml', 'none.yaml', 'bad.yaml'], readFile);
    expect(result).toMatchObject({
      ok: false,
      errors: [
        {
          file: 'none.yaml',
          line: 1,
          column: 1,
          message: 'cannot read this file: no such file',
          excerpt: '',
        },
        { file: 'bad.yaml', line: 1 },
        { file: 'bad.yaml', line: 1 },
      ],
    });
    expect(result.groups.map(({ id }) => id)).toEqual(['a.yaml;g']);
  });
});
