"""What can go wrong with the API server of a cluster, in words that name the remedy."""

from __future__ import annotations


class KubeError(Exception):
    """The API server did not do what was asked; says what is wrong and what to do about it."""

    unsure = False
    """Whether the request may have been carried out all the same."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem
        self.remedy = remedy


class NotInstalled(KubeError):  # noqa: N818 - a state of the world, not a mistake
    """The package that talks to clusters is missing."""


class NoCluster(KubeError):  # noqa: N818 - as above
    """Nothing says where a cluster is and how to identify ourselves to it."""


class Unreachable(KubeError):  # noqa: N818 - as above
    """No answer, or one that ended early."""

    unsure = True


class ServerFailed(KubeError):  # noqa: N818 - as above
    """The API server, or what stands before it, answered 5xx."""

    unsure = True


class Throttled(KubeError):  # noqa: N818 - as above
    """The API server has too much to do; asks to come back after `retry_after` seconds."""

    def __init__(self, problem: str, remedy: str, retry_after: float) -> None:
        super().__init__(problem, remedy)
        self.retry_after = retry_after


class Unauthorized(KubeError):  # noqa: N818 - as above
    """The API server does not know who we are."""


class Forbidden(KubeError):  # noqa: N818 - as above
    """The API server knows who we are and does not let us."""


class NotFound(KubeError):  # noqa: N818 - as above
    """There is no such object."""


class Conflict(KubeError):  # noqa: N818 - as above
    """Somebody else has changed or created the object first."""


class TooLarge(KubeError):  # noqa: N818 - as above
    """The object exceeds what the API server stores."""


class Refused(KubeError):  # noqa: N818 - as above
    """Any other answer that is not success."""
