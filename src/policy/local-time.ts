import type { LocalTime, LocalTimeIn } from './time-interval.ts';

const WEEKDAYS: readonly string[] = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** The calendar and clock of a zone, by the zone data of the runtime (ICU). */
function createReader(zone: string): (at: number) => LocalTime {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'gregory',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    weekday: 'short',
    hour: 'numeric',
    minute: 'numeric',
  });
  return (at) => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const number = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type));
    return {
      year: number('year'),
      month: number('month'),
      day: number('day'),
      weekday: WEEKDAYS.indexOf(parts.get('weekday') ?? ''),
      minute: number('hour') * 60 + number('minute'),
    };
  };
}

/** Tells local times. Readers are kept, since making one costs far more than asking it; zones are few. */
export function createLocalTime(): LocalTimeIn {
  const readers = new Map<string, (at: number) => LocalTime>();
  return (at, zone) => {
    const reader = readers.get(zone) ?? createReader(zone);
    readers.set(zone, reader);
    return reader(at);
  };
}
