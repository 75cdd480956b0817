"""Columns with names in whatever holds them."""

import pytest
from astropy.table import QTable

KINDS = ("table", "dict", "pandas", "polars")


def as_frame(kind, columns):
    """Columns as a table, a dict or a data frame; the test is skipped without its package."""
    if kind == "table":
        return QTable(columns)
    return dict(columns) if kind == "dict" else pytest.importorskip(kind).DataFrame(columns)
