"""The state document on the disk: whole or not at all, one owner, nothing overwritten unread."""

from __future__ import annotations

import json
import math
import os
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.store import VERSION, FileStore, MemoryStore, StateStore, StoreError, StoreInUse

AT = 1_700_000_000.0
STAMP = "20231114T221320Z"


def file_store(folder: Path) -> FileStore:
    return FileStore(folder / "state.json", clock=lambda: AT)


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> StateStore:
    return file_store(tmp_path) if request.param == "file" else MemoryStore()


def test_nothing_stored_is_nothing_loaded(store: StateStore) -> None:
    assert store.load() is None


def test_a_document_comes_back_with_its_version(store: StateStore) -> None:
    store.save({"alerts": [{"value": 1.5}], "name": "Zoë"})
    assert store.load() == {"alerts": [{"value": 1.5}], "name": "Zoë", "version": VERSION}


def test_the_latest_document_replaces_the_one_before(store: StateStore) -> None:
    store.save({"a": 1, "b": 2})
    store.save({"a": 3})
    assert store.load() == {"a": 3, "version": VERSION}


def test_a_document_is_a_copy(store: StateStore) -> None:
    document: dict[str, Any] = {"rows": [1]}
    store.save(document)
    document["rows"].append(2)
    assert store.load() == {"rows": [1], "version": VERSION}


def test_values_that_are_not_finite_survive(store: StateStore) -> None:
    store.save({"values": [math.nan, math.inf, -math.inf]})
    loaded = store.load()
    assert loaded is not None
    assert math.isnan(loaded["values"][0])
    assert loaded["values"][1:] == [math.inf, -math.inf]


def test_what_the_owner_cannot_use_is_set_aside(store: StateStore) -> None:
    store.save({"a": 1})
    store.set_aside("the outbox in it is damaged")
    assert store.load() is None
    store.save({"a": 2})
    assert store.load() == {"a": 2, "version": VERSION}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text().filter(lambda key: key != "version"), json_values))
def test_any_document_survives(document: dict[str, Any]) -> None:
    store = MemoryStore()
    store.save(document)
    assert store.load() == {**document, "version": VERSION}


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file_store(tmp_path / "new" / "folder").save({})
    finally:
        os.umask(before)
    path = tmp_path / "new" / "folder" / "state.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_leftover_of_a_crash_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "state.json.tmp").write_text('{"half')
    store = file_store(tmp_path)
    assert store.load() is None
    store.save({"a": 1})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.json", "state.json.lock"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "state.json").symlink_to(disk / "real.json")
    FileStore(tmp_path / "state.json").save({"a": 1})
    assert (tmp_path / "state.json").is_symlink()
    assert json.loads((disk / "real.json").read_text())["a"] == 1


@pytest.mark.parametrize(
    ("content", "label", "reason"),
    [
        (b"", "corrupt", "not valid JSON"),
        (b'{"version": 1, "alerts": [', "corrupt", "not valid JSON"),
        (b"\xff\xfe\x00", "corrupt", "not valid JSON"),
        (b"[" * 200_000, "corrupt", "not valid JSON"),
        (b"[1, 2]", "corrupt", "names no version"),
        (b"{}", "corrupt", "names no version"),
        (b'{"version": true}', "corrupt", "names no version"),
        (b'{"version": "1"}', "corrupt", "names no version"),
        (b'{"version": 7, "x": 1}', "version-7", "written by a newer tunewatch"),
    ],
)
def test_an_unusable_file_is_kept_under_another_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes, label: str, reason: str
) -> None:
    (tmp_path / "state.json").write_bytes(content)
    store = file_store(tmp_path)
    assert store.load() is None
    aside = tmp_path / f"state.json.{label}-{STAMP}"
    assert aside.read_bytes() == content
    (line,) = caplog.messages
    assert str(tmp_path / "state.json") in line
    assert aside.name in line
    assert reason in line
    store.save({"a": 1})
    assert store.load() == {"a": 1, "version": VERSION}
    assert aside.read_bytes() == content


def test_what_was_set_aside_is_never_overwritten(tmp_path: Path) -> None:
    store = file_store(tmp_path)
    for content in ("first", "second", "third"):
        (tmp_path / "state.json").write_text(content)
        assert store.load() is None
    kept = sorted(path.read_text() for path in tmp_path.glob("state.json.corrupt-*"))
    assert kept == ["first", "second", "third"]


def test_two_daemons_cannot_share_a_file(tmp_path: Path) -> None:
    first, second = file_store(tmp_path), file_store(tmp_path)
    first.save({"a": 1})
    for use in (second.load, lambda: second.save({"a": 2}), lambda: second.set_aside("")):
        with pytest.raises(StoreInUse, match="another tunewatch process uses the state file"):
            use()
    assert first.load() == {"a": 1, "version": VERSION}
    first.close()
    assert second.load() == {"a": 1, "version": VERSION}


HOLDER = """
import sys
from alerts.store import FileStore
store = FileStore(sys.argv[1])
store.save({"holder": "child"})
print("held", flush=True)
sys.stdin.read()
"""


def test_a_killed_daemon_leaves_no_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "state.json")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreInUse):
            file_store(tmp_path).load()
        holder.kill()
        holder.wait(10)
    assert file_store(tmp_path).load() == {"holder": "child", "version": VERSION}


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let this process write no file beyond `size` bytes, as on a disk that is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_leaves_the_old_document(tmp_path: Path) -> None:
    store = file_store(tmp_path)
    store.save({"a": 1})
    with room_for(1000), pytest.raises(StoreError, match=r"cannot write .*state\.json: File too"):
        store.save({"a": "x" * 5000})
    assert store.load() == {"a": 1, "version": VERSION}
    assert not (tmp_path / "state.json.tmp").exists()
    store.save({"a": 2})
    assert store.load() == {"a": 2, "version": VERSION}


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = FileStore(tmp_path / "file" / "state.json")
    with pytest.raises(StoreError, match=r"cannot write the state file .*/file/state\.json"):
        store.save({})
    with pytest.raises(StoreError, match="cannot use the state file"):
        store.load()


def test_a_folder_in_the_files_place_is_not_set_aside(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    with pytest.raises(StoreError, match="Is a directory"):
        file_store(tmp_path).load()
    assert (tmp_path / "state.json").is_dir()


def test_a_reader_never_sees_half_a_document(tmp_path: Path) -> None:
    """Read the file as it is being replaced: each time it is one of the documents saved."""
    store = file_store(tmp_path)
    store.save({"text": "a" * 10})
    stop = threading.Event()
    sizes: set[int] = set()

    def read() -> None:
        while not stop.is_set():
            text = json.loads((tmp_path / "state.json").read_bytes())["text"]
            assert set(text) == {"a"}
            sizes.add(len(text))

    reader = threading.Thread(target=read)
    reader.start()
    for size in range(1, 100):
        store.save({"text": "a" * size * 1000})
    stop.set()
    reader.join(10)
    assert sizes
