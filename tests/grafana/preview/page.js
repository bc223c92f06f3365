// Draws the models of tests/npm/drawn.cjs. No text of a run becomes markup.
'use strict';

const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};

const PALETTE = {
  red: '#f2495c',
  orange: '#ff9830',
  yellow: '#fade2a',
  green: '#73bf69',
  blue: '#5794f2',
  purple: '#b877d9',
};

const clock = (milliseconds) => new Date(milliseconds).toISOString().slice(11, 19);

function faded(color, percent) {
  const canvas = document.createElement('canvas').getContext('2d');
  canvas.fillStyle = color;
  return `${canvas.fillStyle.slice(0, 7)}${Math.round(percent * 2.55).toString(16).padStart(2, '0')}`;
}

const PATHS = {
  smooth: () => uPlot.paths.spline(),
  stepAfter: () => uPlot.paths.stepped({ align: 1 }),
  stepBefore: () => uPlot.paths.stepped({ align: -1 }),
  linear: () => uPlot.paths.linear(),
};

function uplotSeries(one) {
  const bars = one.style === 'bars';
  const onlyPoints = one.style === 'points';
  return {
    label: one.name,
    scale: one.key,
    stroke: one.color,
    width: onlyPoints ? 0 : one.width,
    dash: one.dots ? [1, 4] : one.dash ?? undefined,
    fill: one.fill ? faded(one.color, one.fill) : undefined,
    spanGaps: one.spanned,
    paths: bars ? uPlot.paths.bars({ size: [0.8] }) : onlyPoints ? () => null : PATHS[one.steps]?.(),
    points: { show: onlyPoints || one.points === 'always' ? true : undefined, size: 4 },
  };
}

function uplotAxis(axis, first) {
  return {
    scale: axis.key,
    show: !axis.hidden,
    side: axis.side === 'right' ? 1 : 3,
    label: axis.label || undefined,
    labelSize: 18,
    labelFont: '11px sans-serif',
    font: '11px sans-serif',
    stroke: '#8e8e9c',
    grid: { show: first, stroke: '#25272e', width: 1 },
    ticks: { show: false },
    splits: () => axis.ticks.map(({ value }) => value),
    values: () => axis.ticks.map(({ text }) => text),
    size: 12 + 6.2 * Math.max(3, ...axis.ticks.map(({ text }) => text.length)),
  };
}

// Draws limits as lines and annotations as marks.
function marks(model) {
  return (plot) => {
    const { ctx, bbox } = plot;
    const stroke = (color, dash, x0, y0, x1, y1) => {
      ctx.save();
      ctx.strokeStyle = color;
      ctx.setLineDash(dash);
      ctx.beginPath();
      ctx.moveTo(x0, y0);
      ctx.lineTo(x1, y1);
      ctx.stroke();
      ctx.restore();
    };
    for (const axis of model.axes) {
      for (const { value, color, mode } of axis.limits) {
        const y = plot.valToPos(value, axis.key, true);
        if (y < bbox.top || y > bbox.top + bbox.height) continue;
        stroke(color, mode.startsWith('dashed') ? [8, 6] : [], bbox.left, y, bbox.left + bbox.width, y);
      }
    }
    for (const { at, color: name } of model.annotations ?? []) {
      const color = PALETTE[name] ?? name;
      const x = plot.valToPos(at / 1000, 'x', true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      stroke(color, [4, 4], x, bbox.top, x, bbox.top + bbox.height);
      ctx.fillStyle = color;
      ctx.fillRect(x - 2, bbox.top + bbox.height, 4, 4);
    }
  };
}

function stack(model) {
  const sums = model.positions.map(() => 0);
  return model.series.map((one) => {
    if (!one.stacked) return one.values;
    return one.values.map((value, index) => {
      if (value === null) return null;
      sums[index] += value;
      return sums[index];
    });
  });
}

function drawCurves(body, model) {
  const chart = make('div', 'chart');
  body.append(chart);
  body.append(legend(model));
  const values = stack(model);
  const highest = Math.max(...values.flat().filter((value) => value !== null));
  const scales = { x: { time: model.time } };
  for (const { key, log, low, high } of model.axes) {
    const top = model.series.some((one) => one.stacked) ? Math.max(high, highest * 1.05) : high;
    scales[key] = { distr: log ? 3 : 1, range: () => [low, top] };
  }
  if (model.time) scales.x.range = () => model.range.map((at) => at / 1000);
  const x = {
    stroke: '#8e8e9c',
    font: '11px sans-serif',
    grid: { stroke: '#25272e', width: 1 },
    ticks: { show: false },
    size: model.time ? 24 : 36,
    label: model.xLabel || undefined,
    labelSize: 14,
    labelFont: '11px sans-serif',
    values: model.time ? (_, splits) => splits.map((at) => clock(at * 1000)) : undefined,
    space: model.time ? 80 : 60,
  };
  const positions = model.time ? model.positions.map((at) => at / 1000) : model.positions;
  new uPlot(
    {
      width: chart.clientWidth,
      height: chart.clientHeight,
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 12, 0, 0],
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), 'UTC'),
      scales,
      axes: [x, ...model.axes.map((axis, index) => uplotAxis(axis, index === 0))],
      series: [{}, ...model.series.map(uplotSeries)],
      hooks: { draw: [marks(model)] },
    },
    [positions, ...values],
    chart
  );
}

function swatch(color) {
  const mark = make('i');
  mark.style.background = color;
  return mark;
}

function legend({ legend: { mode, calcs }, series }) {
  const place = make('div', 'legend');
  const listed = series.filter((one) => one.inLegend);
  if (mode === 'hidden') return place;
  if (!calcs.length) {
    for (const { name, color } of listed) {
      const key = make('span', 'key');
      key.append(swatch(color), name);
      place.append(key);
    }
    return place;
  }
  const table = make('table');
  const head = table.insertRow();
  for (const name of ['Name', ...calcs]) head.append(make('th', '', name));
  for (const one of listed) {
    const row = table.insertRow();
    const name = row.insertCell();
    name.append(swatch(one.color), one.name);
    for (const text of one.calcs) row.append(make('td', '', text));
  }
  place.append(table);
  return place;
}

function drawNumbers(body, model) {
  if (model.style === 'bargauge') return drawBars(body, model);
  const place = make('div', 'numbers');
  body.append(place);
  for (const item of model.items) {
    const box = make('div', 'number');
    const titled = model.textMode === 'value_and_name' || (model.textMode === 'auto' && model.items.length > 1);
    const onlyName = model.textMode === 'name';
    if (titled) box.append(make('div', 'title', item.title));
    const value = make('div', 'value', onlyName ? item.title : item.text);
    const room = (body.clientWidth / model.items.length - 16) / Math.max(value.textContent.length, 3);
    value.style.fontSize = `${Math.max(12, Math.min(44, room * 1.7, body.clientHeight * 0.55))}px`;
    if (model.colorMode === 'background' || model.colorMode === 'background_solid') {
      box.style.background = item.color;
      box.style.color = '#fff';
    } else if (model.colorMode !== 'none') value.style.color = item.color;
    box.append(value);
    place.append(box);
  }
}

function drawBars(body, model) {
  const place = make('div', 'bars');
  body.append(place);
  for (const item of model.items) {
    const bar = make('div', 'bar');
    const track = make('div', 'track');
    const filled = make('div');
    filled.style.width = `${Math.max(0, Math.min(1, item.share)) * 100}%`;
    filled.style.background = item.color;
    track.append(filled);
    const value = make('div', 'value', item.text);
    value.style.color = item.color;
    bar.append(make('div', 'title', item.title), track, value);
    place.append(bar);
  }
}

function drawTable(body, model) {
  const scroll = make('div', 'scroll');
  const table = make('table', 'cells');
  const head = table.insertRow();
  for (const { name, right } of model.columns) head.append(make('th', right ? 'right' : '', name));
  for (const cells of model.rows) {
    const row = table.insertRow();
    cells.forEach((cell, index) => row.append(drawCell(cell, model.columns[index])));
  }
  scroll.append(table);
  body.append(scroll);
}

function drawCell(cell, { right, width }) {
  const place = make('td', right ? 'right' : '');
  if (width) place.style.maxWidth = `${width}px`;
  if (cell.type === 'gauge' && cell.text) {
    const gauge = make('span', 'gauge');
    const filled = make('i');
    filled.style.width = `${Math.max(0, Math.min(1, cell.share ?? 0)) * 100}%`;
    filled.style.background = cell.color;
    gauge.append(filled);
    place.append(gauge);
  }
  const words = make('span', cell.linked && cell.text ? 'link' : '', cell.text);
  if (cell.type === 'color-text') words.style.color = cell.color;
  if (cell.type === 'color-background' && cell.text) place.style.background = cell.color;
  place.append(words);
  return place;
}

function drawStates(body, model) {
  const place = make('div', 'states');
  body.append(place);
  const [begin, end] = model.range;
  const share = (at) => (100 * (Math.min(Math.max(at, begin), end) - begin)) / (end - begin);
  for (const { name, stretches } of model.rows) {
    const line = make('div', 'line');
    const track = make('div', 'track');
    for (const { from, to, text, color } of stretches) {
      const part = make('div', '', text);
      part.style.left = `${share(from)}%`;
      part.style.width = `${share(to) - share(from)}%`;
      part.style.background = color;
      track.append(part);
    }
    line.append(make('div', 'name', name), track);
    place.append(line);
  }
  const times = make('div', 'clock');
  for (let n = 0; n <= 4; n += 1) times.append(make('span', '', clock(begin + ((end - begin) * n) / 4)));
  body.append(times);
}

const DRAW = {
  curves: drawCurves,
  numbers: drawNumbers,
  table: drawTable,
  states: drawStates,
  text: (body, { content }) => body.append(make('div', 'words', content)),
  empty: (body, { text }) => body.append(make('div', 'empty', text)),
  other: (body) => body.append(make('div', 'empty', 'Grafana draws this panel')),
};

function place(element, { left, top, width, height }) {
  Object.assign(element.style, {
    left: `${left}px`,
    top: `${top}px`,
    width: `${width}px`,
    height: `${height}px`,
  });
}

function drawPage({ title, caption, choices, boxes }) {
  const header = make('header');
  header.append(make('span', 'caption', caption), make('h1', '', title));
  for (const { label, text } of choices) {
    const choice = make('span', 'choice');
    choice.append(make('b', '', label), make('span', '', text));
    header.append(choice);
  }
  const main = make('main');
  document.body.append(header, main);
  for (const box of boxes) {
    if (box.row) {
      const row = make('div', 'row', box.title);
      row.style.top = `${box.at.top}px`;
      main.append(row);
      continue;
    }
    const panel = make('section', 'panel');
    place(panel, box.at);
    if (box.title) panel.append(make('h2', '', box.title));
    const body = make('div', 'body');
    panel.append(body);
    main.append(panel);
    DRAW[box.model.kind](body, box.model);
  }
}

drawPage(JSON.parse(document.getElementById('page').textContent));
