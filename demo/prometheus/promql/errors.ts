/** Why a query failed, in the words of Prometheus's API (`errorType`). */
export type QueryErrorType = 'bad_data' | 'execution' | 'timeout';

/** A failed query: wrong in itself (bad_data), wrong on these samples or beyond this server (execution), or too slow (timeout). */
export class QueryError extends Error {
  override readonly name = 'QueryError';
  readonly type: QueryErrorType;

  constructor(type: QueryErrorType, message: string) {
    super(message);
    this.type = type;
  }
}

/** `line:column: parse error: ...`, as Prometheus words a error in an expression; both count from 1, columns in bytes of UTF-8. */
export function parseError(source: string, position: number, message: string): QueryError {
  const before = source.slice(0, position);
  const lineStart = before.lastIndexOf('\n') + 1;
  const line = before.split('\n').length;
  const column = Buffer.byteLength(before.slice(lineStart)) + 1;
  return new QueryError('bad_data', `${line}:${column}: parse error: ${message}`);
}

/** The answer to everything that a Prometheus would evaluate and this one does not. */
export const notKnown = (construct: string): QueryError =>
  new QueryError('execution', `the embedded Prometheus does not know ${construct}`);
