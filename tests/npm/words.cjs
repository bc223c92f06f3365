// Panels of words and numbers: single values, tables, and states along a line of time.
'use strict';

const data = require('./grafana.cjs');

const THEME = data.createTheme({ colors: { mode: 'dark' } });

const text = (display) => data.formattedValueToString(display);
const color = (name) => (name ? THEME.visualization.getColorByName(name) : undefined);

async function numbers(panel, frames) {
  const found = data.getFieldDisplayValues({
    fieldConfig: { defaults: {}, overrides: [] },
    reduceOptions: panel.options?.reduceOptions ?? { calcs: ['lastNotNull'] },
    replaceVariables: (words) => words,
    theme: THEME,
    data: frames,
    timeZone: 'utc',
    sparkline: panel.options?.graphMode === 'area',
  });
  return {
    kind: 'numbers',
    style: panel.type,
    colorMode: panel.options?.colorMode ?? 'value',
    textMode: panel.options?.textMode ?? 'auto',
    items: found.map(({ display, sparkline }) => ({
      title: display.title,
      text: text(display),
      color: display.color,
      share: Number.isFinite(display.percent) ? display.percent : 0,
      spark: sparkline?.y ? Array.from(sparkline.y.values) : [],
    })),
  };
}

function cell(field, value, linked) {
  const display = field.display(value);
  const options = field.config.custom?.cellOptions ?? { type: 'auto' };
  return {
    text: value === null || value === undefined ? '' : text(display),
    type: options.type,
    color: display.color,
    share: display.percent,
    linked,
  };
}

async function table(panel, frames) {
  const [frame = { fields: [], length: 0 }] = frames;
  const fields = frame.fields.filter(({ config }) => !config.custom?.hidden && !config.custom?.hideFrom?.viz);
  const names = fields.map((field) => data.getFieldDisplayName(field, frame, frames));
  const rows = Array.from({ length: frame.length }, (_, index) => index);
  for (const { displayName, desc } of [...(panel.options?.sortBy ?? [])].reverse()) {
    const field = fields[names.indexOf(displayName)];
    if (field) rows.sort((a, b) => compare(field.values[a], field.values[b]) * (desc ? -1 : 1));
  }
  return {
    kind: 'table',
    columns: fields.map((field, index) => ({
      name: names[index],
      right: (field.config.custom?.align ?? 'auto') === 'auto' ? field.type === 'number' : field.config.custom.align === 'right',
      width: field.config.custom?.width ?? null,
    })),
    rows: rows.map((row) =>
      fields.map((field) => cell(field, field.values[row], Boolean(field.config.links?.length)))
    ),
  };
}

function compare(a, b) {
  if (a === b) return 0;
  if (a === null || a === undefined) return -1;
  if (b === null || b === undefined) return 1;
  return a < b ? -1 : 1;
}

// Returns stretches of one text and colour: [{from, to, text, color}] in milliseconds.
function stretches(times, field, end) {
  const found = [];
  times.forEach((from, index) => {
    const value = field.values[index];
    const to = times[index + 1] ?? end;
    if (value === null || value === undefined || Number.isNaN(value)) return;
    const display = field.display(value);
    const last = found.at(-1);
    if (last && last.text === text(display) && last.to === from) last.to = to;
    else found.push({ from, to, text: text(display), color: display.color ?? color('text') });
  });
  return found;
}

async function states(panel, frames, range) {
  const all = [...new Set(frames.flatMap((frame) => Array.from(times(frame)?.values ?? [])))];
  const moments = all.sort((a, b) => a - b);
  const step = moments.length > 1 ? Math.min(...moments.slice(1).map((at, i) => at - moments[i])) : 0;
  const rows = frames.flatMap((frame) => {
    const x = times(frame);
    if (!x) return [];
    const values = frame.fields.filter((field) => field !== x && !field.config.custom?.hideFrom?.viz);
    return values.map((field) => ({
      name: data.getFieldDisplayName(field, frame, frames),
      stretches: stretches(...filled(x, field, moments, step)),
    }));
  });
  return { kind: 'states', range, rows };
}

const times = (frame) => frame.fields.find((field) => field.type === 'time');

// Puts nothing where a series has no point, as panels do that line all series up.
function filled(x, field, moments, step) {
  const at = new Map(Array.from(x.values, (moment, index) => [moment, field.values[index]]));
  const values = moments.map((moment) => at.get(moment) ?? null);
  const end = (moments.at(-1) ?? 0) + step;
  return [moments, { display: field.display, values }, end];
}

module.exports = { numbers, states, table };
