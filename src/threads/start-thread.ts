import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ResourceLimits, Worker } from 'node:worker_threads';

/**
 * Starts a thread that runs a module. It does not keep the process alive. `from` is the `import.meta.url` of the caller, `name`
 * the module beside it, without extension.
 */
export function startThread(
  { name, from }: { readonly name: string; readonly from: string },
  limits: ResourceLimits = {},
): Worker {
  // The process's own flags are not for this thread: `--inspect` and `--input-type` would break it.
  const options = { execArgv: [], resourceLimits: limits };
  const entry = from.endsWith('.ts')
    ? sourceEntry(new URL(`./${name}.ts`, from).href)
    : new URL(`./${name}.js`, from);
  const worker = new Worker(entry, options);
  worker.unref();
  return worker;
}

/**
 * For a process that runs the sources (development, tests): Node 20 does not read TypeScript, and a loader registered in
 * the main thread does not apply to others, so the thread registers it first.
 */
function sourceEntry(file: string): URL {
  const folder = dirname(createRequire(import.meta.url).resolve('tsx/package.json'));
  const loader = pathToFileURL(join(folder, 'dist/esm/api/index.mjs')).href;
  const code = `import { tsImport } from ${JSON.stringify(loader)}; await tsImport(${JSON.stringify(file)}, ${JSON.stringify(file)});`;
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}
