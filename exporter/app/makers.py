"""How a run role is made, by whoever has come to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from alerts.notify.redact import Redactor
from alerts.store import FileStore, StoreError, StoreInUse
from exporter.app.errors import StartError
from exporter.app.term import Term
from exporter.board import Board
from exporter.config import Config
from exporter.options import RunOptions

if TYPE_CHECKING:
    from exporter.app.role import RunRole

MakeRole = Callable[[Config, Term], "RunRole"]


def role_maker(
    options: RunOptions, environ: Mapping[str, str], redactor: Redactor, board: Board
) -> MakeRole:
    """Return what makes a run role; it raises ChannelError or StoreError like `RunRole`."""

    def make(config: Config, term: Term) -> RunRole:
        # A node process imports neither mlflow nor anything that only the run role needs.
        from exporter.app.role import RunRole  # noqa: PLC0415 - as said

        return RunRole(options, config, environ, redactor, board, term)

    return make


def alone(make: MakeRole, config: Config, state_file: Path) -> RunRole:
    """Return the run role of a process that shares it with nobody; its state is a file.

    Raises StartError when that cannot be used, and alerts.notify.settings.ChannelError.
    """
    try:
        return make(config, Term(FileStore(state_file)))
    except StoreInUse as error:
        raise StartError(f"{error} (--state.file)") from error
    except StoreError as error:
        remedy = "name one that this process may write with --state.file"
        raise StartError(f"{error}: {remedy}") from error
