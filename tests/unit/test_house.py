"""What the repository as a whole keeps to, beyond what import-linter can say."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
MAY_IMPORT_RUAMEL = ROOT / "engine" / "compiler" / "yaml_parser.py"


STAGES = {
    "engine.guards",
    "engine.engagement",
    "engine.contact_policy",
    "engine.relevance",
    "engine.treatments",
    "engine.scoring",
    "engine.exploration",
    "engine.arbitration",
    "engine.fill",
}


def modules_imported_by(path: Path) -> Iterator[str]:
    """Dotted names; `from engine import fill` may mean a module or a name, so it yields `engine` and `engine.fill`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_of(package: str) -> Iterator[tuple[Path, str]]:
    for path in sorted((ROOT / package).rglob("*.py")):
        yield from ((path, module) for module in modules_imported_by(path))


def test_core_imports_itself_and_the_standard_library() -> None:
    """A new dependency cannot slip past the list that import-linter forbids by name."""
    strangers = {
        f"{path.relative_to(ROOT)} imports {module}"
        for path, module in imports_of("engine")
        if module.partition(".")[0] not in sys.stdlib_module_names | {"engine"}
        if not (module.startswith("ruamel") and path == MAY_IMPORT_RUAMEL)
    }
    assert strangers == set()


def test_only_the_pipeline_knows_the_stages() -> None:
    """import-linter keeps stages from each other; this keeps everybody else from a stage."""
    shortcuts = {
        f"{path.relative_to(ROOT)} imports {module}"
        for package in ("engine", "models", "api", "bench")
        for path, module in imports_of(package)
        if module in STAGES and path != ROOT / "engine" / "pipeline.py"
    }
    assert shortcuts == set()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_lock_pins_hashes_and_names_no_index(lock: Path) -> None:
    """Every line pins a name, gives a hash or says who asked for it; where to fetch from is the machine's business."""
    allowed = re.compile(
        r"[a-z0-9][a-z0-9.-]*(\[[a-z,-]+\])?==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?| *#.*"
    )
    lines = lock.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "://" in line or not allowed.fullmatch(line)] == []


def names_pinned_in(lock: str) -> set[str]:
    return set(
        re.findall(r"^([a-z0-9][a-z0-9.-]*)", (ROOT / "requirements" / lock).read_text(encoding="utf-8"), re.MULTILINE)
    )


def test_lock_holds_every_declared_dependency() -> None:
    """`make lock` was run after pyproject.toml changed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[\[=<>;! ]", line)[0].replace(".", "-") for line in project["dependencies"]}
    assert declared - names_pinned_in("runtime.txt") == set()


def test_running_product_carries_neither_pandas_nor_scikit_learn() -> None:
    """LightGBM imports both where it finds them, which costs every worker 78 MB and 0.8 s."""
    assert {"pandas", "scikit-learn"} & names_pinned_in("runtime.txt") == set()
