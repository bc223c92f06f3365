// Reads panels with the answers to their queries as JSON, writes what Grafana makes of them:
// [{panel, answers}] to [{frames: [[{name, type, values}]], idle}]. NaN and infinity become texts.
'use strict';

const { getFieldDisplayName } = require('./grafana.cjs');
const { frames } = require('./frames.cjs');
const { idle, transformed } = require('./transformed.cjs');

const plain = (value) =>
  typeof value === 'number' && !Number.isFinite(value) ? String(value) : value ?? null;

async function columns({ panel, answers }) {
  const found = await transformed(panel, frames(answers));
  return {
    frames: found.map((frame) =>
      frame.fields.map((field) => ({
        name: getFieldDisplayName(field, frame, found),
        type: field.type,
        values: Array.from(field.values, plain),
      }))
    ),
    idle: idle(panel, found),
  };
}

async function main() {
  const panels = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
  const found = [];
  for (const one of panels) {
    try {
      found.push(await columns(one));
    } catch (error) {
      found.push({ error: String(error.stack ?? error) });
    }
  }
  process.stdout.write(JSON.stringify(found));
}

main();
