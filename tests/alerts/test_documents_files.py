"""Files that cannot be read, or that are made to do harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.documents import Document, DocumentError, parse, parse_all, read, validate
from alerts.thresholds import AlertSettings

TOO_DEEP = "nested too deeply, or an alias that holds itself; write it out flat"
TOO_LARGE = "too large once its aliases are written out; use fewer aliases"


def bomb(levels: int = 12) -> str:
    """Return a few lines that stand for 9 ** levels items."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


def merge_bomb(levels: int = 12) -> str:
    """Return a few lines of mappings merged into one another, nine times each."""
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (bomb(), TOO_LARGE),
        (merge_bomb(), TOO_LARGE),
        ("a: &a [*a]", TOO_DEEP),
        ("a: &a {b: *a}", TOO_DEEP),
        ("a: " + "[" * 1500, TOO_DEEP),
        ("{a: " * 1500, TOO_DEEP),
    ],
)
def test_a_file_made_to_explode_is_refused(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(text, "alerts.yaml")
    (problem,) = caught.value.problems
    assert problem.message == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read the file: No such file or directory"),
        (b"a: \xff\xfe", "cannot read the file: it is not UTF-8 text"),
        (
            b"thresholds: [",
            ":1: not valid YAML: expected the node content, but found '<stream end>'",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "alerts.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DocumentError) as caught:
        read(path)
    assert str(caught.value).replace(": cannot", " cannot") == (
        f"{path}{message}" if message.startswith(":") else f"{path} {message}"
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot read the file: Is a directory"):
        read(tmp_path)


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_is_read_as_editors_write_it(tmp_path: Path, prefix: bytes, end: str) -> None:
    path = tmp_path / "alerts.yaml"
    text = end.join(["thresholds:", "  max_val_loss_diff: 0.5", ""])
    path.write_bytes(prefix + text.encode())
    document = read(path)
    assert document.line(("thresholds", "max_val_loss_diff")) == 2
    assert validate(AlertSettings, document).thresholds.max_val_loss_diff == 0.5


def test_the_line_of_what_has_none_is_that_of_its_nearest_ancestor() -> None:
    document = Document("f", {}, {("a",): 3, ("a", "b"): 5})
    places: list[tuple[str | int, ...]] = [("a", "b", 0), ("a", "x"), ("q",), ()]
    assert [document.line(place) for place in places] == [5, 3, 1, 1]


@pytest.mark.parametrize("text", ["!!int ''", "a: !!bool maybe", "a: !!timestamp today"])
def test_a_value_that_is_not_what_its_tag_says_is_refused(text: str) -> None:
    with pytest.raises(DocumentError, match=r"^alerts.yaml: not valid YAML: a value is not what"):
        parse(text, "alerts.yaml")


def test_a_stream_is_read_document_by_document_with_lines_of_the_file() -> None:
    first, second = parse_all("---\na: 1\n---\n---\n# none\n---\nb:\n  c: 2\n  c: 3\n", "all.yaml")
    assert (first.data, first.line(("a",))) == ({"a": 1}, 2)
    assert (second.data["b"]["c"], second.line(("b", "c"))) == (3, 8)
    (problem,) = second.problems
    assert (problem.file, problem.line) == ("all.yaml", 9)
    assert not parse_all("", "all.yaml")


def test_a_mistake_in_a_later_document_is_told_at_its_line() -> None:
    with pytest.raises(DocumentError, match=r"^all.yaml:4: not valid YAML"):
        parse_all("a: 1\n---\nb: [\n", "all.yaml")


def test_no_mistake_writes_to_the_terminal_what_it_likes() -> None:
    with pytest.raises(DocumentError) as caught:
        parse("a: !%1B[2J x", "alerts\x1b.yaml")
    assert str(caught.value).isprintable()
