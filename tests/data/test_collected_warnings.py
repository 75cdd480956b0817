"""Warnings of the parts of a table."""

import pickle
import warnings

import pytest

from dustest.data import DustestWarning
from dustest.data.collected_warnings import CollectedWarnings
from dustest.data.errors import RowsWarning

FAILED = "{count} of {n_rows} failed, the first in row {row}"


def given(collected):
    """Texts of the warnings that are given."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        collected.give()
    return [str(one.message) for one in found]


def test_equal_warnings_are_given_once():
    collected = CollectedWarnings()
    for text in ("one", "two", "one"):
        with collected.part():
            warnings.warn(text, DustestWarning, stacklevel=1)
    assert given(collected) == ["one", "two"]
    assert given(collected) == []


def test_rows_are_added_up():
    collected = CollectedWarnings()
    for count in (0, 2, 3):
        with collected.part():
            if count:
                warnings.warn(RowsWarning(FAILED, count, 10, {"row": count}), stacklevel=1)
        collected.count(10)
    assert given(collected) == ["5 of 30 failed, the first in row 12"]


def test_warnings_of_others_are_given_at_once():
    collected = CollectedWarnings()
    with pytest.warns(RuntimeWarning, match="of others"), collected.part():
        warnings.warn("of others", RuntimeWarning, stacklevel=1)
    assert given(collected) == []


def test_warnings_of_rows_survive_pickling():
    one = pickle.loads(pickle.dumps(RowsWarning(FAILED, 2, 10, {"row": 4})))
    assert str(one) == "2 of 10 failed, the first in row 4"
