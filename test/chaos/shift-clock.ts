/* Loaded before the bot by `--import`: its wall clock differs from the machine's by CHAOS_CLOCK_SHIFT ms. */
const shift = Number(process.env['CHAOS_CLOCK_SHIFT'] ?? 0);
const RealDate = Date;

class ShiftedDate extends RealDate {
  constructor(...given: unknown[]) {
    super(...((given.length === 0 ? [RealDate.now() + shift] : given) as []));
  }
  static override now(): number {
    return RealDate.now() + shift;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;
