"""Tests of the tool that judges estimators on an independent simulation."""

import numpy as np
import pytest
from astropy import units as u
from scripts import import_script

from dustest.data import FLAGS, DustTable
from dustest.simulate import ParticleGalaxy, StarParticles


@pytest.fixture(scope="module")
def tool():
    return import_script("tools/judge_simulations.py")


@pytest.fixture
def tables():
    """Estimates that are too high by 0.1 mag; every fourth is dominated by the prior."""
    n = 40
    rng = np.random.default_rng(170560)
    truth = DustTable.from_quantities(np.arange(n), {"A_V": rng.uniform(0.0, 0.5, n)})
    truth["redshift"] = np.repeat([5.0, 6.0], n // 2)
    value = truth["A_V"].value + 0.1
    flags = np.where(np.arange(n) % 4 == 0, FLAGS["PRIOR_DOMINATED"].value, 0)
    columns = {"A_V": value, "A_V_p16": value - 0.2, "A_V_p84": value + 0.2}
    return DustTable.from_quantities(np.arange(n), columns, flags=flags), truth


def test_rows_of_a_method(tool, tables):
    rows = tool.judge(*tables)
    assert [row["galaxies"] for row in rows] == ["all", "z = 5", "z = 6", "informative"]
    assert [row["n"] for row in rows] == [40, 20, 20, 30]
    assert [row["bias"] for row in rows] == pytest.approx(4 * [0.1])
    assert [row["coverage"] for row in rows] == 4 * [1.0]
    assert [row["flags"] for row in rows] == 3 * ["PRIOR_DOMINATED 25 %"] + [""]


def test_methods_without_intervals_have_no_coverage(tool, tables):
    table, truth = tables
    table["A_V_p16"] = table["A_V_p84"] = np.nan * u.mag
    assert np.isnan(tool.row(table, truth)["coverage"])


def test_masses_are_scaled(tool):
    stars = StarParticles(np.zeros((3, 3)), [1e6, 2e6, 3e6], [1e7] * 3, [0.002] * 3, [0.1] * 3)
    galaxy = tool.scaled(ParticleGalaxy(stars, None, redshift=7.0))
    assert np.log10(galaxy.stars.mass.sum()) == pytest.approx(8.7)
    assert galaxy.stars.mass[2] / galaxy.stars.mass[0] == pytest.approx(3.0)


@pytest.mark.slow
def test_galaxies_of_the_file(tool, shared_data):
    galaxies = tool.read_galaxies(shared_data)
    assert {kind: len(listed) for kind, listed in galaxies.items()} == {
        "as given": 62,
        "smoothed": 62,
    }
    assert min(len(galaxy.stars) for galaxy in galaxies["as given"]) == 10
    assert min(len(galaxy.stars) for galaxy in galaxies["smoothed"]) >= 2500
