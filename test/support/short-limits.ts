import type { ServerLimits } from '../../src/http/server.ts';

/** Limits for slow clients that a test need not wait for. */
export const SHORT_LIMITS: ServerLimits = {
  headersTimeout: 50,
  requestTimeout: 100,
  keepAliveTimeout: 50,
  connectionsCheckingInterval: 20,
};
