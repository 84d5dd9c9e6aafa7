"""LightGBM without the packages that it imports where it finds them: nothing here hands it their objects.

Together they cost every process that trains or verifies a second and 120 MB.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

__all__ = ["lightgbm"]

_COMPANIONS: Final = ("sklearn", "pandas", "pyarrow", "dask", "matplotlib", "graphviz")


@contextmanager
def _hidden(names: Sequence[str]) -> Iterator[None]:
    """Let packages that this process has not imported seem to be absent."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how the import system hides a name
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _hidden(_COMPANIONS):
    import lightgbm
