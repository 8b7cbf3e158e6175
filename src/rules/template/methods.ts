import { epochMs } from '../../lib/units.ts';
import { durationText, formatTime, timeText } from './go-time.ts';
import { float, GO_TYPES, int, NIL, stringOf, text, type Value, wrongType } from './value.ts';

type Method<Receiver> = (receiver: Receiver, args: readonly Value[]) => Value;

const numberIn = (value: Value = NIL): number => {
  if (value.type !== 'int') throw wrongType('int', value);
  return value.number;
};

function addDate(date: Date, args: readonly Value[]): Value {
  const [years, months, days] = [numberIn(args[0]), numberIn(args[1]), numberIn(args[2])];
  const added = new Date(date);
  added.setUTCFullYear(date.getUTCFullYear() + years, date.getUTCMonth() + months, date.getUTCDate() + days);
  return { type: 'time', at: epochMs(added.getTime()) };
}

const TIME_METHODS: Readonly<Record<string, Method<Date>>> = {
  Format: (date, [layout]) => text(formatTime(epochMs(date.getTime()), stringOf(layout))),
  String: (date) => text(timeText(epochMs(date.getTime()))),
  UTC: (date) => ({ type: 'time', at: epochMs(date.getTime()) }),
  Unix: (date) => int(Math.floor(date.getTime() / 1_000)),
  UnixMilli: (date) => int(date.getTime()),
  Year: (date) => int(date.getUTCFullYear()),
  Month: (date) => text(formatTime(epochMs(date.getTime()), 'January')),
  Day: (date) => int(date.getUTCDate()),
  Weekday: (date) => text(formatTime(epochMs(date.getTime()), 'Monday')),
  YearDay: (date) => int(Number(formatTime(epochMs(date.getTime()), '002'))),
  Hour: (date) => int(date.getUTCHours()),
  Minute: (date) => int(date.getUTCMinutes()),
  Second: (date) => int(date.getUTCSeconds()),
  AddDate: addDate,
  Add: (date, [duration = NIL]) => {
    if (duration.type !== 'duration') throw wrongType('time.Duration', duration);
    return { type: 'time', at: epochMs(date.getTime() + duration.nanoseconds / 1e6) };
  },
};

const DURATION_METHODS: Readonly<Record<string, Method<number>>> = {
  Hours: (nanoseconds) => float(nanoseconds / 3.6e12),
  Minutes: (nanoseconds) => float(nanoseconds / 6e10),
  Seconds: (nanoseconds) => float(nanoseconds / 1e9),
  Milliseconds: (nanoseconds) => int(Math.trunc(nanoseconds / 1e6)),
  Nanoseconds: (nanoseconds) => int(nanoseconds),
  String: (nanoseconds) => text(durationText(nanoseconds)),
};

/**
 * Calls a method of a time or a duration: those that need no zone.
 * @throws Error in Go's words when there is none.
 */
export function callMethod(receiver: Value, name: string, args: readonly Value[]): Value {
  const missing = new Error(`can't evaluate field ${name} in type ${GO_TYPES[receiver.type]}`);
  if (receiver.type === 'time') {
    const method = Object.hasOwn(TIME_METHODS, name) ? TIME_METHODS[name] : undefined;
    if (method !== undefined) return method(new Date(receiver.at), args);
  }
  if (receiver.type === 'duration') {
    const method = Object.hasOwn(DURATION_METHODS, name) ? DURATION_METHODS[name] : undefined;
    if (method !== undefined) return method(receiver.nanoseconds, args);
  }
  throw missing;
}
