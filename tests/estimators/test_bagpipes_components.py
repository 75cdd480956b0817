"""`BagpipesEstimator` with the light of an AGN, and with far-infrared fluxes."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from packages import skip_without

from dustest import BagpipesEstimator
from dustest.data.errors import DustestWarning, InputError
from dustest.data.flags import decode_flags
from dustest.estimators.non_galaxies import find_non_galaxies

pytestmark = pytest.mark.usefixtures("warm_workers")

BANDS = ("F115W", "F150W", "F200W", "F277W", "F356W", "F444W")
ALMA = "ALMA_B7"
MODEL = {
    "sfh": "delayed",
    "dust_law": "Calzetti",
    "random_state": 1,
    "priors": {
        "dust:Av": (0.0, 2.0),
        "dust:Av_prior": "uniform",
        "delayed:massformed": (8.0, 11.0),
        "nebular:logU": -2.5,
    },
}
RED = (20.0, 20.0, 22.0, 50.0, 120.0, 180.0)
"""Fluxes in nJy of a little red dot, by its colours."""


@pytest.fixture(scope="module", autouse=True)
def _needs_bagpipes():
    skip_without("bagpipes")


@pytest.fixture(scope="module")
def sample():
    """Five galaxies of the prior without noise, with errors of 3 % of the brightest band."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        models = BagpipesEstimator(**MODEL).draw_models(8, (*BANDS, ALMA), 6.0, random_state=7)
    models = models[:5]
    table = QTable({"id": np.arange(len(models)), "redshift": np.full(len(models), 6.0)})
    for band in (*BANDS, ALMA):
        table[f"flux_{band}"] = models[f"flux_{band}"]
    brightest = np.max([table[f"flux_{band}"].value for band in BANDS], axis=0)
    for band in BANDS:
        table[f"flux_err_{band}"] = 0.03 * brightest * u.nJy
    table[f"flux_err_{ALMA}"] = 0.2 * table[f"flux_{ALMA}"] + 1.0 * u.nJy
    return table


@pytest.fixture(scope="module")
def optical(sample):
    """The same without the far infrared, and a little red dot at the end."""
    table = sample[[name for name in sample.colnames if ALMA not in name]]
    table.add_row(table[0])
    table["id"][-1] = 5
    for band, flux in zip(BANDS, RED, strict=True):
        table[f"flux_{band}"][-1] = flux * u.nJy
        table[f"flux_err_{band}"][-1] = 2.0 * u.nJy
    return table


@pytest.fixture(scope="module")
def averaged(optical):
    return BagpipesEstimator(agn=(False, True), **MODEL).estimate(optical, draws=50)


@pytest.fixture(scope="module")
def flagged(optical):
    return BagpipesEstimator(agn="flagged", **MODEL).estimate(optical)


@pytest.fixture(scope="module")
def infrared(sample):
    table = sample.copy()
    table[f"flux_{ALMA}"][1] *= 1e4
    table[f"flux_{ALMA}"][2] = np.nan
    return BagpipesEstimator(**MODEL).estimate(table, draws=20)


class TestAGN:
    def test_both_are_reported(self, averaged):
        for name in ("no_AGN", "AGN"):
            assert np.all(np.isfinite(averaged[f"log_evidence_{name}"]))
            low, high = averaged[f"A_V_{name}_p16"], averaged[f"A_V_{name}_p84"]
            assert np.all((low <= averaged[f"A_V_{name}"]) & (averaged[f"A_V_{name}"] <= high))
            assert averaged[f"A_V_{name}"].unit == u.mag
        total = averaged["probability_no_AGN"] + averaged["probability_AGN"]
        np.testing.assert_allclose(total, 1.0)

    def test_evidence_of_both_is_their_mean(self, averaged):
        parts = [averaged[f"log_evidence_{name}"] for name in ("no_AGN", "AGN")]
        expected = np.logaddexp(*parts) - np.log(2.0)
        np.testing.assert_allclose(averaged["log_evidence"], expected)

    def test_share_is_zero_without(self, averaged):
        without = averaged["agn_draws"] == 0
        assert 0.0 < np.mean(without) < 1.0
        assert np.all(np.isnan(averaged["agn:fraction_draws"][without]))
        assert np.all(averaged["agn:fraction_draws"][~without] > 0.0)
        assert np.all(averaged["agn_fraction_p16"] <= averaged["agn_fraction_p84"])

    def test_one_model(self, optical):
        table = BagpipesEstimator(agn=True, **MODEL).estimate(optical[:1])
        assert {"agn_fraction", "agn_fraction_p16"} <= {*table.colnames}
        assert not any(name.startswith(("A_V_AGN", "log_evidence_")) for name in table.colnames)

    def test_flagged_sources_alone_have_both(self, flagged, optical):
        is_red = np.array(["NOT_A_GALAXY" in names for names in decode_flags(flagged["flags"])])
        np.testing.assert_array_equal(is_red, find_non_galaxies(optical)["not_a_galaxy"])
        assert is_red[-1]
        assert not is_red.all()
        assert np.all(np.isfinite(flagged["log_evidence_little_red_dot"]) == is_red)
        assert np.all(np.isfinite(flagged["A_V_little_red_dot"]) == is_red)
        assert np.all(np.isfinite(flagged["A_V_no_AGN"]))
        plain = BagpipesEstimator(**MODEL).estimate(optical)
        np.testing.assert_array_equal(flagged["log_evidence_no_AGN"], plain["log_evidence"])

    def test_flagged_needs_bands_of_colours(self, optical):
        few = optical[[name for name in optical.colnames if "F115W" not in name]]
        with pytest.raises(InputError, match="agn='flagged' needs fluxes in F115W"):
            BagpipesEstimator(agn="flagged", **MODEL).estimate(few)

    @pytest.mark.parametrize("changes", [{"engine": "bagpipes"}, {"escalate": True}])
    def test_bagpipes_has_none(self, optical, changes):
        with pytest.raises(InputError, match="agn=True needs engine='tabulated'"):
            BagpipesEstimator(agn=True, **MODEL, **changes).estimate(optical)

    def test_priors(self, optical):
        priors = MODEL["priors"] | {"agn:fraction": (0.4, 0.5)}
        sed = BagpipesEstimator(agn=True, **MODEL | {"priors": priors})
        table = sed.estimate(optical[:1])
        assert 0.4 < table["agn_fraction_p16"][0] < table["agn_fraction_p84"][0] < 0.5
        with pytest.raises(InputError, match="'agn:fraction': they need agn=True; known"):
            BagpipesEstimator(**MODEL | {"priors": priors}).estimate(optical[:1])


class TestFarInfrared:
    def test_columns(self, infrared):
        has = np.isfinite(infrared["far_infrared_probability"])
        assert has.tolist() == [True, True, False, True, True]
        np.testing.assert_array_equal(np.isfinite(infrared["A_V_without_far_infrared"]), has)
        temperature = infrared["dust:temperature_draws"]
        np.testing.assert_array_equal(np.isfinite(temperature).all(axis=1), has)
        assert np.all((temperature[has] > 20.0) & (temperature[has] < 100.0))

    def test_conflict_is_flagged(self, infrared):
        flags = decode_flags(infrared["flags"])
        assert ["INFRARED_CONFLICT" in names for names in flags] == [False, True] + [False] * 3

    def test_without_it_nothing_changes(self, sample, optical):
        with pytest.warns(DustestWarning, match="far_infrared=False leaves out bands beyond"):
            without = BagpipesEstimator(far_infrared=False, **MODEL).estimate(sample)
        plain = BagpipesEstimator(**MODEL).estimate(optical[:5])
        # Seeds of rows depend on all of their data.
        np.testing.assert_allclose(without["A_V"].value, plain["A_V"].value, atol=0.05)
        assert not any("far_infrared" in name for name in without.colnames)

    def test_warm_wavelengths_are_left_out(self, sample):
        table = sample[:2].copy()
        for kind in ("flux", "flux_err"):
            table[f"{kind}_FIR_200um"] = table[f"{kind}_{ALMA}"]
            table.remove_column(f"{kind}_{ALMA}")
        with pytest.warns(DustestWarning, match="FIR_200um is left out of the fits of 2 of 2"):
            found = BagpipesEstimator(**MODEL).estimate(table)
        assert np.all(np.isnan(found["far_infrared_probability"]))

    def test_limits(self, sample):
        table = sample[:3].copy()
        table[f"flux_limit_{ALMA}"] = 1e-3 * table[f"flux_{ALMA}"]
        table[f"flux_{ALMA}"][:] = np.nan
        table[f"flux_limit_{ALMA}"].info.meta = {"sigma": 3.0}
        found = BagpipesEstimator(**MODEL).estimate(table)
        assert np.all(found["A_V"] < found["A_V_without_far_infrared"])

    def test_spectrum_of_the_best_model(self, sample):
        found = BagpipesEstimator(extra=("sed",), **MODEL).estimate(sample[:1])
        at = found["SED_wavelength"][0].to_value(u.um)
        pivot = 2.99792458e5 / 343.5
        light = np.interp(pivot, at, found["SED"][0].value)
        assert light == pytest.approx(found[f"model_{ALMA}"][0].value, rel=0.05)
        assert found[f"dust_free_{ALMA}"][0] == 0.0 * u.nJy

    def test_switch(self):
        with pytest.raises(InputError, match="far_infrared must be True or False"):
            BagpipesEstimator(far_infrared="yes", **MODEL).fit(None)
