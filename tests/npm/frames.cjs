// Answers of Prometheus as data frames, as Grafana's Prometheus data source makes them
// (pkg/promlib/querydata and `transformDFToTable` of @grafana/prometheus).
'use strict';

const { FieldType, toDataFrame } = require('./grafana.cjs');

const number = (text) => (text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text));

// Returns [[milliseconds, value], ...] of one series of a vector or matrix.
function points(series) {
  const found = series.values ?? [series.value];
  return found.map(([seconds, value]) => [seconds * 1000, number(value)]);
}

function legend(format, labels, query) {
  if (format === '__auto') return Object.keys(labels).length ? undefined : query;
  if (!format) return undefined;
  return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => labels[label] ?? '');
}

// Returns one frame for each series, with a field of times and one of values.
function curves({ target, query, type, result }) {
  const series = type === 'scalar' ? [{ metric: {}, value: result }] : result;
  const frames = series.map((one) => {
    const found = points(one);
    const name = legend(target.legendFormat, one.metric, query);
    const config = name === undefined ? {} : { displayNameFromDS: name };
    return toDataFrame({
      refId: target.refId,
      name,
      fields: [
        { name: 'Time', type: FieldType.time, values: found.map(([at]) => at), config: {} },
        {
          name: one.metric.__name__ ?? 'Value',
          type: FieldType.number,
          values: found.map(([, value]) => value),
          labels: one.metric,
          config,
        },
      ],
    });
  });
  return frames.length ? frames : [toDataFrame({ refId: target.refId, fields: [] })];
}

// Returns one frame: times, a column for each label that any series has, values.
function table({ target, result }, valueName) {
  const labels = [...new Set(result.flatMap((one) => Object.keys(one.metric)))].sort();
  const rows = result.flatMap((one) => points(one).map(([at, value]) => [at, one.metric, value]));
  const text = (label) => ({
    name: label,
    type: FieldType.string,
    values: rows.map(([, metric]) => metric[label] ?? ''),
    config: { filterable: true },
  });
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: rows.map(([at]) => at), config: {} },
      ...labels.map(text),
      { name: valueName, type: FieldType.number, values: rows.map((row) => row[2]), config: {} },
    ],
  });
}

// Returns the frames of all answers that one panel has got.
function frames(answers) {
  const tables = answers.filter(({ target }) => target.format === 'table');
  const others = answers.filter(({ target }) => target.format !== 'table');
  const valueName = (target) => (tables.length > 1 ? `Value #${target.refId}` : 'Value');
  return [
    ...tables.map((answer) => table(answer, valueName(answer.target))),
    ...others.flatMap(curves),
  ];
}

module.exports = { frames };
