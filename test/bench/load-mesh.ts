import { startDemoWorld } from '../../demo/demo-world.ts';
import { SLASH_COMMANDS } from '../../src/commands/table.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { MINUTE, ms, SECOND } from '../../src/lib/units.ts';
import { NO_FAULTS } from '../support/stage.ts';

/*
 * The mesh, Prometheus and Jaeger of the load bench, in a process of their own: what they compute must not delay the
 * people who wait for an acknowledgement. Sends its addresses to the process that started it, and ends with it.
 */
const world = await startDemoWorld({
  clock: systemClock,
  commands: SLASH_COMMANDS,
  history: ms(10 * MINUTE),
  sampling: 0.05,
  script: NO_FAULTS,
});
setInterval(() => world.advanceTo(systemClock.now()), SECOND);
process.on('disconnect', () => process.exit());
process.send?.({ PROMETHEUS_URL: world.prometheusUrl, JAEGER_URL: world.jaegerUrl });
