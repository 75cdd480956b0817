import warnings

import numpy as np
import pytest
from astropy import units as u

from dustest.data import DustestWarning, as_sample
from dustest.estimators._sed.sample_checks import (
    warn_of_draws,
    warn_of_fixed_redshifts,
    warn_of_masked_spectra,
    warn_of_unknown_bands,
)


@pytest.mark.parametrize(("last", "lost"), [(1279.0, True), (1281.0, False)])
def test_spectra_without_a_pixel_redward_of_lyman_alpha_are_counted(last, lost):
    sample = as_sample(
        {
            "redshift": [6.0, 6.0],
            "spectrum_wavelength": [[7e3, last * 7.0], [7e3, 2e4]] * u.AA,
            "spectrum_flux": np.ones((2, 2)) * u.uJy,
            "spectrum_flux_err": np.ones((2, 2)) * u.uJy,
        }
    )
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        warn_of_masked_spectra(sample)
    assert ["1 of 2 galaxies are left out" in str(one.message) for one in found] == [True] * lost


@pytest.mark.parametrize("density", [[0.0, 0.0, 0.0], [0.1, np.nan, 0.1]])
def test_densities_that_are_not_used_are_counted(density):
    sample = as_sample(
        {
            "redshift": [7.0, 7.0],
            "redshift_grid": [[6.0, 7.0, 8.0]] * 2,
            "redshift_density": [density, [0.1, 1.0, 0.1]],
        }
    )
    with pytest.warns(DustestWarning, match=r"1 of 2 galaxies .* no density above 0 without NaN"):
        warn_of_fixed_redshifts(sample)


def with_draws(*draws):
    """Galaxies with draws of their redshifts."""
    return as_sample({"redshift": [7.0] * len(draws), "redshift_samples": list(draws)})


@pytest.mark.parametrize("draws", [[7.0, 7.0], [7.0, np.nan], [-1.0, 7.0], [-99.0, -99.0]])
def test_draws_that_are_all_equal_leave_the_redshift_fixed(draws):
    with pytest.warns(DustestWarning, match=r"1 of 2 galaxies have .* no two different draws"):
        warn_of_fixed_redshifts(with_draws(draws, [6.9, 7.1]))


@pytest.mark.parametrize("draw", [-1.0, 0.0, 20.5])
def test_draws_that_no_model_has_are_counted(draw):
    with pytest.warns(DustestWarning, match=r"above 0 and at most 20, got others for 1 of 2 gal"):
        warn_of_draws(with_draws([6.9, 7.1, draw], [6.9, 7.1, np.nan]))


def test_usual_draws_and_masked_ones_give_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for draws in ([6.9, 7.1], np.ma.array([6.9, 7.1], mask=[False, False])):
            warn_of_draws(with_draws(draws, [19.9, 0.01]))
            warn_of_fixed_redshifts(with_draws(draws, [19.9, 0.01]))


class TestBands:
    sample = as_sample({"flux_F277W": [1.0] * u.nJy, "flux_err_F277W": [0.1] * u.nJy})

    @pytest.mark.parametrize("name", ["zero_points", "error_floor"])
    def test_of_surveys_that_the_sample_lacks(self, name):
        given = {name: {"JWST/NIRCam.F277W": 1.0, "F606W": 1.02, "F814W": 1.01}}
        match = rf"{name} has no effect on F606W, F814W, which .* its bands are F277W"
        with pytest.warns(DustestWarning, match=match):
            warn_of_unknown_bands(self.sample, **given)

    @pytest.mark.parametrize("value", [None, 0.05, {}, {"F277W": 1.0}])
    def test_that_it_has(self, value):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warn_of_unknown_bands(self.sample, zero_points=value, error_floor=value)
