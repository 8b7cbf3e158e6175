import type { Random } from '../../demo/mesh/random.ts';
import type { FaultAction } from '../../demo/slack/faults.ts';
import { ms } from '../../src/lib/units.ts';
import type { Bed, Installation } from './bed.ts';
import type { FrontFault } from './front.ts';
import type { BreachMessage } from './ledger.ts';
import type { Replica } from './replica.ts';

/** What faults reach. */
export interface Stage {
  readonly bed: Bed;
  readonly random: Random;
  readonly messages: () => readonly BreachMessage[];
  /** The longest freeze, in seconds. */
  readonly longestFreeze: number;
}

/** A fault in force. */
export interface Struck {
  /** With its values, for the log. */
  readonly text: string;
  /** What it holds: no other fault is drawn on it meanwhile. */
  readonly resource: string;
  /** How long it lasts, in seconds; then `end` is called. */
  readonly seconds: number;
  readonly end: () => void | Promise<void>;
  /** The installations that cannot see the mesh meanwhile. */
  readonly blinds: readonly Installation['name'][];
}

type Draw = (stage: Stage) => Struck | undefined | Promise<Struck | undefined>;

const pick = <T>(random: Random, from: readonly T[]): T | undefined => from[random.below(from.length)];
const between = (random: Random, low: number, high: number): number =>
  Math.round((low + random.next() * (high - low)) * 10) / 10;
/** As often from 0.5 to 1 as from 50 to 100. */
const spread = (random: Random, low: number, high: number): number =>
  Math.round(low * (high / low) ** random.next() * 10) / 10;
const nothing = (): void => undefined;

function anyReplica({ bed, random }: Stage): { replica: Replica; of: Installation } | undefined {
  const all = bed.installations.flatMap((of) => of.replicas.map((replica) => ({ replica, of })));
  return pick(
    random,
    all.filter(({ replica }) => replica.isWorking()),
  );
}

const anyInstallation = ({ bed, random }: Stage): Installation | undefined => pick(random, bed.installations);

/** Ends a replica, and starts it again later. */
function down(how: 'kill' | 'stop'): Draw {
  return async (stage) => {
    const found = anyReplica(stage);
    if (found === undefined) return undefined;
    const { replica } = found;
    const seconds = between(stage.random, 0.5, 12);
    await replica[how]();
    return {
      text: `${how} ${replica.name}, started ${seconds} s later`,
      resource: replica.name,
      seconds,
      end: () => replica.start(),
      blinds: [],
    };
  };
}

/** Slack needs a moment to accept what has been sent. */
const ACCEPTED_AFTER_MS = 150;

/** Calls back once Slack has accepted a replica's next call of a method, before the replica knows of it. */
function onceAccepted({ slack }: Replica, method: string, then: () => void): () => void {
  slack.holdAnswersFrom(method);
  const look = setInterval(() => {
    if (!slack.isHolding()) return;
    clearInterval(look);
    setTimeout(then, ACCEPTED_AFTER_MS);
  }, 20);
  return () => {
    clearInterval(look);
    slack.letGo();
  };
}

const killAtPost: Draw = (stage) => {
  const found = anyReplica(stage);
  if (found === undefined) return undefined;
  const { replica } = found;
  const method = pick(stage.random, ['chat.postMessage', 'chat.postMessage', 'chat.update']) ?? '';
  const forget = onceAccepted(replica, method, () => void replica.kill());
  return {
    text: `kill ${replica.name} after its next ${method} is accepted`,
    resource: replica.name,
    seconds: 20,
    end() {
      forget();
      replica.start();
    },
    blinds: [],
  };
};

const killAtWrite: Draw = (stage) => {
  const found = anyReplica(stage);
  if (found === undefined) return undefined;
  const { replica } = found;
  const writes = 1 + stage.random.below(12);
  replica.killAfterWrites(writes);
  return {
    text: `kill ${replica.name} after write ${writes} to its store`,
    resource: replica.name,
    seconds: between(stage.random, 5, 20),
    end() {
      replica.killAfterWrites(undefined);
      replica.start();
    },
    blinds: [],
  };
};

/** It stands still while it posts, for longer than its leases may last. */
const freezeAtPost: Draw = (stage) => {
  const found = anyReplica(stage);
  if (found === undefined) return undefined;
  const { replica } = found;
  const seconds = between(stage.random, 0.6 * stage.longestFreeze, stage.longestFreeze);
  const forget = onceAccepted(replica, 'chat.postMessage', () => replica.freeze());
  return {
    text: `freeze ${replica.name} at its next chat.postMessage, thawed ${seconds} s from now`,
    resource: replica.name,
    seconds,
    end() {
      forget();
      replica.thaw();
    },
    blinds: [],
  };
};

/** It stands still between what it has decided and the write of it: others go on meanwhile. */
const freezeAtWrite: Draw = (stage) => {
  const found = anyReplica(stage);
  if (found === undefined) return undefined;
  const { replica } = found;
  const writes = 1 + stage.random.below(12);
  const seconds = spread(stage.random, 5, stage.longestFreeze);
  replica.freezeBeforeWrite(writes);
  return {
    text: `freeze ${replica.name} before write ${writes} to its store, thawed ${seconds} s from now`,
    resource: replica.name,
    seconds,
    end() {
      replica.freezeBeforeWrite(undefined);
      replica.thaw();
    },
    blinds: [],
  };
};

const freeze: Draw = (stage) => {
  const found = anyReplica(stage);
  if (found === undefined) return undefined;
  const { replica } = found;
  const seconds = spread(stage.random, 0.5, stage.longestFreeze);
  replica.freeze();
  return {
    text: `freeze ${replica.name} for ${seconds} s`,
    resource: replica.name,
    seconds,
    end: () => replica.thaw(),
    blinds: [],
  };
};

const clock: Draw = async (stage) => {
  const found = anyReplica(stage);
  if (found === undefined) return undefined;
  const { replica } = found;
  const shift = Math.round(between(stage.random, -300, 300));
  const seconds = between(stage.random, 15, 40);
  await replica.kill();
  replica.start(shift * 1_000);
  return {
    text: `start ${replica.name} with its clock ${shift} s ahead, for ${seconds} s`,
    resource: replica.name,
    seconds,
    async end() {
      await replica.kill();
      replica.start();
    },
    blinds: [],
  };
};

/** Its clock is set while it runs, and set right later. */
const clockStep: Draw = (stage) => {
  const found = anyReplica(stage);
  if (found === undefined) return undefined;
  const { replica } = found;
  const shift = Math.round(between(stage.random, -300, 300));
  const seconds = between(stage.random, 5, 40);
  replica.setClock(shift * 1_000);
  return {
    text: `set the clock of ${replica.name} ${shift} s ahead, for ${seconds} s`,
    resource: replica.name,
    seconds,
    end: () => replica.setClock(0),
    blinds: [],
  };
};

/** Something about Redis. */
function redis(what: 'kill' | 'pause' | 'flush'): Draw {
  return async ({ bed, random }) => {
    const shared = bed.installations.find((each) => each.redis !== undefined)?.redis;
    if (shared === undefined) return undefined;
    const store = await shared.master();
    const seconds = what === 'flush' ? 0 : between(random, 1, 15);
    const text = what === 'flush' ? 'FLUSHALL of Redis' : `${what} Redis for ${seconds} s`;
    const struck = { text, resource: 'redis', seconds, blinds: ['redis'] as const };
    switch (what) {
      case 'kill':
        await store.kill();
        return { ...struck, end: () => store.restart() };
      case 'pause':
        store.freeze();
        return { ...struck, end: () => store.thaw() };
      case 'flush':
        await flush(store.port);
        return { ...struck, end: nothing };
    }
  };
}

async function flush(port: number): Promise<void> {
  const { connect } = await import('node:net');
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end('FLUSHALL\r\n'));
    socket.on('error', nothing).on('close', () => resolve());
    socket.resume();
  });
}

const METHODS = ['chat.postMessage', 'chat.postMessage', 'chat.update', 'conversations.history', '*'];

/** Calls to Slack that go wrong, so many of them or until some time is over. */
function slack(name: string, draw: (random: Random) => FaultAction, methods = METHODS): Draw {
  return (stage) => {
    const { random, bed } = stage;
    const method = pick(random, methods) ?? '*';
    const channel = method.startsWith('chat') ? anyInstallation(stage)?.channelId : undefined;
    const times = 1 + random.below(6);
    const action = draw(random);
    const seconds = between(random, 3, 15);
    const remove = bed.world.slack.faults.add({
      method,
      times,
      do: action,
      ...(channel === undefined ? {} : { channel }),
    });
    const detail = JSON.stringify(action).slice(0, 120);
    return {
      text: `${name}: ${times} calls of ${method}${channel === undefined ? '' : ` in ${channel}`}, ${detail}`,
      resource: `slack ${method} ${channel ?? ''}`,
      seconds,
      end: remove,
      blinds: [],
    };
  };
}

const MALFORMED = [
  '',
  '{}',
  '[]',
  'null',
  '{"ok":false}',
  '{"ok":true}',
  '<html>Sign in</html>',
  '{"ok":tr',
  '"x"',
  '{"ok":true,"ts":5,"channel":{}}',
];

const deleted: Draw = ({ bed, random, messages }) => {
  const open = messages().filter(
    ({ deletedAt, shown }) => deletedAt === undefined && shown.at(-1)?.shown === 'open',
  );
  const one = pick(random, open);
  if (one === undefined) return undefined;
  bed.world.workspace.deleteMessage(one.channelId, one.ts);
  return {
    text: `delete the message about ${one.service} by ${one.rule} in ${one.channelId}`,
    resource: one.ts,
    seconds: 0,
    end: nothing,
    blinds: [],
  };
};

const archived: Draw = (stage) => {
  const of = anyInstallation(stage);
  const { state } = stage.bed.world.workspace;
  const channel = of === undefined ? undefined : state.conversations.channel(of.channelId);
  if (channel === undefined) return undefined;
  const seconds = between(stage.random, 2, 20);
  stage.bed.world.workspace.archiveChannel(channel.id);
  return {
    text: `archive ${channel.id} for ${seconds} s`,
    resource: `channel ${channel.id}`,
    seconds,
    end: () => state.conversations.changeChannel({ ...channel, isArchived: false }),
    blinds: [],
  };
};

const sockets: Draw = ({ bed, random }) => {
  const { socket } = bed.world.slack;
  const how = pick(random, ['drop', 'refresh_requested', 'warning', 'refuse'] as const);
  if (how === undefined) return undefined;
  if (how === 'refuse') socket.refuseNext(3);
  if (how === 'drop' || how === 'refuse') socket.drop();
  else socket.disconnect(how);
  return { text: `sockets: ${how}`, resource: 'sockets', seconds: 1, end: nothing, blinds: [] };
};

const GARBAGE: readonly FrontFault[] = [
  ...[
    '',
    '{}',
    '[]',
    'null',
    '<html>Sign in</html>',
    '{"status":"success"}',
    '{"status":"success","data":{"resultType":"vector","result":[{}]}}',
    '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}}',
    '{"data":[{"traceID":5}]}',
  ].map((body) => ({ kind: 'body', body }) as const),
  ...[429, 500, 502, 503].map((status) => ({ kind: 'status', status }) as const),
];

function upstream(which: 'prometheus' | 'jaeger', faults: (random: Random) => FrontFault | undefined): Draw {
  return (stage) => {
    const of = anyInstallation(stage);
    const fault = faults(stage.random);
    if (of === undefined || fault === undefined) return undefined;
    const seconds = between(stage.random, 2, 20);
    of[which].fault = fault;
    return {
      text: `${which} of ${of.name}: ${JSON.stringify(fault)} for ${seconds} s`,
      resource: `${which} ${of.name}`,
      seconds,
      end() {
        of[which].fault = undefined;
      },
      blinds: which === 'prometheus' && fault.kind !== 'slow' ? [of.name] : [],
    };
  };
}

const slow = (random: Random): FrontFault => ({ kind: 'slow', ms: 500 + random.below(4_000) });

const late: Draw = ({ bed, random }) => {
  const seconds = between(random, 3, 25);
  bed.isLate = true;
  return {
    text: `samples and spans come ${seconds} s late`,
    resource: 'mesh',
    seconds,
    end() {
      bed.isLate = false;
    },
    blinds: ['redis', 'level'],
  };
};

/** All kinds of faults, by name. */
export const FAULTS: Readonly<Record<string, Draw>> = {
  kill: down('kill'),
  stop: down('stop'),
  'kill-at-post': killAtPost,
  'kill-at-write': killAtWrite,
  freeze,
  'freeze-at-post': freezeAtPost,
  clock,
  'clock-step': clockStep,
  'redis-kill': redis('kill'),
  'redis-pause': redis('pause'),
  'redis-flush': redis('flush'),
  'slack-429': slack('Slack limits', (random) => ({
    kind: 'rate-limit',
    retryAfterSeconds: 1 + random.below(8),
  })),
  'slack-5xx': slack('Slack fails', (random) => ({ kind: 'http', status: 500 + random.below(4) })),
  'slack-reset': slack('connection reset before the call', () => ({ kind: 'reset-before-accept' })),
  'slack-lost': slack('connection reset after the call', () => ({ kind: 'reset-after-accept' })),
  'slack-stall': slack('stalled bodies', () => ({ kind: 'stall' })),
  'slack-slow': slack('late answers', (random) => ({ kind: 'slow', delay: ms(1_000 + random.below(9_000)) })),
  'slack-malformed': slack(
    'malformed bodies',
    (random) => ({ kind: 'http', status: 200, body: pick(random, MALFORMED) ?? '' }),
    [...METHODS, 'auth.test', 'apps.connections.open'],
  ),
  'edit-refused': slack('edits refused', () => ({ kind: 'error', error: 'edit_window_closed' }), [
    'chat.update',
  ]),
  deleted,
  archived,
  sockets,
  'prometheus-down': upstream('prometheus', () => ({ kind: 'down' })),
  'prometheus-slow': upstream('prometheus', slow),
  'prometheus-hang': upstream('prometheus', () => ({ kind: 'hang' })),
  'prometheus-garbage': upstream('prometheus', (random) => pick(random, GARBAGE)),
  'prometheus-late': late,
  'jaeger-down': upstream('jaeger', () => ({ kind: 'down' })),
  'jaeger-slow': upstream('jaeger', slow),
  'jaeger-hang': upstream('jaeger', () => ({ kind: 'hang' })),
  'jaeger-garbage': upstream('jaeger', (random) => pick(random, GARBAGE)),
};

/** Faults that are drawn only where they are named: for guards that the others rarely need. */
export const NAMED_FAULTS: Readonly<Record<string, Draw>> = { ...FAULTS, 'freeze-at-write': freezeAtWrite };
