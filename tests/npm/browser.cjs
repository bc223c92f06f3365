// What packages of Grafana before 13 expect of a browser when they load: `node --require` this first.
'use strict';

const nothing = () => {};
const element = () => ({
  style: {},
  sheet: { insertRule: nothing, cssRules: [] },
  appendChild: nothing,
  setAttribute: nothing,
});
const events = new EventTarget();
globalThis.addEventListener ??= events.addEventListener.bind(events);
globalThis.removeEventListener ??= events.removeEventListener.bind(events);
globalThis.dispatchEvent ??= events.dispatchEvent.bind(events);
globalThis.location ??= { search: '', pathname: '/', href: 'http://localhost/' };
globalThis.history ??= { pushState: nothing, replaceState: nothing };
globalThis.localStorage ??= { getItem: () => null, setItem: nothing, removeItem: nothing };
globalThis.document ??= {
  createElement: element,
  createTextNode: element,
  head: element(),
  getElementsByTagName: () => [element()],
  addEventListener: nothing,
};
globalThis.navigator ??= { languages: ['en-GB'], language: 'en-GB', userAgent: '' };
globalThis.window ??= globalThis;
