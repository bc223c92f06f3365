"""The generated files: their names, their text, and whether those at hand are up to date."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml

from alerts.promrules.alertmanager import configuration
from alerts.promrules.groups import groups
from alerts.promrules.settings import PrometheusSettings
from alerts.thresholds import AlertSettings

Format = Literal["prometheus", "prometheusrule", "alertmanager"]

FILES: Mapping[Format, str] = {
    "prometheus": "tunewatch.rules.yml",
    "prometheusrule": "tunewatch.prometheusrule.yml",
    "alertmanager": "alertmanager.yml",
}
"""What each format is called in a folder."""

_HEADER = """\
# Written by `tunewatch rules --format {form}`; change tunewatch's configuration instead.
"""
_WIDTH = 1000
"""Long lines stay whole: a folded expression cannot be searched for."""


def render(form: Format, settings: AlertSettings, prometheus: PrometheusSettings) -> str:
    """Return the text of one generated file."""
    tree = _TREES[form](settings, prometheus)
    text: str = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, width=_WIDTH, allow_unicode=True)
    return _HEADER.format(form=form) + text


def write(folder: Path, settings: AlertSettings, prometheus: PrometheusSettings) -> list[Path]:
    """Write every file into the folder; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in FILES.values()]
    for form, path in zip(FILES, paths, strict=True):
        path.write_text(render(form, settings, prometheus), encoding="utf-8")
    return paths


def compare(
    path: Path, form: Format, settings: AlertSettings, prometheus: PrometheusSettings
) -> Iterator[str]:
    """Yield how a file, or each generated file in a folder, differs from what it should be.

    Raises OSError where there is nothing to compare with.
    """
    if not path.is_dir():
        yield from _difference(path, form, settings, prometheus)
        return
    found = [(path / name, each) for each, name in FILES.items() if (path / name).exists()]
    if not found:
        missing = f"has none of {', '.join(FILES.values())}"
        raise FileNotFoundError(errno.ENOENT, missing, str(path))
    for file, each in found:
        yield from _difference(file, each, settings, prometheus)


def _difference(
    path: Path, form: Format, settings: AlertSettings, prometheus: PrometheusSettings
) -> Iterator[str]:
    here = path.read_text(encoding="utf-8", errors="replace").splitlines()
    wanted = render(form, settings, prometheus).splitlines()
    yield from difflib.unified_diff(here, wanted, str(path), "what it should be", lineterm="")


def _rules(settings: AlertSettings, prometheus: PrometheusSettings) -> Mapping[str, Any]:
    return {"groups": list(groups(settings, prometheus))}


def _custom_resource(settings: AlertSettings, prometheus: PrometheusSettings) -> Mapping[str, Any]:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "tunewatch",
            "labels": {"app.kubernetes.io/name": "tunewatch", "role": "alert-rules"},
        },
        "spec": _rules(settings, prometheus),
    }


_TREES: Mapping[Format, Callable[[AlertSettings, PrometheusSettings], Mapping[str, Any]]] = {
    "prometheus": _rules,
    "prometheusrule": _custom_resource,
    "alertmanager": configuration,
}


class _Dumper(yaml.SafeDumper):
    """Writes YAML as people do: lists indented, text of several lines as it reads."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's signature
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
