import { describe, expect, it } from 'vitest';
import { axisLabel, axisMarks, labelledIndexes } from '../../../../../demo/slack/page/blocks/chart-scale.ts';
import { blockHtml } from './render.ts';
import { latencyChart, traceTable } from './sample-blocks.ts';

const plain = (text: string): object => ({ type: 'plain_text', text });
const mrkdwn = (text: string): object => ({ type: 'mrkdwn', text });
const option = (value: string): object => ({ text: plain(value), value });
const actions = (element: object): Record<string, unknown> => ({
  type: 'actions',
  block_id: 'b1',
  elements: [element],
});

describe('blocks', () => {
  it.each<[string, Record<string, unknown>, string]>([
    [
      'a header is plain: its stars stay, its emoji shows',
      { type: 'header', text: plain('*p99* :warning: <b>') },
      '<h3 class="header-block">*p99* <span class="emoji" role="img" aria-label="warning" title=":warning:">⚠️</span> &lt;b&gt;</h3>',
    ],
    [
      'a section has its text and its fields',
      { type: 'section', text: mrkdwn('*a*'), fields: [mrkdwn('b'), plain('*c*')] },
      '<div class="section"><div class="section-body"><div class="text"><strong>a</strong></div><div class="section-fields"><div class="section-field"><div class="text">b</div></div><div class="section-field"><div class="text">*c*</div></div></div></div></div>',
    ],
    [
      'a context mixes pictures and texts',
      {
        type: 'context',
        elements: [{ type: 'image', image_url: 'https://a.b/i.png', alt_text: 'i' }, mrkdwn('t')],
      },
      '<div class="context"><img class="image-element" src="https://a.b/i.png" alt="i"/><div class="text">t</div></div>',
    ],
    [
      'a button carries what it is called by',
      actions({ type: 'button', action_id: 'ack', value: '7', style: 'primary', text: plain('Go') }),
      '<div class="actions"><button type="button" class="button button-primary" data-role="action" data-action-type="button" data-action-id="ack" data-block-id="b1" data-value="7">Go</button></div>',
    ],
    [
      'a link button opens in a new tab',
      actions({ type: 'button', action_id: 'open', url: 'http://j/?a=1&b=2', text: plain('Jaeger') }),
      '<div class="actions"><a class="button" data-role="action" data-action-type="button" data-action-id="open" data-block-id="b1" href="http://j/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">Jaeger</a></div>',
    ],
    [
      'a link button with a script for an address is no link',
      actions({ type: 'button', action_id: 'x', url: 'javascript:alert(1)', text: plain('X') }),
      '<div class="actions"><button type="button" class="button" data-role="action" data-action-type="button" data-action-id="x" data-block-id="b1" data-value="">X</button></div>',
    ],
    [
      'a select has its placeholder and what was chosen at first',
      actions({
        type: 'static_select',
        action_id: 's',
        placeholder: plain('Service'),
        initial_option: option('b'),
        options: [option('a'), option('b')],
      }),
      '<div class="actions"><select class="select" data-role="action" data-action-type="static_select" data-action-id="s" data-block-id="b1" aria-label="Service"><option value="">Service</option><option value="a">a</option><option value="b" selected="">b</option></select></div>',
    ],
    [
      'option groups are groups',
      actions({
        type: 'static_select',
        action_id: 's',
        option_groups: [{ label: plain('G'), options: [option('a')] }],
      }),
      '<div class="actions"><select class="select" data-role="action" data-action-type="static_select" data-action-id="s" data-block-id="b1" aria-label="Choose…"><option value="" selected="">Choose…</option><optgroup label="G"><option value="a">a</option></optgroup></select></div>',
    ],
    [
      'a file of somebody else has its name and size, and no link',
      {
        type: 'file',
        title: { type: 'plain_text', text: 'traces.json' },
        size: 2_048,
        slack_file: { id: 'F1' },
      },
      '<div class="file-block"><strong>traces.json</strong> <span class="muted">2.0 kB</span> <span class="muted">This file was not shared with you.</span></div>',
    ],
    [
      'a picture has its title and its alternative text',
      { type: 'image', image_url: 'http://x/p.png', alt_text: 'p99 "now"', title: plain('p99') },
      '<figure class="image-block"><figcaption>p99</figcaption><img src="http://x/p.png" alt="p99 &quot;now&quot;"/></figure>',
    ],
    [
      'rich text is literal and has its styles',
      {
        type: 'rich_text',
        elements: [
          {
            type: 'rich_text_section',
            elements: [
              { type: 'text', text: '*a* &lt;', style: { bold: true, code: true } },
              { type: 'emoji', name: 'mag' },
              { type: 'user', user_id: 'U0SAM' },
            ],
          },
          {
            type: 'rich_text_list',
            style: 'ordered',
            offset: 2,
            elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text: 'x' }] }],
          },
        ],
      },
      '<div class="text"><strong><code>*a* &amp;lt;</code></strong><span class="emoji" role="img" aria-label="mag" title=":mag:">🔍</span><span class="mention">@Sam Okafor</span></div><ol class="rich-list rich-indent-0" start="3"><li>x</li></ol>',
    ],
    [
      'a block nobody knows says so',
      { type: 'hologram<b>' },
      '<div class="unsupported">This page cannot show a block of type <code>hologram&lt;b&gt;</code>.</div>',
    ],
    [
      'an element nobody knows says so',
      actions({ type: 'lever' }),
      '<div class="actions"><span class="unsupported">[lever]</span></div>',
    ],
    [
      'a block whose parts are missing is empty, not an error',
      { type: 'table', rows: 'x' },
      '<div class="table-scroll" role="region" tabindex="0" aria-label="Table"><table class="grid"><thead><tr></tr></thead><tbody></tbody></table></div>',
    ],
  ])('%s', (_, block, html) => {
    expect(blockHtml(block)).toBe(html);
  });

  it('shows a confirm object on the control that asks it', () => {
    const confirm = {
      title: plain('Sure?'),
      text: mrkdwn('"Really"'),
      confirm: plain('Yes'),
      deny: plain('No'),
    };
    const html = blockHtml(actions({ type: 'button', action_id: 'a', text: plain('A'), confirm }));
    expect(html).toContain(
      'data-confirm="{&quot;title&quot;:&quot;Sure?&quot;,&quot;text&quot;:&quot;\\&quot;Really\\&quot;&quot;,',
    );
  });

  it('has one entry in an overflow menu per option', () => {
    const html = blockHtml(
      actions({ type: 'overflow', action_id: 'o', options: [option('a'), option('b')] }),
    );
    expect(html.match(/data-action-id="o"[^>]*data-value="(a|b)"/g)).toHaveLength(2);
  });
});

describe('tables', () => {
  it('keeps links, sets figures to the right as told, and repeats the heading as column headers', () => {
    const html = blockHtml(traceTable());
    expect(html).toContain('<th scope="col" class="align-right">Duration</th>');
    expect(html).toContain('<td class="align-right">1,240 ms</td>');
    expect(html).toContain(
      '<a href="http://127.0.0.1:16686/trace/4c1f09ae77d2" target="_blank" rel="noopener noreferrer">4c1f09ae77d2</a>',
    );
    expect(html.match(/<tr>/g)).toHaveLength(6);
  });

  it('sets a column of figures to the right by itself, and no column with a word in it', () => {
    const raw = (text: string): object => ({ type: 'raw_text', text });
    const html = blockHtml({
      type: 'data_table',
      caption: 'Rules',
      rows: [
        [raw('Rule'), raw('Value'), raw('Count')],
        [raw('a'), raw('12.5 ms'), { type: 'raw_number', value: 3, text: '3' }],
        [raw('b'), raw('none'), { type: 'raw_number', value: 40, text: '40' }],
      ],
    });
    expect(html).toContain('<caption>Rules</caption>');
    expect(html).toContain('<td class="align-left">12.5 ms</td><td class="align-right">3</td>');
  });

  it('shows a button that stands in a cell, under the id of its block', () => {
    const button = { type: 'button', action_id: 'why', text: plain('Why?') };
    const html = blockHtml({
      type: 'data_table',
      block_id: 'dt',
      caption: 'c',
      rows: [[{ type: 'raw_text', text: 'h' }], [{ type: 'action_cell', element: button }]],
    });
    expect(html).toContain('data-action-id="why" data-block-id="dt"');
  });
});

describe('charts', () => {
  it('draws a line per series, the flat one dashed, and says in words what it shows', () => {
    const html = blockHtml(latencyChart());
    expect(html).toContain('<figcaption>p99 latency of checkout</figcaption>');
    expect(html).toContain(
      'aria-label="line chart, p99 latency of checkout. p99: from 208 to 905, last 861. SLO 500 ms: 500 throughout."',
    );
    // 16 points from edge to edge of 1000 units; 0 at 400, 1,000 at 0.
    expect(html).toContain('d="M0 315.2L66.7 312');
    expect(html).toContain('<path class="chart-line" d="M0 200L66.7 200');
    expect(html.match(/stroke-dasharray/g)).toHaveLength(2);
    expect(html).toContain('<title>14:05 · p99: 861</title>');
    for (const label of ['milliseconds', 'Time (UTC)', '13:50', '14:05', '1,000']) {
      expect(html).toContain(label);
    }
  });

  it('draws one bar per value', () => {
    const data = [1, 2, 3].map((value) => ({ label: `c${value}`, value }));
    const chart = {
      type: 'bar',
      series: [{ name: 's', data }],
      axis_config: { categories: ['c1', 'c2', 'c3'] },
    };
    expect(blockHtml({ type: 'data_visualization', title: 't', chart }).match(/<rect/g)).toHaveLength(3);
  });

  it('leaves the pie to slack-blocks-to-jsx, without ids that would occur twice in a page', () => {
    const chart = {
      type: 'pie',
      segments: [
        { label: 'ok', value: 90 },
        { label: 'slow', value: 10 },
      ],
    };
    const html = blockHtml({ type: 'data_visualization', title: 'Share', chart });
    expect(html).toContain('slow');
    expect(html).not.toContain(' id=');
  });

  it.each<[readonly number[], readonly number[]]>([
    [
      [212, 905],
      [0, 250, 500, 750, 1_000],
    ],
    [
      [0.1, 0.3],
      [0, 0.1, 0.2, 0.3],
    ],
    [
      [-5, 5],
      [-5, -2.5, 0, 2.5, 5],
    ],
    [
      [0, 0],
      [0, 0.25, 0.5, 0.75, 1],
    ],
    [[], [0, 0.25, 0.5, 0.75, 1]],
  ])('the values %j have the marks %j', (values, marks) => {
    expect(axisMarks(values)).toEqual(marks);
  });

  it('writes at most six labels, the first and the last among them', () => {
    expect(labelledIndexes(20)).toEqual([0, 4, 8, 11, 15, 19]);
    expect(labelledIndexes(3)).toEqual([0, 1, 2]);
    expect([0.25, 999.5, 1_234.5].map(axisLabel)).toEqual(['0.25', '999.5', '1,235']);
  });
});
