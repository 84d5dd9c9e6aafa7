"""Options, profiles and fixtures shared by every folder of tests."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from api.compiled import ModulesOutOfDate, see_that_modules_are_up_to_date
from tests import public_data as data

# Shared machines are slow in bursts, so no example has a deadline; a failing example prints how to run it again.
settings.register_profile("nextbest", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nextbest")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --update-golden."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files with what the product says now")


def pytest_sessionstart() -> None:
    """Refuse to test what was compiled of sources that have changed since."""
    try:
        see_that_modules_are_up_to_date()
    except ModulesOutOfDate as error:
        pytest.exit(str(error), returncode=4)
    # Tests keep all processors busy, and whoever judges rules would wait long for an idle one.
    os.environ.setdefault("NEXTBEST_JUDGE_PATIENCE_S", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Draw one seed for every property of this run, unless --hypothesis-seed gives it."""
    if config.getoption("hypothesis_seed") is None:
        config.option.hypothesis_seed = str(random.SystemRandom().getrandbits(32))


def pytest_report_header(config: pytest.Config) -> str:
    """Say the seed, so that any run can be repeated."""
    return f"properties: --hypothesis-seed={config.getoption('hypothesis_seed')}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests on public data where it is absent."""
    reason = data.reason_to_skip()
    for item in items:
        if reason and item.get_closest_marker("public_data"):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the tests on public data that were skipped."""
    skipped = [
        report.nodeid for report in terminalreporter.stats.get("skipped", []) if "public_data" in report.keywords
    ]
    if skipped and data.reason_to_skip():
        terminalreporter.write_line(data.summary(skipped))


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of the public data sets; ask for it only in tests marked `public_data`."""
    return data.folder()


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten instead of compared."""
    return bool(request.config.getoption("--update-golden"))
