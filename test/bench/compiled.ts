import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** The largest output of a program. */
const MAX_OUTPUT = 16 * 1_024 * 1_024;

/**
 * A program beside this file, compiled and run in processes of its own: what runs TypeScript as it is gives each function a
 * name, which costs as much as what is measured, and memory is then what one run takes, not what another one left.
 *
 * @returns a function that runs it with a parameter and flags of Node.js, and resolves with what it prints, parsed.
 */
export async function compiled<Output>(
  name: string,
): Promise<(parameter: object, flags?: readonly string[]) => Promise<Output>> {
  const folder = join(ROOT, 'dist', 'bench');
  await mkdir(folder, { recursive: true });
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: { noEmit: false, rootDir: ROOT, outDir: folder },
    files: [join(ROOT, 'test/bench', `${name}.ts`), join(ROOT, 'src/jaeger/reading-worker.ts')],
    include: [],
  };
  const file = join(folder, `tsconfig.${name}.json`);
  await writeFile(file, JSON.stringify(config));
  await run(join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', file]);
  const program = join(folder, 'test/bench', `${name}.js`);
  return async (parameter, flags = []) => {
    const { stdout } = await run(process.execPath, [...flags, program, JSON.stringify(parameter)], {
      maxBuffer: MAX_OUTPUT,
    });
    return JSON.parse(stdout) as Output;
  };
}
