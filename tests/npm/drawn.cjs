// Reads panels with the answers to their queries as JSON and writes what is to be drawn: words,
// colours and numbers as Grafana formats them. [{panel, answers, range}] to [{kind, ...}].
'use strict';

const { transformed } = require('./transformed.cjs');
const { curves } = require('./curves.cjs');
const { frames } = require('./frames.cjs');
const { numbers, states, table } = require('./words.cjs');

const KINDS = {
  timeseries: curves,
  trend: curves,
  stat: numbers,
  gauge: numbers,
  bargauge: numbers,
  table,
  'state-timeline': states,
  'status-history': states,
  text: async ({ options }) => ({ kind: 'text', content: options.content }),
};

async function drawn({ panel, answers, range }) {
  const draw = KINDS[panel.type];
  if (!draw) return { kind: 'other' };
  // Times that are told as ages are seen from the end of the range.
  Date.now = () => range[1];
  const found = await transformed(panel, frames(answers));
  const model = await draw(panel, found, range);
  const empty = model.kind !== 'text' && !found.some((frame) => frame.length);
  return empty ? { kind: 'empty', text: panel.fieldConfig?.defaults?.noValue ?? 'No data' } : model;
}

async function main() {
  const panels = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
  const found = [];
  for (const one of panels) {
    found.push(await drawn(one));
  }
  process.stdout.write(JSON.stringify(found));
}

main();
