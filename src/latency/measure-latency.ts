export { bucketsOf, CHART_POINTS, estimateOf, latencyChart, slowBetweenOf } from './figures.ts';
