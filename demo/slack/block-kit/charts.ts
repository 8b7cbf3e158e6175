import {
  below,
  type Check,
  isFields,
  list,
  number,
  object,
  type Place,
  type Rule,
  refuse,
  refuseRepeats,
  string,
  tagged,
} from './check.ts';

/**
 * `data_visualization`: docs.slack.dev/reference/block-kit/blocks/data-visualization-block. Series and segments are
 * 1 to 6 there; newer sources say 12. The block is refused in modals.
 */
const MOST_SERIES = 6;
const MOST_POINTS = 20;
const label = string({ max: 20 });
const axisTitle = string({ max: 50 });

const point = object({ required: { label, value: number() } });
const series = object({ required: { name: label, data: list(point, { max: MOST_POINTS }) } });
const segment = object({ required: { label, value: number() } });

const positive: Rule = (fields, place) => {
  entries(fields['segments']).forEach((entry, index) => {
    if (Number(entry['value']) <= 0)
      refuse(below(below(below(place, 'segments'), index), 'value'), 'must be greater than 0');
  });
};

const entries = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value) ? value.filter(isFields) : [];

const uniqueNames: Rule = (fields, place) =>
  refuseRepeats(
    entries(fields['series']).map((entry, index) => ({
      value: String(entry['name']),
      place: below(below(below(place, 'series'), index), 'name'),
    })),
    'series name',
  );

/** Each series has exactly one point per category: no gap, no stranger, no repeat. */
const onePointPerCategory: Rule = (fields, place) => {
  const axis = fields['axis_config'];
  const categories =
    isFields(axis) && Array.isArray(axis['categories']) ? axis['categories'].map(String) : [];
  entries(fields['series']).forEach((entry, index) => {
    const labels = entries(entry['data']).map((each) => String(each['label']));
    if (!sameMembers(labels, categories))
      refuse(dataOf(place, index), 'must have exactly one data point for each category');
  });
};
const dataOf = (place: Place, index: number): Place => below(below(below(place, 'series'), index), 'data');

const sameMembers = (left: readonly string[], right: readonly string[]): boolean =>
  left.length === right.length &&
  new Set(left).size === left.length &&
  left.every((each) => right.includes(each));

const uniqueCategories: Rule = (fields, place) =>
  refuseRepeats(
    (Array.isArray(fields['categories']) ? fields['categories'] : []).map((value, index) => ({
      value: String(value),
      place: below(below(place, 'categories'), index),
    })),
    'category',
  );

const xyChart: Check = object({
  required: {
    type: string(),
    series: list(series, { max: MOST_SERIES }),
    axis_config: object({
      required: { categories: list(label, { max: MOST_POINTS }) },
      optional: { x_label: axisTitle, y_label: axisTitle },
      rules: [uniqueCategories],
    }),
  },
  rules: [uniqueNames, onePointPerCategory],
});

const charts: Readonly<Record<string, Check>> = {
  line: xyChart,
  bar: xyChart,
  area: xyChart,
  pie: object({
    required: { type: string(), segments: list(segment, { max: MOST_SERIES }) },
    rules: [positive],
  }),
};

export const dataVisualization: Check = object({
  required: { type: string(), title: string({ max: 50 }), chart: tagged(() => charts) },
  optional: { block_id: string({ max: 255 }) },
});
