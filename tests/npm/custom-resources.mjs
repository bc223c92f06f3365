// Reads objects of the Prometheus operator as JSON lines and answers each with a line: a JSON list of
// what is wrong with it. The schemas are those of the operator's own types.
import { createInterface } from "node:readline";
import * as operator from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

// The schemas let pass what they do not know, but they never look at it either.
function watched(value, path, unread) {
  if (value === null || typeof value !== "object") return value;
  const wrapped = new Map();
  for (const key of Object.keys(value)) {
    unread.add(`${path}/${key}`);
    wrapped.set(key, watched(value[key], `${path}/${key}`, unread));
  }
  return new Proxy(value, {
    get(target, key) {
      unread.delete(`${path}/${String(key)}`);
      return wrapped.has(key) ? wrapped.get(key) : Reflect.get(target, key);
    },
  });
}

function problems(object) {
  const Model = operator[object.kind];
  if (Model === undefined) return [`there is no kind ${object.kind}`];
  const unread = new Set();
  try {
    Model.prototype.validate.call(watched(object, "", unread));
  } catch (error) {
    return [String(error.message)];
  }
  // What nobody has read within something unread is told by that alone.
  return [...unread]
    .filter((path) => !unread.has(path.slice(0, path.lastIndexOf("/"))))
    .map((path) => `${path} is no field`);
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(problems(JSON.parse(line))));
}
