"""What SED fits and the Meurer relation of a reproduction are, and what they see."""

import numpy as np
import pytest
from astropy import units as u

from dustest.data import DustTable, as_sample
from dustest.data.containers.rows import RowTable
from dustest.reproduction.sed_fits import (
    FIDUCIAL,
    HISTORIES,
    meurer,
    photometry_of,
    sed_fitter,
    with_good_slopes,
)


class TestPhotometry:
    def test_nothing_but_fluxes_redshifts_and_positions_stays(self):
        columns = {
            "id": ["a", "b"],
            "redshift": [7.0, 7.5],
            "flux_F277W": [10.0, 20.0] * u.nJy,
            "flux_err_F277W": [1.0, 1.0] * u.nJy,
            "cutout_F277W": np.ones((2, 8, 8)) * u.nJy,
            "snr_F277W": [5.0, 6.0],
            # What is wrong with an image is no reason to doubt a flux.
            "flags": np.array([1, 4], dtype=np.int32),
        }
        photometry = photometry_of(as_sample(RowTable(columns)))
        assert set(photometry.colnames) == {"id", "redshift", "flux_F277W", "flux_err_F277W"}
        assert list(photometry["flux_F277W"].to_value(u.nJy)) == [10.0, 20.0]
        assert list(photometry["id"]) == ["a", "b"]


class TestFitters:
    @pytest.mark.parametrize("history", HISTORIES)
    def test_sed_fits_are_those_of_the_paper(self, history):
        fitter = sed_fitter(history, 5)
        chosen = fitter.params_in_use
        assert [chosen[name] for name in ("sfh", "dust_law", "random_state")] == [
            history,
            "Calzetti",
            5,
        ]
        assert not chosen["priors"]
        assert chosen["joint_priors"] == ()
        # Rates over two times are what Figure 9 compares.
        assert "history" in fitter.extra

    def test_the_fiducial_history_is_fitted(self):
        assert FIDUCIAL == "lognormal"
        assert FIDUCIAL in HISTORIES

    def test_meurer(self):
        chosen = meurer().params_in_use
        assert [chosen[name] for name in ("relation", "reference", "dust_law")] == [
            "Meurer99",
            "A_V",
            "Calzetti",
        ]
        assert meurer("A_1600").reference == "A_1600"


class TestGoodSlopes:
    def test_bad_ones_give_no_attenuation(self):
        columns = {name: [0.1, 0.2, 0.3, 0.4] for name in ("A_V", "A_V_p16", "A_V_p84", "E_BV")}
        result = DustTable.from_quantities(range(4), columns)
        result["beta_err"] = [0.29, 0.3, 0.31, np.nan]
        good = with_good_slopes(result)
        for name in ("A_V", "A_V_p16", "A_V_p84"):
            np.testing.assert_array_equal(good[name].value, [0.1, 0.2, np.nan, np.nan])
            assert good[name].unit == u.mag
        # What it came from stays.
        np.testing.assert_array_equal(result["A_V"].value, columns["A_V"])
