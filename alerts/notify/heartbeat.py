"""A URL that is called while all is well, so that somebody else notices when it is not."""

from __future__ import annotations

import http.client
import logging
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping

from alerts.notify.escape import sentence
from alerts.notify.redact import Redactor
from alerts.notify.settings import Secret

log = logging.getLogger("tunewatch.notify")

INTERVAL = 60.0
PATIENCE = 10.0
"""Seconds to connect, and to wait for any part of the answer."""
DELIVERED, FAILED, WITHHELD = "delivered", "failed", "withheld"


class Heartbeat:
    """Calls `url` (http or https, GET); `problems` says what is wrong with the process.

    While there are problems the URL is not called: that is what the other side waits for.
    """

    def __init__(
        self,
        url: Secret,
        problems: Callable[[], object],
        patience: float = PATIENCE,
    ) -> None:
        self._url = url
        self._problems = problems
        self._patience = patience
        self._redactor = Redactor()
        self._redactor.learn_url(url.reveal())
        self._counts = Counter({DELIVERED: 0, FAILED: 0, WITHHELD: 0})
        self._trouble = ""

    def outcomes(self) -> Mapping[str, int]:
        """Return how often a heartbeat was due and how that ended, since the start."""
        return dict(self._counts)

    def tick(self, _now: float) -> float:
        """Call the URL once; return the seconds until the next time."""
        if self._problems():
            self._note(WITHHELD, "withheld: the process is not healthy")
            return INTERVAL
        problem = self._call()
        self._note(FAILED if problem else DELIVERED, problem)
        return INTERVAL

    def _call(self) -> str:
        """Return what went wrong, without the URL; empty when it was called."""
        try:
            request = urllib.request.Request(  # noqa: S310 - the settings allow http and https
                self._url.reveal(), headers={"User-Agent": "tunewatch"}
            )
            with urllib.request.urlopen(request, timeout=self._patience):  # noqa: S310 - as above
                return ""
        except urllib.error.HTTPError as error:
            error.close()
            return f"HTTP status {error.code}"
        except OSError as error:
            return self._redactor.mask(sentence(str(error))) or type(error).__name__
        except (ValueError, http.client.HTTPException) as error:
            # What is malformed is quoted in the text.
            return type(error).__name__

    def _note(self, outcome: str, trouble: str) -> None:
        """Count, and say what is new: hours of the same failure are no news."""
        self._counts[outcome] += 1
        if trouble and not self._trouble:
            log.warning("the heartbeat is not heard: %s; tried again each minute", trouble)
        if self._trouble and not trouble:
            log.info("the heartbeat is heard again")
        self._trouble = trouble
