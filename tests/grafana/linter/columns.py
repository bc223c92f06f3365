"""Which fields a panel has to show, after its transformations, as far as its queries tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from tests.grafana.linter.board import Json, Panel, Target
from tests.grafana.linter.labels import Labels

REDUCERS: Mapping[str, str] = {
    "lastNotNull": "Last *",
    "last": "Last",
    "max": "Max",
    "mean": "Mean",
    "min": "Min",
    "sum": "Total",
}


@dataclass(frozen=True)
class Columns:
    """Names of fields, those with parts that only the data tell as patterns.

    `missing` are names that a transformation asks for in vain.
    """

    names: frozenset[str] = frozenset()
    patterns: tuple[str, ...] = ()
    missing: tuple[str, ...] = field(default=())

    def __contains__(self, name: object) -> bool:
        """Tell whether there is a field of this name, as far as that can be told."""
        if not isinstance(name, str):
            return False
        return name in self.names or any(re.fullmatch(p, name, re.DOTALL) for p in self.patterns)

    def match(self, regexp: str) -> bool:
        """Tell whether a pattern `/…/` fits a name, as far as that can be told."""
        pattern = regexp.strip("/")
        return bool(self.patterns) or any(re.search(pattern, name) for name in self.names)

    def needing(self, names: Iterable[str], where: str) -> Columns:
        lacking = (f"{where} of {name!r}" for name in names if name and name not in self)
        return replace(self, missing=(*self.missing, *lacking))


def columns(panel: Panel) -> Columns:
    """Return the fields of a panel."""
    found = Columns()
    for target in panel.targets:
        own = _of_target(target, alone=len(panel.targets) == 1)
        found = Columns(found.names | own.names, (*found.patterns, *own.patterns))
    for transformation in panel.transformations:
        if not transformation.get("disabled"):
            found = _transformed(found, transformation)
    return found


def _of_target(target: Target, *, alone: bool) -> Columns:
    if target.is_table:
        labels = Labels().of(target.tree) if target.tree else frozenset()
        # Values are called so for a panel's only answer, and else by their query.
        return Columns(labels | {"Time", f"Value #{target.ref}", *(["Value"] if alone else [])})
    if "{{" not in target.legend and target.legend not in ("", "__auto"):
        return Columns(frozenset({"Time", target.legend}))
    parts = re.split(r"\{\{.*?\}\}", target.legend) if target.legend else ["", ""]
    return Columns(frozenset({"Time"}), (".*".join(map(re.escape, parts)),))


def _transformed(found: Columns, transformation: Json) -> Columns:
    kind, options = str(transformation.get("id", "")), transformation.get("options", {})
    known = _KNOWN.get(kind)
    return known(found, options) if known else _reshaped(found, kind, options)


def _same(found: Columns, _: Json) -> Columns:
    return found


def _sorted(found: Columns, options: Json) -> Columns:
    return found.needing((sort.get("field", "") for sort in options.get("sort", ())), "sortBy")


def _reduced(found: Columns, options: Json) -> Columns:
    names = {REDUCERS.get(name, name) for name in options.get("reducers", ())}
    return replace(found, names=frozenset({"Field", *names}), patterns=())


def _organized(found: Columns, options: Json) -> Columns:
    renames: Mapping[str, str] = options.get("renameByName", {})
    hidden = {name for name, holds in options.get("excludeByName", {}).items() if holds}
    order = options.get("indexByName", {})
    checked = found.needing((*renames, *hidden - {"Time"}, *order), "organize")
    left = found.names - hidden
    new = frozenset(renames.get(name) or name for name in left)
    return replace(checked, names=new | {name for name in renames.values() if name})


def _renamed(found: Columns, options: Json) -> Columns:
    python = re.sub(r"\$(\d)", r"\\\1", str(options["renamePattern"]))
    names = frozenset(re.sub(str(options["regex"]), python, name) for name in found.names)
    return replace(found, names=names, patterns=(*found.patterns, ".*") if found.patterns else ())


def _calculated(found: Columns, options: Json) -> Columns:
    checked = found.needing(_operands(options), "calculateField")
    alias = str(options.get("alias", ""))
    if not alias:
        return replace(checked, patterns=(*checked.patterns, ".*"))
    kept = frozenset({"Time"}) if options.get("replaceFields") else found.names
    return replace(checked, names=kept | {alias})


def _operands(options: Json) -> Iterator[str]:
    binary = options.get("binary", {})
    for side in ("left", "right"):
        value = binary.get(side, "")
        name = value.get("matcher", {}).get("options", "") if isinstance(value, dict) else value
        if isinstance(name, str) and not re.fullmatch(r"-?[\d.]*", name):
            yield name
    yield from options.get("reduce", {}).get("include", ())
    window = options.get("window", {}).get("field", "")
    if window:
        yield window


def _reshaped(found: Columns, kind: str, options: Json) -> Columns:
    """Return the fields after what makes names of data: anything may be among them."""
    keys = ("columnField", "rowField", "valueField", "byField", "idFieldName")
    asked = (str(options[key]) for key in keys if options.get(key))
    checked = found.needing(asked, kind)
    if kind == "groupingToMatrix":
        corner = f"{options.get('rowField')}\\{options.get('columnField')}"
        return replace(checked, names=frozenset({corner}), patterns=(".*",))
    return replace(checked, patterns=(".*",))


_KNOWN: Mapping[str, Callable[[Columns, Json], Columns]] = {
    "organize": _organized,
    "merge": _same,
    "limit": _same,
    "filterByValue": _same,
    "sortBy": _sorted,
    "renameByRegex": _renamed,
    "calculateField": _calculated,
    "reduce": _reduced,
}
