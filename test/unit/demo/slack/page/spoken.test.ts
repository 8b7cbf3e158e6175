import { expect, it } from 'vitest';
import { spokenText } from '../../../../../demo/slack/page/text/spoken.ts';
import { contextOfAda } from './render.ts';

it.each([
  [':red_circle: *checkout* p99 is `861 ms` &gt; 500 ms', 'red circle checkout p99 is 861 ms > 500 ms'],
  ['<@U0SAM> sees <https://j/1|trace 1> in <#C0CHECKOUT>', 'Sam Okafor sees trace 1 in team-checkout'],
  ['since <!date^1795266309^{time}|13:05 UTC>\n```a\nb```', 'since 14:05 a b'],
])('%j is said as %j', (text, spoken) => {
  expect(spokenText(text, contextOfAda())).toBe(spoken);
});
