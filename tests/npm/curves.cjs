// Curves over time or over a number: values on common positions, axes with ticks, a legend.
'use strict';

const data = require('./grafana.cjs');

const THEME = data.createTheme({ colors: { mode: 'dark' } });
const TICKS = 5;

const shown = (field, value) => data.formattedValueToString(field.display(value));

// Returns the fields that are drawn, each with those of its positions.
function pairs(panel, frames) {
  return frames.flatMap((frame) => {
    const isX =
      panel.type === 'trend'
        ? (field) => data.getFieldDisplayName(field, frame, frames) === panel.options.xField
        : (field) => field.type === 'time';
    const x = frame.fields.find(isX);
    if (!x) return [];
    return frame.fields
      .filter((field) => field.type === 'number' && !isX(field))
      .filter((field) => !field.config.custom?.hideFrom?.viz)
      .map((field) => ({ x, field, name: data.getFieldDisplayName(field, frame, frames) }));
  });
}

function niceStep(span) {
  const raw = span / TICKS;
  const magnitude = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 2.5, 5, 10].find((factor) => factor * magnitude >= raw) * magnitude;
}

function linearTicks(low, high) {
  const step = niceStep(high - low);
  const first = Math.ceil(low / step - 1e-9) * step;
  const count = Math.floor((high - first) / step + 1e-9) + 1;
  return Array.from({ length: count }, (_, index) => Number((first + index * step).toPrecision(12)));
}

function logTicks(low, high) {
  const exponents = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e += 1) exponents.push(e);
  const factors = exponents.length > 3 ? [1] : [1, 2, 5];
  return exponents
    .flatMap((e) => factors.map((factor) => Number((factor * 10 ** e).toPrecision(6))))
    .filter((tick) => tick >= low && tick <= high);
}

// Returns the lowest and the highest value that a scale shows, with some room around curves.
function extent(fields, log) {
  const values = fields.flatMap((field) => Array.from(field.values));
  const limits = fields.flatMap(({ config }) =>
    config.custom?.thresholdsStyle?.mode?.match(/line|dashed/) && config.custom.axisSoftMax === undefined
      ? (config.thresholds?.steps ?? []).map((step) => step.value)
      : []
  );
  const soft = fields.flatMap(({ config }) => [config.custom?.axisSoftMin, config.custom?.axisSoftMax]);
  const usable = [...values, ...limits, ...soft].filter((v) => Number.isFinite(v) && (!log || v > 0));
  let [low, high] = usable.length
    ? [usable.reduce((a, b) => Math.min(a, b)), usable.reduce((a, b) => Math.max(a, b))]
    : log ? [1, 10] : [0, 1];
  if (log) return [low / 1.2, high * 1.2];
  if (low === high) [low, high] = low === 0 ? [0, 1] : [low - Math.abs(low) / 2, high + Math.abs(low) / 2];
  const room = (high - low) * 0.05;
  const [{ config }] = fields;
  return [config.min ?? (low >= 0 && low - room < 0 ? 0 : low - room), config.max ?? high + room];
}

function axis(key, fields) {
  const [field] = fields;
  const custom = field.config.custom ?? {};
  const log = custom.scaleDistribution?.type === 'log';
  const [low, high] = extent(fields, log);
  const values = log ? logTicks(low, high) : linearTicks(low, high);
  return {
    key,
    log,
    low,
    high,
    side: custom.axisPlacement === 'right' ? 'right' : 'left',
    hidden: custom.axisPlacement === 'hidden',
    label: custom.axisLabel ?? '',
    ticks: values.map((value) => ({ value, text: shown(field, value) })),
    limits: limits(field),
  };
}

function limits(field) {
  const mode = field.config.custom?.thresholdsStyle?.mode ?? 'off';
  if (mode === 'off') return [];
  return (field.config.thresholds?.steps ?? [])
    .filter(({ value }) => Number.isFinite(value))
    .map(({ value, color }) => ({ value, color: THEME.visualization.getColorByName(color), mode }));
}

function series({ field, name, x }, positions, key, calcs) {
  const custom = field.config.custom ?? {};
  const at = new Map(Array.from(x.values, (position, index) => [position, field.values[index]]));
  const figures = data.reduceField({ field, reducers: calcs });
  return {
    name,
    key,
    color: data.getFieldSeriesColor(field, THEME).color,
    width: custom.lineWidth ?? 1,
    dash: custom.lineStyle?.fill === 'dash' ? custom.lineStyle.dash ?? [10, 10] : null,
    dots: custom.lineStyle?.fill === 'dot',
    fill: custom.fillOpacity ?? 0,
    style: custom.drawStyle ?? 'line',
    steps: custom.lineInterpolation ?? 'linear',
    points: custom.showPoints ?? 'auto',
    spanned: custom.spanNulls === true || panelSpans(custom),
    stacked: custom.stacking?.mode === 'normal',
    inLegend: !custom.hideFrom?.legend,
    calcs: calcs.map((calc) => (figures[calc] == null ? '' : shown(field, figures[calc]))),
    values: positions.map((position) => finite(at.get(position))),
  };
}

const panelSpans = (custom) => typeof custom.spanNulls === 'number' && custom.spanNulls > 0;
const finite = (value) => (Number.isFinite(value) ? value : null);

async function curves(panel, frames, range) {
  const found = pairs(panel, frames);
  const positions = [...new Set(found.flatMap(({ x }) => Array.from(x.values)))].sort((a, b) => a - b);
  const keyOf = ({ field }) =>
    `${field.config.unit ?? ''} ${field.config.custom?.axisPlacement === 'right' ? 'right' : 'left'}`;
  const keys = [...new Set(found.map(keyOf))];
  const legend = panel.options?.legend ?? {};
  const calcs = legend.displayMode === 'table' ? legend.calcs ?? [] : [];
  return {
    kind: 'curves',
    time: panel.type !== 'trend',
    xLabel: panel.type === 'trend' ? panel.options.xField : '',
    range,
    positions,
    axes: keys.map((key) => axis(key, found.filter((one) => keyOf(one) === key).map((one) => one.field))),
    series: found.map((one) => series(one, positions, keyOf(one), calcs)),
    legend: {
      mode: legend.showLegend === false ? 'hidden' : legend.displayMode ?? 'list',
      placement: legend.placement ?? 'bottom',
      calcs: calcs.map((id) => data.fieldReducers.get(id).name),
    },
  };
}

module.exports = { curves };
