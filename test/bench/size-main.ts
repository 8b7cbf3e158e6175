import { benchCulpritSize } from './culprit-size.ts';

await benchCulpritSize();
