"""In CI a skipped test is a failure, unless it wants hardware."""

from __future__ import annotations

import pytest

CONFTEST = "from tests.conftest import pytest_make_collect_report, pytest_runtest_makereport"
SKIPPED = "import pytest\ndef test_it(): pytest.skip({reason!r})"
SKIPPED_MODULE = "import pytest\npytest.importorskip('no_such_module')"
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail\ndef test_it(): assert 0"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a project that has our hooks and no plugins."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)
    return pytester


@pytest.mark.parametrize("test", [SKIPPED.format(reason="no promtool"), SKIPPED_MODULE])
def test_a_skip_fails_in_ci_and_says_why(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, test: str
) -> None:
    monkeypatch.setenv("CI", "true")
    project.makepyfile(test)
    result = project.runpytest()
    assert result.ret != 0
    result.stdout.fnmatch_lines("*may not be skipped in CI: *no*")


@pytest.mark.parametrize(
    ("test", "ci", "word"),
    [
        (SKIPPED.format(reason="no promtool"), "", "skipped"),
        (SKIPPED.format(reason="hardware: no GPU"), "true", "skipped"),
        (EXPECTED_FAILURE, "true", "xfailed"),
    ],
)
def test_other_skips_stay_skips(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, test: str, ci: str, word: str
) -> None:
    monkeypatch.setenv("CI", ci)
    project.makepyfile(test)
    assert project.runpytest().parseoutcomes() == {word: 1}
