"""Pieces of tools/compare_relations.py, and the table that the documentation plots."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from scripts import import_script

ROOT = Path(__file__).resolve().parents[2]
SHOWN = ROOT / "docs" / "user_guide" / "relations.csv"


@pytest.fixture(scope="module")
def compare():
    return import_script("tools/compare_relations.py")


def test_bins_have_weighted_quantiles_and_skip_few_galaxies(compare):
    """One of two values has nine times the weight; the second bin has too few galaxies."""
    table = Table({"x": [0.5] * 20 + [1.5] * 5, "y": [1.0, 2.0] * 10 + [3.0] * 5})
    weights = np.where(table["y"] == 1.0, 9.0, 1.0)
    rows = compare.bin_relation(table, compare.Relation("x", "y", (0.0, 2.0, 1.0)), weights, "own")
    assert rows == [("x", "y", "own", 0.5, 20, 1.0, 1.0, 1.0)]


def test_the_shown_table_has_all_relations_and_published_values(compare):
    table = Table.read(SHOWN)
    assert tuple(table.colnames) == compare.COLUMNS
    simulated = table[table["source"] == compare.SIMULATED]
    assert {(r.x, r.y) for r in compare.RELATIONS} == {(row["x"], row["y"]) for row in simulated}
    assert np.all(simulated["number"] >= compare.FEWEST)
    stated = table[table["number"] == 0]
    assert [tuple(row)[:4] for row in stated] == [row[:4] for row in compare.PUBLISHED]
