import { openLevelStore } from '../../src/store/level/open-level-store.ts';
import { makeTempDir } from '../support/temp-store.ts';
import { describeStore } from './store-contract.ts';

describeStore('the embedded store', async () => {
  const { dir, dispose } = await makeTempDir();
  return { open: () => openLevelStore({ dir }), dispose };
});
