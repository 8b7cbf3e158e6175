/* Loaded before the bot by `--import`: its wall clock differs from the machine's by the ms in CHAOS_CLOCK_FILE, read at SIGUSR2 too. */
import { readFileSync } from 'node:fs';

const RealDate = Date;
const file = process.env['CHAOS_CLOCK_FILE'] ?? '';
const read = (): number => Number(readFileSync(file, 'utf8'));
let shift = read();
process.on('SIGUSR2', () => {
  shift = read();
});

class ShiftedDate extends RealDate {
  constructor(...given: unknown[]) {
    super(...((given.length === 0 ? [RealDate.now() + shift] : given) as []));
  }
  static override now(): number {
    return RealDate.now() + shift;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;
