/* Loaded before the bot by `--import`: its wall clock differs from the machine's by the ms in CHAOS_CLOCK_FILE, read at SIGUSR2 too. */
import { readFileSync } from 'node:fs';

const RealDate = Date;
const read = () => Number(readFileSync(process.env.CHAOS_CLOCK_FILE ?? '', 'utf8'));
let shift = read();
process.on('SIGUSR2', () => {
  shift = read();
});

globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [RealDate.now() + shift] : given));
  }
  static now() {
    return RealDate.now() + shift;
  }
};
