import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

const isRuleFile = (name: string): boolean => /\.ya?ml$/.test(name) && !name.startsWith('.');

/**
 * The rule files behind what was given: a file stands for itself, a folder for its `.yaml` and `.yml` files in order of
 * name. A path that does not exist is given back as it is: reading it says what is wrong. Entries that begin with a dot
 * are left out, since Kubernetes mounts a ConfigMap with such folders of its own.
 */
export async function rulePaths(given: readonly string[]): Promise<readonly string[]> {
  const paths = await Promise.all(
    given.map(async (path) => {
      const found = await stat(path).catch(() => undefined);
      if (found?.isDirectory() !== true) return [path];
      return (await readdir(path))
        .filter(isRuleFile)
        .sort()
        .map((name) => join(path, name));
    }),
  );
  return paths.flat();
}
