"""No file whatever is answered with a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.documents import DocumentError
from exporter.config import DEFAULT_CONFIG
from exporter.doctor import Examination, Finding, examine, inputs
from exporter.doctor.arguments import known
from tests.support.doctoring import GOOD, job, training

HOW = Examination(DEFAULT_CONFIG)
CHECKED = sorted({*GOOD, "max_steps", "early_stopping_steps", "eval_delay", "max_samples"})


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "file.yaml"


def look(file: Path, content: str | bytes) -> list[Finding]:
    """Examine a file; only what the command line expects may be raised."""
    data = content if isinstance(content, bytes) else content.encode(errors="surrogatepass")
    file.write_bytes(data)
    found: list[Finding] = []
    refused = ""
    try:
        found = examine([str(file)], HOW)
    except DocumentError as error:
        refused = str(error)
    assert not refused or str(file) in refused
    last = data.count(b"\n") + 1
    for finding in found:
        assert 0 <= finding.remark.place.line <= last
        assert "\n" not in str(finding)
        assert finding.remark.what
        assert finding.remark.remedy
    return found


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.dates(),
    st.binary(max_size=4),
    st.sampled_from(
        ["${A}", "$(A)", "no", "1e400", "-1", "steps", "epoch", "best", "1:60", "\ue000"]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=30)
@given(
    st.dictionaries(st.sampled_from([*CHECKED, *sorted(known())[::20], "x"]), values, max_size=12)
)
def test_any_value_of_any_key(file: Path, changes: dict[str, Any]) -> None:
    look(file, yaml.safe_dump({**GOOD, **changes}))


def holes(text: str) -> list[tuple[int, int]]:
    """Return where the values of a file stand."""
    places, at = [], 0
    for line in text.split("\n"):
        _, colon, value = line.partition(": ")
        if colon and value:
            places.append((at + len(line) - len(value), at + len(line)))
        at += len(line) + 1
    return places


@settings(deadline=None, max_examples=20)
@given(st.data())
def test_any_value_in_a_manifest(file: Path, data: st.DataObject) -> None:
    text = job()
    for begin, end in sorted(
        data.draw(st.lists(st.sampled_from(holes(text)), max_size=3, unique=True)), reverse=True
    ):
        value = yaml.safe_dump(data.draw(values), default_flow_style=True).removesuffix("...\n")
        text = text[:begin] + value.replace("\n", " ") + text[end:]
    look(file, text)


@settings(deadline=None, max_examples=20)
@given(st.data())
def test_a_file_with_parts_cut_out_or_doubled(file: Path, data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from([job(), training()])).split("\n")
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(lines) - 1))
        end = data.draw(st.integers(begin, min(len(lines), begin + 8)))
        lines[begin:end] = data.draw(st.sampled_from([[], lines[begin:end] * 2, ["\t"], ["- a"]]))
    look(file, "\n".join(lines))


@settings(deadline=None, max_examples=20)
@given(
    st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace"))
)
def test_any_bytes(file: Path, content: bytes) -> None:
    look(file, content)
    look(file, training().encode() + content)


@pytest.mark.parametrize(
    "content",
    [
        "a: &a [*a]",
        "a: " + "[" * 1500,
        "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) or 'x'}]" for n in range(12)),
        "stage: !!int ''",
        "stage: !!timestamp x",
        "? [a, b]\n: c",
        "stage: sft\n<<: {do_train: true}",
        f"seed: {'9' * 5000}",
        "kind: Job\napiVersion: {}\nmetadata: []",
        "kind: [Job]\napiVersion: v1",
        "kind: List\napiVersion: v1\nitems: [1, null, [], {kind: Job}]",
        "kind: ConfigMap\napiVersion: v1\ndata: {a.yaml: 1, b.yaml: 'stage: [', c.yaml: null}",
        "kind: Pod\napiVersion: v1\nspec: {containers: [1, {env: [1, {name: A}], args: [1]}]}",
        "kind: A\napiVersion: v1\nb: {containers: [{args: ['cat > a.yaml <<E\nstage: [\nE']}]}",
        "max_steps: 1e400\neval_steps: .nan\nsave_steps: -.inf\nlogging_steps: 1.0e-320",
        "stage: sft\neval_steps: 1.0e-300\nsave_steps: 1.0e-300\nload_best_model_at_end: true",
    ],
)
def test_files_made_to_do_harm(file: Path, content: str) -> None:
    look(file, content)


def test_a_huge_file_is_not_read(file: Path) -> None:
    file.write_bytes(b"a: 1\n" * (inputs.LARGEST // 5 + 1))
    with pytest.raises(DocumentError, match="is larger than 2 MB: give the manifest alone"):
        examine([str(file)], HOW)
