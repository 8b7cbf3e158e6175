import { createRequire } from 'node:module';

/** The version in package.json, which is two folders above this file in the sources and in the package. */
export const { version: VERSION } = createRequire(import.meta.url)('../../package.json') as {
  version: string;
};
