"""Star-formation histories that are registered from outside."""

import json
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u

from dustest import BagpipesEstimator, cite
from dustest.data.errors import InputError
from dustest.io import load_demo
from dustest.physics import (
    SampledShape,
    StarFormationHistory,
    get_history,
    list_histories,
    register_history,
)
from dustest.physics.star_formation import AgeGrid, history_weights

pytestmark = pytest.mark.usefixtures("warm_workers")

BIBTEX = "@article{Mine2030,\n  author = {Mine},\n  title = {Mine},\n  year = {2030},\n}"


def rising_rate(age_of_stars, age, tau):
    """Grows from the first stars on."""
    since = age - age_of_stars
    return np.where(since > 0, np.exp(np.maximum(since, 0.0) / tau), 0.0)


def first_stars(age, **_):
    """The age of the first stars."""
    return age


RISING = StarFormationHistory(
    "rising",
    {"rising": SampledShape({"age": u.Gyr, "tau": u.Gyr}, rising_rate, first_stars, ("tau",))},
    {
        "rising:age": (0.001, "age_of_universe"),
        "rising:tau": (0.05, 10.0),
        "rising:tau_prior": "log_10",
    },
    references=(BIBTEX,),
)


class TestRising:
    def test_masses_are_integrals_of_the_rate(self):
        grid = AgeGrid(edges=[0.0, 1e7, 1e8, 3e8, 1e9])
        parameters = {"rising:age": [0.3, 0.6], "rising:tau": [0.1, 0.2]}
        stars = history_weights(RISING, parameters, 8e8, grid)
        for row, (age, tau) in enumerate(((3e8, 1e8), (6e8, 2e8))):
            formed_by = -np.exp((age - np.minimum(grid.edges, age)) / tau)
            mass = np.diff(formed_by)
            np.testing.assert_allclose(stars.weights[row], mass / np.sum(mass), atol=2e-3)
            assert stars.possible[row]

    def test_units_and_signs_are_those_of_the_shape(self):
        given = {"rising:age": [300.0] * u.Myr, "rising:tau": 0.1}
        bare = {"rising:age": [0.3], "rising:tau": 0.1}
        np.testing.assert_allclose(
            history_weights(RISING, given, 8e8).weights, history_weights(RISING, bare, 8e8).weights
        )
        with pytest.raises(InputError, match=r"'rising:tau'\] must be finite and positive"):
            history_weights(RISING, bare | {"rising:tau": -0.1}, 8e8)


class TestRegister:
    def test_fits_know_it_in_worker_processes(self):
        pytest.importorskip("nautilus")
        register_history(RISING)
        assert list_histories()[-1] == "rising"
        galaxies = load_demo()[0][:2]
        named, given = (
            BagpipesEstimator(preset="Fu", sfh=sfh, random_state=1).estimate(
                galaxies, n_jobs=n_jobs
            )
            for sfh, n_jobs in (("rising", 2), (RISING, 1))
        )
        assert np.all(np.isfinite(named["log_sSFR"]))
        np.testing.assert_array_equal(named["log_sSFR"], given["log_sSFR"])
        assert "Mine2030" in cite(named)
        assert json.loads(named.meta["params"])["sfh"]["priors"]["rising:tau"] == [0.05, 10.0]

    @pytest.mark.parametrize("parameters", [{"engine": "bagpipes"}, {"escalate": True}])
    def test_bagpipes_does_not_have_it(self, parameters):
        register_history(RISING)
        with pytest.raises(InputError, match=r"no star-formation history 'rising', it has lognor"):
            BagpipesEstimator(preset="Fu", sfh="rising", **parameters)._settings()

    def test_names_are_taken_once(self):
        with pytest.raises(InputError, match="'Delayed' is registered already"):
            register_history(replace(RISING, name="Delayed"))
        with pytest.raises(InputError, match="history must be one of lognormal"):
            get_history("parametric")
