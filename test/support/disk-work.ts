import { ClassicLevel } from 'classic-level';

/*
 * Virtual time must stand still while this thread waits for a disk: on a busy machine a write of LevelDB takes many turns of the
 * event loop, and a second that passes meanwhile is one that no real bot would have lost. Node lists its own requests for
 * files; those of LevelDB it does not know, so they are counted here.
 */

let underWay = 0;
const waiting: (() => void)[] = [];

type Operation = (...args: never[]) => Promise<unknown>;

/** The operation, counted while it is under way. */
function counted(operation: Operation): Operation {
  return async function (this: unknown, ...args) {
    underWay += 1;
    try {
      return await operation.apply(this, args);
    } finally {
      underWay -= 1;
      if (underWay === 0) for (const goOn of waiting.splice(0)) goOn();
    }
  };
}

/** Replaces a method, of a class or of one object, by its counted form. */
function count(owner: object, name: string): void {
  const operation: unknown = Reflect.get(owner, name);
  Object.assign(owner, { [name]: counted(operation as Operation) });
}

const { prototype } = ClassicLevel;
for (const name of ['open', 'close', 'get', 'getMany', 'batch']) count(prototype, name);

const createIterator = Reflect.get(prototype, 'iterator') as (...args: unknown[]) => object;
Object.assign(prototype, {
  iterator(this: ClassicLevel, ...args: unknown[]) {
    const created = createIterator.apply(this, args);
    count(created, 'all');
    return created;
  },
});

/** Waits while LevelDB or a request for a file is under way in this thread; false when there was nothing to wait for. */
export async function waitedForDisk(): Promise<boolean> {
  if (underWay > 0) {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
    });
    return true;
  }
  return process.getActiveResourcesInfo().includes('FSReqPromise');
}
