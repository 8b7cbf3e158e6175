/* eslint-disable typescript/unbound-method, typescript/await-thenable */
/*
 * Loaded before the bot by `--import`. The file CHAOS_CONTROL, read at the start and at SIGUSR2, says how it is interfered
 * with: `shift`, by how many ms its wall clock differs from the machine's, `killAfter`, after which of its next writes to the
 * store it ends as by a crash, and `freezeBefore`, before which of them it stands still until somebody continues it.
 */
import { readFileSync } from 'node:fs';
import { ClassicLevel } from 'classic-level';
import { Redis } from 'ioredis';

let control = { shift: 0 };
const readControl = () => {
  control = JSON.parse(readFileSync(process.env.CHAOS_CONTROL ?? '', 'utf8'));
};
readControl();
process.on('SIGUSR2', readControl);

const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [RealDate.now() + control.shift] : given));
  }
  static now() {
    return RealDate.now() + control.shift;
  }
};

const onWritten = () => {
  if (control.killAfter === undefined) return;
  control.killAfter -= 1;
  if (control.killAfter <= 0) process.kill(process.pid, 'SIGKILL');
};

const beforeWrite = () => {
  if (control.freezeBefore === undefined) return;
  control.freezeBefore -= 1;
  if (control.freezeBefore > 0) return;
  delete control.freezeBefore;
  process.kill(process.pid, 'SIGSTOP');
};

const { batch } = ClassicLevel.prototype;
ClassicLevel.prototype.batch = async function (...given) {
  beforeWrite();
  const done = await batch.apply(this, given);
  onWritten();
  return done;
};

const { sendCommand } = Redis.prototype;
Redis.prototype.sendCommand = function (command, ...rest) {
  if (/^(?:eval|evalsha|set)$/.test(command.name)) {
    beforeWrite();
    command.promise.then(onWritten, () => undefined);
  }
  return sendCommand.call(this, command, ...rest);
};
