"""Masses and luminosities of lensed galaxies."""

from typing import ClassVar

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from toy_backends import Massive

from dustest import ConstantEstimator
from dustest.data import QUANTITIES, as_sample
from dustest.estimators import DustEstimator, Estimates

N_DRAWS = 20_000
APPARENT = {"A_V": 0.3, "log_mass": 9.0, "log_SFR_100": 1.0, "log_sSFR": -8.0, "M_UV": -21.0}


class Heavy(DustEstimator):
    """The same posterior for every galaxy, without scatter of its own."""

    uncertainty: ClassVar[str] = "posterior"
    targets = tuple(APPARENT)

    def __init__(self, random_state=3):
        self.random_state = random_state

    def _estimate(self, batch):
        draws = np.ones((len(batch), N_DRAWS))
        return Estimates({name: value * draws for name, value in APPARENT.items()})


class Bare(Heavy):
    uncertainty: ClassVar[str] = "none"

    def _estimate(self, batch):
        return Estimates({name: value * np.ones(len(batch)) for name, value in APPARENT.items()})


class Learns(Bare):
    targets = ("A_V", "log_mass")

    def _fit(self, batch, y):
        self.mean_ = y.mean(axis=0)

    def _estimate(self, batch):
        values = zip(self.targets, self.mean_, strict=True)
        return Estimates({name: np.full(len(batch), value) for name, value in values})


def galaxies(**columns):
    """Galaxies with a magnification of 10, of which each has its own redshift."""
    return as_sample(QTable({"redshift": [7.0, 8.0], "magnification": [10.0, 10.0]} | columns))


def expected(name, log_mu=1.0):
    """Value without a magnification."""
    return APPARENT[name] - QUANTITIES[name].luminosity_power * log_mu


@pytest.mark.parametrize("estimator", [Heavy(), Bare()], ids=repr)
def test_luminosities_are_divided(estimator):
    predicted = estimator.predict(galaxies())
    np.testing.assert_allclose(predicted, [[expected(name) for name in APPARENT]] * 2)
    assert expected("M_UV") == -18.5
    assert expected("log_mass") == 8.0
    assert expected("A_V") == 0.3


@pytest.mark.parametrize("name", ["log_mass", "log_SFR_100", "M_UV"])
def test_the_error_is_carried(name):
    sample = galaxies(magnification_err=[2.0, np.nan])
    quantiles = Heavy().predict_quantiles(sample)[:, list(APPARENT).index(name)]
    sigma = abs(QUANTITIES[name].luminosity_power) * 0.2 / np.log(10.0)
    middle = expected(name)
    np.testing.assert_allclose(quantiles[0], middle + sigma * np.array([-1, 0, 1]), atol=0.03)
    np.testing.assert_allclose(quantiles[1], middle)


def test_draws_stay_joint():
    draws = Heavy().sample_posterior(galaxies(magnification_err=[2.0, 3.0]), 500)
    assert np.ptp(draws["log_mass"]) > 0.1
    np.testing.assert_allclose(draws["log_SFR_100"] - draws["log_mass"], -8.0)
    np.testing.assert_allclose(draws["M_UV"] + 2.5 * draws["log_mass"], -21.0 + 2.5 * 9.0)


def test_unknown_magnifications_leave_no_mass():
    table = Heavy().predict(galaxies(magnification=[np.nan, 1.0]))
    answered = np.isfinite(table)
    assert answered[1].all()
    assert answered[0].tolist() == [QUANTITIES[name].luminosity_power == 0 for name in APPARENT]


def test_samples_without_are_as_observed():
    sample = galaxies()
    sample.remove_column("magnification")
    np.testing.assert_array_equal(Heavy().predict(sample), [list(APPARENT.values())] * 2)


def test_truth_is_learned_as_the_light_shows_it():
    sample, truth = galaxies(magnification=[10.0, 10.0]), [[0.1, 8.0], [0.3, 9.0]]
    learned = Learns().fit(sample, truth)
    np.testing.assert_allclose(learned.mean_, [0.2, 9.5])
    np.testing.assert_allclose(learned.predict(sample), [[0.2, 8.5]] * 2)


def test_a_constant_does_not_depend_on_the_light():
    constant = ConstantEstimator(("A_V", "log_mass")).fit(galaxies(), [[0.1, 8.0], [0.3, 9.0]])
    np.testing.assert_allclose(constant.predict(galaxies()), [[0.2, 8.5]] * 2)


def test_further_columns_of_a_quantity_are_divided():
    estimator = Massive(random_state=1)
    assert "log_mass_p16" not in (table := estimator.estimate(lensed())).colnames
    assert table["log_mass"][0] == pytest.approx(8.0)


def test_draws_of_masses_and_magnitudes_belong_together():
    estimator = Massive(extra=("log_mass", "M_UV"), random_state=1)
    draws = estimator.sample_posterior(lensed(magnification_err=[2.0]), 300)
    np.testing.assert_allclose(draws["M_UV"], -2.5 * draws["log_mass"], rtol=1e-12)


def lensed(**columns):
    """A galaxy with a flux and a magnification of 10."""
    flux = {"flux_F200W": [50.0] * u.nJy, "flux_err_F200W": [1.0] * u.nJy}
    return as_sample(QTable({"magnification": [10.0]} | flux | columns))
