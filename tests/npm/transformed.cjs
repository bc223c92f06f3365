// Frames after the transformations and field settings of a panel, by Grafana's own code.
'use strict';

const data = require('./grafana.cjs');
const { lastValueFrom } = require('rxjs');

// Some transformations look at settings of the page; set before the packages load, they would take
// Node for a browser.
globalThis.window = globalThis;
globalThis.navigator ??= { languages: ['en-GB'], language: 'en-GB' };

const byId = new Map(
  Object.values(data.standardTransformers).map((transformer) => [transformer.id, transformer])
);
data.standardTransformersRegistry.setInit(() =>
  [...byId.values()].map((transformation) => ({
    id: transformation.id,
    name: transformation.name,
    transformation: both(transformation),
  }))
);

// Since 13 a transformation is loaded when it is needed; before, it is there.
function both({ name, ...transformation }) {
  return Object.assign(async () => ({ name, ...transformation }), transformation);
}

const PROCESSORS = {
  unit: data.unitOverrideProcessor,
  min: data.numberOverrideProcessor,
  max: data.numberOverrideProcessor,
  decimals: data.numberOverrideProcessor,
  displayName: data.displayNameOverrideProcessor,
  noValue: data.stringOverrideProcessor,
  mappings: data.valueMappingsOverrideProcessor,
  thresholds: data.thresholdsOverrideProcessor,
  links: data.dataLinksOverrideProcessor,
  color: data.identityOverrideProcessor,
  filterable: data.booleanOverrideProcessor,
};

const property = (id, process) => ({
  id,
  path: id.replace(/^custom\./, ''),
  name: id,
  isCustom: id.startsWith('custom.'),
  process,
  shouldApply: () => true,
  settings: {},
  editor: () => null,
  override: () => null,
});

data.standardEditorsRegistry.setInit(() => []);
data.standardFieldConfigEditorRegistry.setInit(() =>
  Object.entries(PROCESSORS).map(([id, process]) => property(id, process))
);

// What a plugin declares of its own is taken as it is: any setting under `custom`.
function settings(fieldConfig) {
  const registry = new data.FieldConfigOptionsRegistry();
  const named = fieldConfig.overrides.flatMap((override) => override.properties.map(({ id }) => id));
  const defaults = Object.keys(fieldConfig.defaults.custom ?? {}).map((name) => `custom.${name}`);
  for (const [id, process] of Object.entries(PROCESSORS)) registry.register(property(id, process));
  for (const id of new Set([...named, ...defaults])) {
    const known = registry.getIfExists(id);
    if (!known && id.startsWith('custom.')) {
      registry.register(property(id, data.identityOverrideProcessor));
    } else if (!known) {
      throw new Error(`no property of a field: ${id}`);
    }
  }
  return registry;
}

// Returns the frames that a panel draws.
async function transformed(panel, frames) {
  const steps = (panel.transformations ?? []).filter((step) => !step.disabled);
  for (const { id } of steps) {
    if (!byId.has(id)) throw new Error(`no transformation of @grafana/data: ${id}`);
  }
  const context = { interpolate: (text) => text };
  const found = await lastValueFrom(data.transformDataFrame(steps, frames, context));
  const fieldConfig = { defaults: {}, overrides: [], ...panel.fieldConfig };
  return data.applyFieldOverrides({
    data: found,
    fieldConfig,
    fieldConfigRegistry: settings(fieldConfig),
    replaceVariables: (text) => text,
    theme: data.createTheme({ colors: { mode: 'dark' } }),
    timeZone: 'utc',
  });
}

const hides = ({ id }) => id === 'custom.hidden' || id === 'custom.hideFrom';

// Returns the overrides of a panel that match no field, each by what it looks for. Those that only
// hide fields may be for labels that not all data has.
function idle(panel, frames) {
  return (panel.fieldConfig?.overrides ?? [])
    .filter(({ properties }) => !properties.every(hides))
    .filter(({ matcher }) => {
      const matches = data.getFieldMatcher(matcher);
      return !frames.some((frame) => frame.fields.some((field) => matches(field, frame, frames)));
    })
    .map(({ matcher }) => matcher.options);
}

module.exports = { transformed, idle };
