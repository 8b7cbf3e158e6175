import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '../../src/lib/clock.ts';
import { epochUs, ms, SECOND, us } from '../../src/lib/units.ts';
import type { PicturePainter } from '../../src/traces/pictures.ts';
import type { Span } from '../../src/traces/trace.ts';
import { summarize } from '../../src/traces/trace-summary.ts';
import { type Waterfall, waterfallOf } from '../../src/traces/waterfall.ts';
import { createPicturePainter } from '../../src/waterfall/picture-painter.ts';
import { aTrace } from '../support/fake-trace-source.ts';
import { createSpyLogger } from '../support/spies.ts';

const PICTURES = 200;
const COLD_STARTS = 5;
const MEGABYTE = 1024 * 1024;

/** A request through seven services, each with a statement, in 15 rows' worth of spans. */
function aRequest(): Waterfall {
  const spans = Array.from({ length: 30 }, (_, i): Partial<Span> => {
    const depth = Math.floor(i / 2);
    return {
      spanId: `s${i}`,
      ...(i === 0 ? {} : { parentSpanId: `s${i - 1}` }),
      serviceName: `service-${depth}.shop`,
      spanName: `service-${depth}.shop.svc.cluster.local:8080/api/v1/orders`,
      kind: i % 2 === 0 ? 'client' : 'server',
      start: epochUs(i * 7_000),
      duration: us(900_000 - i * 20_000),
      isError: i === 21,
    };
  });
  const summary = summarize(aTrace('1', spans));
  if (summary === undefined) throw new Error('the trace has spans');
  return waterfallOf(summary);
}

const newPainter = (): PicturePainter =>
  createPicturePainter({ clock: systemClock, logger: createSpyLogger(), limit: ms(60 * SECOND) });

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;

/** Drawing a waterfall: the first picture of a process, the further ones, and what the bot's own thread notices of it. */
export async function benchPicture(): Promise<void> {
  const waterfall = aRequest();
  const cold: number[] = [];
  for (let i = 0; i < COLD_STARTS; i++) {
    const painter = newPainter();
    cold.push(await timed(() => painter.draw(waterfall)));
    await painter.close();
  }
  const painter = newPainter();
  const png = await painter.draw(waterfall);
  const memory = process.memoryUsage().rss;
  const idle = monitorEventLoopDelay({ resolution: 1 });
  idle.enable();
  await wait(2_000);
  idle.disable();
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  const warm: number[] = [];
  for (let i = 0; i < PICTURES; i++) warm.push(await timed(() => painter.draw(waterfall)));
  loop.disable();
  const grown = process.memoryUsage().rss - memory;
  await painter.close();
  for (const times of [cold, warm]) times.sort((a, b) => a - b);
  const shown = (value: number): number => Number(value.toPrecision(3));
  console.log(`\na waterfall of ${waterfall.rows.length} rows, ${Math.round(png.length / 1_000)} kB`);
  console.table([
    { what: 'first picture, thread started for it (median)', ms: shown(quantile(cold, 0.5)) },
    { what: 'further pictures (median)', ms: shown(quantile(warm, 0.5)) },
    { what: 'further pictures (p99)', ms: shown(quantile(warm, 0.99)) },
    { what: "main loop's delay while idle (p99)", ms: shown(idle.percentile(99) / 1e6) },
    { what: "main loop's delay while drawing (p99)", ms: shown(loop.percentile(99) / 1e6) },
    { what: "main loop's delay while drawing (largest)", ms: shown(loop.max / 1e6) },
  ]);
  console.log(`memory grown over ${PICTURES} pictures: ${Math.round(grown / MEGABYTE)} MB`);
}
