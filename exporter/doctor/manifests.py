"""What the given files hold of Kubernetes: ConfigMaps, Secrets, and containers that train."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from alerts.documents import Location
from exporter.doctor.environment import Environment, expanded_by_kubelet
from exporter.doctor.finding import Place
from exporter.doctor.inputs import Part, Text, items, mapping, word
from exporter.doctor.stores import Store, environment

GPU_RESOURCES = "nvidia.com/"
_SHELL_FLAG = re.compile(r"-[a-z]*c")


@dataclass(frozen=True)
class Workload:
    """One container of a Job, a Pod or anything else that has a pod template."""

    name: str
    namespace: str
    place: Place
    script: Text
    """What it runs: the script of its shell, or its command line."""
    environment: Environment
    env_place: Place
    mounted: tuple[str, ...] = ()
    """Names of the ConfigMaps that its pod mounts."""
    asks_for_gpu: bool = False
    deadline: tuple[Place, float] | None = None
    """The seconds after which Kubernetes ends it, and where that is said."""


def is_object(part: Part) -> bool:
    """Whether a document is an object of Kubernetes."""
    data = mapping(part.document.data)
    return "kind" in data and "apiVersion" in data


def objects(parts: Iterable[Part]) -> Iterator[tuple[Part, Location, dict[str, Any]]]:
    """Yield objects with where they are; those of a List one by one."""
    for part in parts:
        data = mapping(part.document.data)
        if not is_object(part):
            continue
        if not word(data["kind"]).endswith("List"):
            yield part, (), data
            continue
        for index, item in enumerate(items(data.get("items"))):
            yield part, ("items", index), mapping(item)


def stores(parts: Iterable[Part]) -> tuple[Store, ...]:
    """Return the ConfigMaps and Secrets; of a Secret the keys alone."""
    found = []
    for part, at, one in objects(parts):
        if one.get("kind") not in ("ConfigMap", "Secret"):
            continue
        meta = mapping(one.get("metadata"))
        values: dict[str, Text | None] = {}
        for section in ("data", "stringData"):
            for key, value in mapping(one.get(section)).items():
                text = value if isinstance(value, str) else str(value)
                is_secret = one["kind"] == "Secret"
                values[key] = None if is_secret else part.text(text, (*at, section, key))
        names = word(meta.get("name")), word(meta.get("namespace"))
        found.append(Store(one["kind"], *names, values, part.place(at)))
    return tuple(found)


def workloads(parts: Iterable[Part], known: Iterable[Store]) -> Iterator[Workload]:
    """Yield every container of every pod template, in the order of the files."""
    known = tuple(known)
    for part, at, one in objects(parts):
        namespace = word(mapping(one.get("metadata")).get("namespace"))
        name = f"{one.get('kind')} {word(mapping(one.get('metadata')).get('name'))}".rstrip()
        for where, spec in _pod_specs(one, at):
            for index, container in enumerate(items(spec.get("containers"))):
                here = (*where, "containers", index)
                yield _workload(part, here, mapping(container), (name, namespace), spec, known)


def _pod_specs(one: dict[str, Any], at: Location) -> Iterator[tuple[Location, dict[str, Any]]]:
    """Yield every mapping that has containers: operators have templates in places of their own."""
    open_ends: list[tuple[Location, Any]] = [(at, one)]
    while open_ends:
        where, value = open_ends.pop(0)
        if isinstance(value, dict):
            if isinstance(value.get("containers"), list):
                yield where, {**value, "deadline": _deadline(one, at, where, value)}
                continue
            open_ends += [((*where, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            open_ends += [((*where, index), inner) for index, inner in enumerate(value)]


def _deadline(
    one: dict[str, Any], at: Location, where: Location, spec: dict[str, Any]
) -> tuple[Location, float] | None:
    """Return the sooner of the deadlines of the pod and of the Job around it."""
    job: Any = one
    for part in where[len(at) : -2]:
        job = job[part]
    places = ((where, spec), (where[:-2], mapping(job) if len(where) > len(at) + 1 else {}))
    found = [
        ((*place, "activeDeadlineSeconds"), float(seconds))
        for place, holder in places
        if isinstance(seconds := holder.get("activeDeadlineSeconds"), int | float)
    ]
    return min(found, key=lambda one: one[1], default=None)


def _workload(
    part: Part,
    here: Location,
    container: dict[str, Any],
    names: tuple[str, str],
    spec: dict[str, Any],
    known: tuple[Store, ...],
) -> Workload:
    name, namespace = names
    deadline = spec["deadline"]
    has_env = next((key for key in ("env", "envFrom") if container.get(key)), "")
    environ = environment(part, here, container, [s for s in known if s.is_of(namespace)])
    return Workload(
        name,
        namespace,
        part.place(here),
        _as_started(_script(part, here, container), environ),
        environ,
        part.place((*here, has_env) if has_env else here),
        tuple(_mounted(spec)),
        _asks_for_gpu(container),
        (part.place(deadline[0]), deadline[1]) if deadline else None,
    )


def _script(part: Part, here: Location, container: dict[str, Any]) -> Text:
    """Return the script that a shell is given, else all words, one on each line."""
    words = list(_words(here, container))
    for (_, flag), (at, one) in pairwise(words):
        if _SHELL_FLAG.fullmatch(flag):
            return part.text(one, at)
    for at, one in words:
        if "\n" in one:
            return part.text(one, at)
    places = tuple(part.place(at).line for at, _ in words) or (part.place(here).line,)
    return Text(" \\\n".join(shlex.quote(one) for _, one in words), part.file, places)


def _words(here: Location, container: dict[str, Any]) -> Iterator[tuple[Location, str]]:
    for key in ("command", "args"):
        value = container.get(key)
        if isinstance(value, str):
            # Kubernetes refuses it, but what was meant is plain.
            yield (*here, key), value
        for index, one in enumerate(items(value)):
            if isinstance(one, str):
                yield (*here, key, index), one


def _as_started(script: Text, environ: Environment) -> Text:
    """Return a script as the kubelet hands it over; values of several lines are left alone."""
    value = expanded_by_kubelet(script.value, environ.variables)
    is_same_length = value.count("\n") == script.value.count("\n")
    return Text(value, script.file, script.lines) if is_same_length else script


def _mounted(spec: Mapping[str, Any]) -> Iterator[str]:
    for volume in items(spec.get("volumes")):
        yield word(mapping(mapping(volume).get("configMap")).get("name"))
        for source in items(mapping(mapping(volume).get("projected")).get("sources")):
            yield word(mapping(mapping(source).get("configMap")).get("name"))


def _asks_for_gpu(container: dict[str, Any]) -> bool:
    resources = mapping(container.get("resources"))
    wanted = {**mapping(resources.get("requests")), **mapping(resources.get("limits"))}
    named = any(str(name).startswith(GPU_RESOURCES) and number for name, number in wanted.items())
    return named or bool(items(resources.get("claims")))
