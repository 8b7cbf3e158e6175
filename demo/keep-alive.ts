/**
 * How the demo's servers keep connections: longer than Node's 5 s. A program that stood still for a while, as one does
 * on a busy machine, must not send on a connection that is being closed: what it cannot know the fate of is put off.
 */
export const KEEP_ALIVE = { keepAliveTimeout: 75_000 } as const;
