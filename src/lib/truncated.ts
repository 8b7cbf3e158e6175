/** A list that shows the first few of many. */
export interface Truncated<T> {
  readonly rows: readonly T[];
  readonly hidden: number;
}
