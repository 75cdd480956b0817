"""Programs of the repository outside the package, as modules."""

from importlib import import_module
from pathlib import Path

import pytest

__all__ = ["ROOT", "import_script"]

ROOT = Path(__file__).parents[2]


def import_script(name):
    """Import a program, such as "tools/fit_population.py", which finds those beside it."""
    path = ROOT / name
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(path.parent))
        return import_module(path.stem)
