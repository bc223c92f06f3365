"""ConfigMaps and Secrets, and the environment that they and a container make together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.documents import Location
from exporter.doctor.environment import Environment, Variable, expanded_by_kubelet
from exporter.doctor.finding import Place
from exporter.doctor.inputs import Part, Text, items, mapping, word

_KINDS = (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))
_KEYS = (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret"))


@dataclass(frozen=True)
class Store:
    """A ConfigMap, or a Secret, of which no value is kept."""

    kind: str
    name: str
    namespace: str
    values: Mapping[str, Text | None]
    place: Place

    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.kind} {self.name}"

    def is_of(self, namespace: str) -> bool:
        """Whether pods of a namespace find it; files may leave the namespace to others."""
        return not namespace or not self.namespace or self.namespace == namespace

    def variable(self, key: str, place: Place, *, optional: bool = False) -> Variable:
        """Return what a key of it makes of a variable."""
        text = self.values.get(key)
        if text is not None:
            return Variable(text.value, f"is in {self.title}", text.place(0))
        if key in self.values:
            return Variable(None, f"is kept in {self.title}", place)
        origin = f"should be in {self.title}, which has no such key"
        return Variable(None, origin, place, is_missing=not optional)


def environment(
    part: Part, here: Location, container: dict[str, Any], known: Sequence[Store]
) -> Environment:
    """Build the environment of the container at `here` from what the files hold.

    `envFrom` comes first and `env` wins, as the kubelet has it; what a name refers to must have
    been defined before.
    """
    variables: dict[str, Variable] = {}
    unseen = []
    for index, source in enumerate(items(container.get("envFrom"))):
        place = part.place((*here, "envFrom", index))
        prefix = word(mapping(source).get("prefix"))
        for kind, name in _named(mapping(source), _KINDS):
            store = _find(known, kind, name)
            if store is None:
                unseen.append((f"{kind} {name}", place))
                continue
            for key in store.values:
                variables[prefix + key] = store.variable(key, place)
    for index, entry in enumerate(items(container.get("env"))):
        name = word(mapping(entry).get("name"))
        place = part.place((*here, "env", index))
        if name:
            variables[name] = _entry(mapping(entry), place, variables, known)
    return Environment(variables, tuple(unseen))


def _named(source: dict[str, Any], kinds: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for key, kind in kinds:
        if key in source:
            yield kind, word(mapping(source[key]).get("name"))


def _find(known: Sequence[Store], kind: str, name: str) -> Store | None:
    return next((store for store in known if (store.kind, store.name) == (kind, name)), None)


def _entry(
    entry: dict[str, Any], place: Place, before: Mapping[str, Variable], known: Sequence[Store]
) -> Variable:
    source = mapping(entry.get("valueFrom"))
    for kind, name in _named(source, _KEYS):
        store = _find(known, kind, name)
        if store is None:
            return Variable(None, f"comes from {kind} {name}, which is not among the files", place)
        reference = mapping(next(iter(source.values())))
        optional = reference.get("optional") is True
        return store.variable(word(reference.get("key")), place, optional=optional)
    if "fieldRef" in source:
        path = word(mapping(source["fieldRef"]).get("fieldPath"))
        return Variable(None, f"is set by Kubernetes ({path})", place, path)
    if source:
        return Variable(None, "is set by Kubernetes", place)
    value = entry.get("value", "")
    text = value if isinstance(value, str) else str(value)
    return Variable(expanded_by_kubelet(text, before), "is in the manifest", place)
