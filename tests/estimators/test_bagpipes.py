import json
import os
import sys
import warnings
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import matplotlib as mpl
import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM, Planck18
from astropy.table import Column, MaskedColumn, QTable
from bagpipes_models import lognormal_galaxy
from hypothesis import given
from hypothesis import strategies as st
from packages import skip_without
from scipy import stats
from sed_fits import escalated
from sed_posteriors import posterior_of
from sklearn.base import clone
from warm_process import call

from dustest import BagpipesEstimator
from dustest.data import GalaxySample, as_sample
from dustest.data.cited import Cited
from dustest.data.errors import DustestWarning, InputError
from dustest.data.flags import FLAGS, decode_flags
from dustest.estimators import bagpipes
from dustest.estimators._sed.data_corrections import correct
from dustest.estimators._sed.galaxies import usable_data
from dustest.estimators._sed.posterior import Settings
from dustest.estimators.run.batch import make_batch
from dustest.io import read_catalog
from dustest.physics import get_dust_law
from dustest.testing import check_estimator, make_check_sample

pytestmark = pytest.mark.usefixtures("warm_workers")

BANDS = ("F115W", "F200W", "F277W", "F356W", "F444W")
TRUE_A_V = 0.5
TRUE_LOG_MASS_FORMED = 9.0
SHAPE = {"lognormal:tmax": 0.6, "lognormal:fwhm": 0.3, "lognormal:metallicity": 0.2}
FIXED = SHAPE | {"nebular:logU": -2.5}
FAST = {"n_live": 50, "n_effective": 400, "random_state": 1, "priors": FIXED}


def estimator(**parameters):
    """A quick fit of A_V and mass alone, by the reference."""
    return BagpipesEstimator(**({"engine": "bagpipes", "preset": "Fu"} | FAST | parameters))


def galaxies(flux, snr=20.0, redshift=7.0):
    """A table of equal galaxies, one for each redshift."""
    redshift = np.atleast_1d(redshift)
    table = QTable({"id": np.arange(len(redshift)), "redshift": redshift})
    for band, value in zip(BANDS, flux, strict=True):
        table[f"flux_{band}"] = np.full(len(redshift), value) * u.nJy
        table[f"flux_err_{band}"] = np.full(len(redshift), max(flux) / snr) * u.nJy
    return table


@pytest.fixture(scope="module")
def mock(tmp_path_factory):
    """Noise-free photometry [nJy], a prism-like spectrum and log sSFR by Bagpipes itself."""
    skip_without("bagpipes", "nautilus")
    folder = tmp_path_factory.mktemp("mock")
    return call(lognormal_galaxy, BANDS, TRUE_A_V, TRUE_LOG_MASS_FORMED, cwd=folder)


def world():
    """Global state of this process that a fit could disturb."""
    return {
        "folder": (Path.cwd(), sorted(Path.cwd().iterdir())),
        "environment": dict(os.environ),
        "numpy": (np.get_printoptions(), np.geterr()),
        "matplotlib": dict(mpl.rcParams),
        "bagpipes": "bagpipes" in sys.modules,
    }


@pytest.fixture(scope="module")
def fitted(mock, tmp_path_factory):
    """A catalogue with every kind of bad row through two workers, and what it left behind."""
    table = galaxies(mock["flux"], redshift=[7.0, 7.0, 7.0, 7.0, np.nan, -1.0, 25.0])
    table["flux_F115W"][1] = np.nan * u.nJy
    table["flux_F200W"][1] *= -1e-3
    table["flux_err_F200W"][1] *= 10.0
    bad_flux = [np.nan, np.inf, -np.inf, np.nan, np.nan] * u.nJy
    bad_error = [0.0, -1.0, np.nan, np.inf, 1.0] * u.nJy
    for band, flux, error in zip(BANDS, bad_flux, bad_error, strict=True):
        table[f"flux_{band}"][2] = flux
        table[f"flux_err_{band}"][3] = error
    home = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("elsewhere"))
    try:
        before = world()
        with pytest.warns(DustestWarning, match="redshift of 1 of 7 rows lies below 0"):
            result = estimator().estimate(table, n_jobs=2)
        return SimpleNamespace(result=result, before=before, after=world(), table=table)
    finally:
        os.chdir(home)


class TestFit:
    def test_truth_is_recovered(self, fitted, mock):
        row = fitted.result[0]
        assert row["A_V_p16"] < TRUE_A_V * u.mag < row["A_V_p84"]
        assert row["A_V"].value == pytest.approx(TRUE_A_V, abs=0.1)
        assert 0.0 < (row["A_V_p84"] - row["A_V_p16"]).value < 0.4
        assert row["log_sSFR"] == pytest.approx(mock["log_ssfr"], abs=0.01)
        assert row["log_mass"] == pytest.approx(mock["log_mass"], abs=0.05)
        assert row["chi2"] < 1.0
        assert row["ess"] >= 400.0
        assert row["A_V_information"] > 2.0
        assert decode_flags(row["flags"]) == ()

    def test_reddening_follows_the_law(self, fitted):
        good = np.isfinite(fitted.result["A_V"])
        np.testing.assert_allclose(fitted.result["R_V"][good], 4.05, rtol=1e-12)
        ratio = fitted.result["A_V"][good] / fitted.result["E_BV"][good]
        np.testing.assert_allclose(ratio, 4.05, rtol=1e-12)

    def test_missing_and_negative_bands_are_lived_with(self, fitted):
        assert np.isfinite(fitted.result["A_V"][1])
        assert "MISSING_BAND" in decode_flags(fitted.result["flags"][1])

    @pytest.mark.parametrize(
        ("row", "flag"),
        [
            (2, "NO_DATA"),
            (3, "NO_DATA"),
            (4, "REDSHIFT_OUT_OF_RANGE"),
            (5, "REDSHIFT_OUT_OF_RANGE"),
            (6, "REDSHIFT_OUT_OF_RANGE"),
        ],
    )
    def test_rows_that_cannot_be_fitted(self, fitted, row, flag):
        assert np.isnan(fitted.result["A_V"][row])
        assert flag in decode_flags(fitted.result["flags"][row])

    def test_nothing_else_changed(self, fitted):
        assert fitted.before == fitted.after

    def test_other_workers_other_neighbours_same_bytes(self, fitted, capfd):
        again = estimator().estimate(fitted.table[:1], n_jobs=1)
        assert capfd.readouterr() == ("", "")
        for name in again.colnames:
            assert (
                np.asarray(again[name]).tobytes() == np.asarray(fitted.result[name][:1]).tobytes()
            ), name

    @pytest.mark.slow
    def test_a_fit_that_takes_too_long_is_stopped(self, fitted):
        with pytest.warns(DustestWarning, match="stopped after 0.5 s"):
            late = estimator(timeout=0.5).estimate(fitted.table[:1])
        assert decode_flags(late["flags"][0]) == ("TIMED_OUT",)
        assert np.isnan(late["A_V"][0])

    @pytest.mark.slow
    def test_another_seed_another_answer_of_the_same_size(self, fitted):
        other = estimator(random_state=2).estimate(fitted.table[:1])
        assert other["A_V"][0] != fitted.result["A_V"][0]
        assert other["A_V"][0].value == pytest.approx(fitted.result["A_V"][0].value, abs=0.05)

    @pytest.mark.slow
    def test_timescale_and_law_of_free_shape(self, mock):
        priors = FIXED | {"lognormal:fwhm": 0.05, "dust:delta": (-0.4, 0.1), "dust:B": 0.0}
        fits = [
            estimator(priors=priors, dust_law="Salim", sfr_timescale=t, n_live=60).estimate(
                galaxies(mock["flux"])
            )
            for t in (10.0, 100 * u.Myr)
        ]
        # The narrow lognormal fell long ago: the last 10 Myr form less than the last 100.
        assert fits[0]["log_sSFR"][0] < fits[1]["log_sSFR"][0]
        assert 2.7 < fits[0]["R_V_p16"][0] < fits[0]["R_V_p84"][0] < 4.6

    @pytest.mark.slow
    @pytest.mark.parametrize("with_photometry", [True, False])
    def test_spectrum(self, mock, with_photometry):
        table = galaxies(mock["flux"]) if with_photometry else QTable({"redshift": [7.0]})
        spectrum = np.array(mock["spectrum"])
        unit = u.erg / u.s / u.cm**2 / u.AA
        table["spectrum_wavelength"] = [mock["wavelength"]] * u.AA
        table["spectrum_flux"] = spectrum[None] * unit
        table["spectrum_flux_err"] = np.full((1, 60), 0.05 * np.median(spectrum)) * unit
        table["spectrum_flux"][0, 10] = np.nan * unit
        result = estimator(resolution=None).estimate(table)
        assert result["A_V"][0].value == pytest.approx(TRUE_A_V, abs=0.05)
        assert result["log_mass"][0] == pytest.approx(mock["log_mass"], abs=0.03)

    @pytest.mark.slow
    def test_free_redshift(self, mock):
        table = galaxies(mock["flux"])
        table["redshift_err"] = [0.2]
        free = estimator(redshift="free").estimate(table)
        fixed = estimator(redshift="fixed").estimate(table)
        assert free["A_V"][0].value == pytest.approx(TRUE_A_V, abs=0.15)
        assert free["A_V"][0] != fixed["A_V"][0]


def tabulated(**parameters):
    """A fit with tables."""
    return estimator(engine="tabulated", **parameters)


def with_spectra(table, mock):
    """The table with the spectrum of the mock in every row."""
    unit = u.erg / u.s / u.cm**2 / u.AA
    table["spectrum_wavelength"] = [mock["wavelength"]] * len(table) * u.AA
    table["spectrum_flux"] = [mock["spectrum"]] * len(table) * unit
    table["spectrum_flux_err"] = 0.05 * table["spectrum_flux"]
    return table


def same_bytes(one, other):
    """Whether two results are the same to the last byte."""
    return all(
        np.asarray(one[name]).tobytes() == np.asarray(other[name]).tobytes()
        for name in one.colnames
    )


@pytest.fixture(scope="module")
def tabulated_fit(mock):
    """Redshifts out of order, a row without a band and one without any, through two workers."""
    table = galaxies(mock["flux"], redshift=[7.0, 8.0, 7.0, 6.0, 7.0, 8.0])
    table["flux_F115W"][2] = np.nan * u.nJy
    for band in BANDS:
        table[f"flux_{band}"][4] = np.nan * u.nJy
    before = world()
    result = tabulated().estimate(table, n_jobs=2)
    return SimpleNamespace(result=result, before=before, after=world(), table=table)


class TestTabulated:
    def test_truth_is_recovered(self, tabulated_fit, mock):
        row = tabulated_fit.result[0]
        assert row["A_V"].value == pytest.approx(TRUE_A_V, abs=0.1)
        assert row["log_sSFR"] == pytest.approx(mock["log_ssfr"], abs=0.01)
        assert row["log_mass"] == pytest.approx(mock["log_mass"], abs=0.05)
        assert row["chi2"] < 1.0
        assert row["ess"] >= 400.0
        assert row["A_V_information"] > 2.0
        assert decode_flags(row["flags"]) == ()
        assert row["R_V"] == pytest.approx(4.05)

    def test_it_says_what_the_reference_says(self, tabulated_fit, fitted):
        ours, theirs = tabulated_fit.result[0], fitted.result[0]
        for name in ("A_V", "A_V_p16", "A_V_p84"):
            assert ours[name].value == pytest.approx(theirs[name].value, abs=0.05)
        assert ours["log_mass"] == pytest.approx(theirs["log_mass"], abs=0.03)
        assert ours["log_evidence"] == pytest.approx(theirs["log_evidence"], abs=0.7)

    def test_the_best_fit_is_a_model_near_the_truth(self, tabulated_fit, mock):
        one = tabulated(targets=("A_V", "log_mass", "E_BV"))
        found = one.predict(tabulated_fit.table, point="best")
        assert found[0, 0] == pytest.approx(TRUE_A_V, abs=0.1)
        assert found[0, 1] == pytest.approx(mock["log_mass"], abs=0.05)
        assert found[0, 0] / found[0, 2] == pytest.approx(4.05)
        assert np.isnan(found[4]).all()
        assert np.isfinite(found[[0, 1, 2, 3, 5]]).all()

    def test_a_missing_band_is_lived_with(self, tabulated_fit):
        assert tabulated_fit.result["A_V"][2].value == pytest.approx(TRUE_A_V, abs=0.2)
        assert decode_flags(tabulated_fit.result["flags"][2]) == ("MISSING_BAND",)

    def test_rows_keep_their_places(self, tabulated_fit):
        flags = tabulated_fit.result["flags"]
        assert set(decode_flags(flags[4])) == {"NO_DATA", "MISSING_BAND"}
        assert np.isnan(tabulated_fit.result["A_V"][4])
        chi2 = tabulated_fit.result["chi2"]
        assert chi2[0] < min(chi2[1], chi2[3], chi2[5])  # the light is that of redshift 7

    def test_nothing_else_changed(self, tabulated_fit):
        assert tabulated_fit.before == tabulated_fit.after

    @pytest.mark.parametrize("rows", [[2], [5, 3, 0]])
    def test_other_workers_other_neighbours_same_bytes(self, tabulated_fit, capfd, rows):
        again = tabulated().estimate(tabulated_fit.table[rows], n_jobs=1)
        assert capfd.readouterr() == ("", "")
        assert same_bytes(again, tabulated_fit.result[rows])

    @pytest.mark.slow
    def test_another_seed_another_answer_of_the_same_size(self, tabulated_fit):
        """Both seeds weigh the same models, so that the median A_V may be that of the same one."""
        other = tabulated(random_state=2).estimate(tabulated_fit.table[:1])
        ours = tabulated_fit.result[:1]
        assert other["log_mass"][0] != ours["log_mass"][0]
        assert other["log_mass"][0] == pytest.approx(ours["log_mass"][0], abs=0.01)
        assert other["A_V"][0].value == pytest.approx(TRUE_A_V, abs=0.1)

    def test_priors_without_room_fail_their_rows_alone(self, mock):
        priors = FIXED | {"lognormal:tmax": (0.6, "age_of_universe")}
        table = galaxies(mock["flux"], redshift=[7.0, 10.0])
        with pytest.warns(DustestWarning, match="1 of 2 .*: no model at redshift 10: priors"):
            result = tabulated(priors=priors).estimate(table)
        assert np.isfinite(result["A_V"][0])
        assert decode_flags(result["flags"][1]) == ("FAILED",)

    @pytest.mark.parametrize(
        ("errors", "n_fixed"),
        [(None, 3), ([0.1, np.nan, 0.1], 1), ([0.0, 0.1, 0.1], 1), ([0.1, 0.1, 0.1], 0)],
    )
    def test_redshifts_without_an_error_are_counted(self, errors, n_fixed):
        table = galaxies([50.0] * 5, redshift=[7.0, 8.0, 7.0])
        if errors is not None:
            table["redshift_err"] = errors
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for redshift in ("fixed", "free"):
                BagpipesEstimator(preset="Fu", redshift=redshift)._ready(table)
        said = [str(one.message) for one in caught if "redshift_err" in str(one.message)]
        assert len(said) == (n_fixed > 0)
        assert all(f"{n_fixed} of 3 galaxies have no error above 0" in text for text in said)

    def test_densities_of_redshift_are_counted(self):
        table = galaxies([50.0] * 5, redshift=[7.0, 8.0, 7.0])
        table["redshift_samples"] = np.array([[7.0, 7.1], [7.9, 8.1], [np.nan, np.nan]])
        with pytest.warns(DustestWarning, match="1 of 3 galaxies have no error above 0, no dens"):
            BagpipesEstimator(preset="Fu", redshift="free")._ready(table)

    @pytest.mark.parametrize("parameters", [{"engine": "bagpipes"}, {"escalate": True}])
    def test_densities_of_redshift_need_the_tables(self, parameters):
        table = galaxies([50.0] * 5)
        table["redshift_samples"] = np.array([[7.0, 7.1]])
        with pytest.raises(InputError, match="no prior like the column redshift_samples: take"):
            BagpipesEstimator(preset="Fu", redshift="free", **parameters)._ready(table)

    def test_only_the_tables_go_beyond_redshift_10(self):
        assert BagpipesEstimator(preset="Fu").redshift_range == (1e-3, 20.0)
        for parameters in ({"engine": "bagpipes"}, {"escalate": True}):
            assert BagpipesEstimator(preset="Fu", **parameters).redshift_range == (1e-3, 10.0)

    def test_a_redshift_that_stays_fixed_is_no_silent_answer(self, mock):
        table = galaxies(mock["flux"])
        with pytest.warns(DustestWarning, match="1 of 1 .* is kept fixed") as caught:
            tabulated(redshift="free").estimate(table)
        assert len(caught) == 1
        assert caught[0].filename == __file__

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"priors": {"nebular:fesc": 0.2}}, "cannot fit nebular:fesc: "),
            ({"priors": {"nebular:metallicity": (0.1, 1.0)}}, "cannot fit nebular:metallicity: "),
            ({"priors": {"t_bc": (0.005, 0.02)}}, "cannot fit t_bc: "),
            ({"priors": {"dust:qpah": "dust:eta", "dust:eta": 1.0}}, "cannot fit dust:qpah: "),
            (
                {
                    "sfh": "double_delayed",
                    "priors": {"delayed2:metallicity": (0.1, 1.0)},
                },
                "cannot fit delayed2:metallicity: ",
            ),
            ({"priors": {"lognormal:massformed": 9.0}}, "needs priors of lognormal:massformed"),
            (
                {"priors": {"lognormal:massformed_prior": "pow_10"}},
                "needs priors of lognormal:massformed that are free and uniform",
            ),
        ],
    )
    def test_what_tables_cannot_do_is_refused(self, parameters, message):
        with pytest.raises(InputError, match=message):
            BagpipesEstimator(preset="Fu", engine="tabulated", **parameters)._settings()

    @pytest.mark.parametrize(
        "parameters",
        [
            {},
            {"dust_law": "Salim", "priors": {"dust:delta": -0.2, "dust:B": 0.0}},
            {"dust_law": "Salim", "priors": {"dust:B": 1.0}},
            {"dust_law": "Salim"},
            {"dust_law": "CF00", "priors": {"dust:n": 0.7}},
            {"dust_law": "CF00"},
            {"redshift": "free"},
            {"sfh": "double_delayed"},
            {"sfh": "delayed_burst"},
            {"sfh": "continuity"},
            {"priors": {"t_bc": 0.02, "dust:eta": (1.0, 2.0)}},
            {"priors": {"dust:frac_clear": (0.0, 0.5), "nebular:escape_fraction": 0.1}},
        ],
    )
    def test_what_tables_can_do_is_not(self, parameters):
        BagpipesEstimator(preset="Fu", engine="tabulated", **parameters)._settings()

    @pytest.mark.parametrize("parameters", [{"engine": "bagpipes"}, {"escalate": True}])
    @pytest.mark.parametrize("name", ["dust:frac_clear", "nebular:escape_fraction"])
    def test_bagpipes_has_no_light_without_dust(self, name, parameters):
        sed = BagpipesEstimator(preset="Fu", priors={name: (0.0, 0.5)}, **parameters)
        with pytest.raises(InputError, match=f"Bagpipes has no {name}: leave .*='tabulated'"):
            sed._settings()

    @pytest.mark.parametrize("value", [(0.0, 1.1), -0.1, 2.0])
    def test_shares_that_are_none(self, value):
        with pytest.raises(InputError, match=r"frac_clear'\] must lie from 0 to 1, as it is a sh"):
            BagpipesEstimator(preset="Fu", priors={"dust:frac_clear": value})._settings()

    def test_batches(self):
        assert BagpipesEstimator(preset="Fu", engine="bagpipes").rows_at_once == 1
        alone = BagpipesEstimator(preset="Fu", engine="tabulated").rows_at_once
        assert (
            alone
            > BagpipesEstimator(preset="Fu", engine="tabulated", escalate=True).rows_at_once
            > 1
        )

    @pytest.mark.slow
    def test_it_keeps_the_contract(self):
        sample, truth = make_check_sample()
        photometry = [name for name in sample.colnames if name.startswith(("id", "flux", "red"))]
        sed = BagpipesEstimator(preset="Fu", engine="tabulated")
        check_estimator(sed, sample[photometry], truth)

    @pytest.mark.slow
    def test_reference_with_free_history(self, mock):
        """Another sampler with the likelihood of Bagpipes itself, in three dimensions."""
        priors = SHAPE | {
            "lognormal:tmax": (0.3, 0.7),
            "nebular:logU": -2.5,
            "dust:Av": (0.0, 2.0),
            "dust:Av_prior": "uniform",
            "lognormal:massformed": (8.0, 10.0),
        }
        table = galaxies(mock["flux"], snr=10.0)
        ours, theirs = (
            BagpipesEstimator(
                preset="Fu", engine=engine, priors=priors, n_live=400, random_state=1
            ).estimate(table)[0]
            for engine in ("tabulated", "bagpipes")
        )
        for name, tolerance in (("A_V", 0.05), ("log_sSFR", 0.1)):
            for suffix in ("", "_p16", "_p84"):
                column = name + suffix
                assert u.Quantity(ours[column]).value == pytest.approx(
                    u.Quantity(theirs[column]).value, abs=tolerance
                )
        assert ours["log_mass"] == pytest.approx(theirs["log_mass"], abs=0.05)
        assert ours["log_evidence"] == pytest.approx(theirs["log_evidence"], abs=0.5)
        assert ours["chi2"] == pytest.approx(theirs["chi2"], abs=0.1)
        assert ours["A_V_information"] == pytest.approx(theirs["A_V_information"], abs=0.2)


class TestCosmology:
    slow = FlatLambdaCDM(H0=50.0, Om0=0.3)
    """Distances and ages 1.4 times those of the default."""
    constant: ClassVar[dict] = {
        "constant:age_max": (0.01, 0.3),
        "constant:metallicity": 0.2,
        "nebular:logU": -2.5,
    }

    def test_mass_follows_the_distance_and_attenuation_stays(self, mock, tmp_path):
        table, path = galaxies(mock["flux"]), tmp_path / "a.fits"
        sed = tabulated(sfh="constant", priors=self.constant, extra=("M_UV", "beta"))
        usual = sed.estimate(table, output=path)[0]
        sed.set_params(cosmology=self.slow)
        with pytest.warns(DustestWarning, match="had params.cosmology null instead of {"):
            other = sed.estimate(table, output=path, resume=True)[0]
        # The stored rows of the first fit are of another cosmology, and not taken.
        assert usual.table.meta["params"] != other.table.meta["params"]
        shift = 2.0 * np.log10(1.4)
        assert other["log_mass"] - usual["log_mass"] == pytest.approx(shift, abs=1e-3)
        assert (other["M_UV"] - usual["M_UV"]).value == pytest.approx(-2.5 * shift, abs=2e-3)
        for name, tolerance in (("A_V", 1e-3), ("beta", 1e-3), ("log_sSFR", 1e-3)):
            ours, theirs = (u.Quantity(row[name]).value for row in (other, usual))
            assert ours == pytest.approx(theirs, abs=tolerance)
        assert other["chi2"] == pytest.approx(usual["chi2"], rel=1e-3)

    def test_stars_are_as_old_as_the_universe_allows(self, mock):
        """At redshift 7 it is 0.75 Gyr old with the default and 1.05 with the other."""
        priors = self.constant | {"constant:age_max": 0.9}
        sed = tabulated(sfh="constant", priors=priors, extra=("log_age",))
        with pytest.warns(DustestWarning, match="no model of the prior has light"):
            usual = sed.estimate(galaxies(mock["flux"]))
        assert decode_flags(usual["flags"][0]) == ("FAILED",)
        other = clone(sed).set_params(cosmology=self.slow).estimate(galaxies(mock["flux"]))
        assert other["log_age"][0] == pytest.approx(np.log10(4.5e8), abs=0.01)

    def test_that_of_bagpipes_by_any_name_is_the_default(self, mock):
        same = FlatLambdaCDM(H0=70.0, Om0=0.3, name="usual")
        assert estimator(cosmology=same)._settings() == estimator()._settings()
        table = galaxies(mock["flux"])
        usual, named = (tabulated(cosmology=each).estimate(table) for each in (None, same))
        assert same_bytes(usual, named)

    @pytest.mark.parametrize(
        "parameters", [{"engine": "bagpipes"}, {"engine": "tabulated", "escalate": True}]
    )
    def test_bagpipes_has_its_own(self, parameters):
        sed = BagpipesEstimator(preset="Fu", cosmology=Planck18, **parameters)
        with pytest.raises(InputError, match=r"cosmology=.*Planck18.*: take engine='tabulated'"):
            sed.estimate(galaxies([1.0] * 5))

    @pytest.mark.parametrize("value", ["Planck18", 70.0])
    def test_what_is_none_is_refused(self, value):
        with pytest.raises(InputError, match=r"cosmology must be one of astropy .* got"):
            BagpipesEstimator(preset="Fu", cosmology=value).estimate(galaxies([1.0] * 5))

    def test_clone(self):
        copy = clone(BagpipesEstimator(preset="Fu", cosmology=Planck18))
        assert copy.get_params()["cosmology"] == Planck18
        assert copy._settings()[0].cosmology == Planck18


class TestFlags:
    @staticmethod
    def posterior(**values):
        """A posterior without complaints."""
        numbers = {"chi2": 1.0, "ess": 1e3, "log_evidence": 0.0, "information": 2.0, "edge": 0.02}
        numbers["fit_probability"] = 0.4
        return posterior_of(Settings("lognormal", "Calzetti", FIXED), **(numbers | values))

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ({}, ()),
            ({"ess": 399.0}, ("LOW_ESS",)),
            ({"information": 0.5}, ("PRIOR_DOMINATED",)),
            ({"edge": 0.2}, ("AT_PRIOR_EDGE",)),
            ({"information": np.nan, "edge": np.nan}, ()),
            ({"ess": 1.0, "information": 0.0}, ("PRIOR_DOMINATED", "LOW_ESS")),
            ({"fit_probability": 1.1e-4}, ()),
            ({"fit_probability": 0.9e-4}, ("POOR_FIT",)),
            ({"chi2": 49.0}, ()),
            ({"chi2": 51.0}, ("POOR_FIT",)),
        ],
    )
    def test_of_a_posterior(self, values, expected):
        galaxy = SimpleNamespace(n_data=5)
        assert decode_flags(bagpipes._flags(galaxy, self.posterior(**values))) == expected

    def test_a_row_without_data_never_reaches_the_engine(self):
        batch = make_batch(as_sample(galaxies([np.nan] * 5)))
        estimates = BagpipesEstimator(preset="Fu", engine="bagpipes")._estimate(batch)
        assert estimates.flags[0] == FLAGS["NO_DATA"].value
        assert np.isnan(estimates.samples["A_V"]).all()

    @pytest.mark.parametrize("n_bands", [0, 1, 2, 5])
    def test_two_bands_are_the_least(self, n_bands):
        flux = np.where(np.arange(5) < n_bands, 3.0, np.nan)
        data = usable_data(make_batch(as_sample(galaxies(flux))), 0, None)
        assert (data is None) == (n_bands < 2)
        if data is not None:
            assert data.bands == BANDS[:n_bands]

    def test_priors_without_room_fail_one_row_with_a_reason(self, monkeypatch):
        def refuse(galaxy, settings):
            msg = "limits"
            raise InputError(msg)

        monkeypatch.setattr(bagpipes, "fit_galaxy", refuse)
        batch = make_batch(as_sample(galaxies([1.0] * 5)))
        with pytest.raises(RuntimeError, match=r"no model at redshift 7\.0: limits"):
            BagpipesEstimator(preset="Fu", engine="bagpipes")._estimate(batch)

    @given(st.lists(st.floats(width=32), min_size=5, max_size=5), st.floats(width=32))
    def test_only_sound_numbers_reach_the_engine(self, flux, error):
        batch = make_batch(as_sample(galaxies([1.0] * 5)))
        batch.flux[0], batch.flux_err[0] = flux, error
        data = usable_data(batch, 0, None)
        if data is not None:
            assert np.isfinite(data.flux).all()
            assert np.isfinite(data.flux_err).all()
            assert (data.flux_err > 0).all()

    @pytest.mark.parametrize(("flux", "error"), [(1e300, 1.0), (-1e300, 1.0), (1.0, 1e-300)])
    def test_numbers_beyond_double_precision_fail_with_their_band(self, flux, error):
        batch = make_batch(as_sample(galaxies([1.0] * 5)))
        batch.flux[0, 2], batch.flux_err[0, 2] = flux, error
        match = rf"flux in {BANDS[2]} must be that of a galaxy, got {flux:.3g} \+- ".replace(
            "+3", r"\+3"
        )
        with pytest.raises(RuntimeError, match=match):
            usable_data(batch, 0, None)


class TestPoorFit:
    """Galaxies that no model fits are flagged, and those of the models are not."""

    ABSURD = (100.0, 1.0, 100.0, 1.0, 100.0)

    @pytest.mark.parametrize(
        "engine", ["tabulated", pytest.param("bagpipes", marks=pytest.mark.slow)]
    )
    def test_a_spectrum_of_no_galaxy(self, mock, engine):
        table = galaxies(self.ABSURD)
        result = estimator(engine=engine).estimate(table)
        assert "POOR_FIT" in decode_flags(result["flags"][0])
        assert result["chi2"][0] > 50.0
        assert result["fit_probability"][0] < 1e-4

    def test_engines_agree_on_a_galaxy_that_fits(self, fitted, tabulated_fit):
        """Without noise chi-squared is that of two free parameters, against five of new data."""
        ours, theirs = (fit.result["fit_probability"][0] for fit in (tabulated_fit, fitted))
        assert ours == pytest.approx(1.0 - 2.0**-2.5, abs=0.04)
        assert ours == pytest.approx(theirs, abs=0.04)

    @pytest.mark.slow
    def test_spectra_count_their_pixels(self, mock):
        table = with_spectra(galaxies(mock["flux"]), mock)
        sed = estimator(resolution=None)
        assert sed.estimate(table)["fit_probability"][0] > 0.99
        table["spectrum_flux"][0, ::2] *= 3.0
        assert "POOR_FIT" in decode_flags(sed.estimate(table)["flags"][0])


class TestLimits:
    """Upper limits are part of the fit."""

    @staticmethod
    def table(flux, limit, sigmas=3.0):
        """Galaxies whose bluest band has an upper limit alone, at some number of errors."""
        table = galaxies(flux)
        table["flux_F115W"] = table["flux_err_F115W"] = np.nan * u.nJy
        table["flux_limit_F115W"] = [limit] * u.nJy
        table["flux_limit_F115W"].info.meta = {"sigma": sigmas}
        return table

    def test_what_is_fitted(self):
        batch = make_batch(as_sample(self.table([1.0, 2.0, 3.0, 4.0, 5.0], 6.0)))
        data = usable_data(batch, 0, None)
        assert data.bands == BANDS[1:]
        assert (data.limits.bands, data.n_data) == (BANDS[:1], 4)
        np.testing.assert_allclose([*data.limits.flux, *data.limits.error], [6.0, 2.0])

    def test_a_measured_flux_counts_instead(self):
        table = self.table([1.0, 2.0, 3.0, 4.0, 5.0], 6.0)
        table["flux_F115W"], table["flux_err_F115W"] = 1.0 * u.nJy, 1.0 * u.nJy
        data = usable_data(make_batch(as_sample(table)), 0, None)
        assert (data.bands, data.limits.bands) == (BANDS, ())

    @pytest.mark.parametrize(("n_measured", "is_fitted"), [(0, False), (1, True)])
    def test_one_band_must_be_measured(self, n_measured, is_fitted):
        table = self.table([3.0] * 5, 6.0)
        for band in BANDS[1 : 5 - n_measured]:
            table[f"flux_{band}"] = np.nan * u.nJy
        data = usable_data(make_batch(as_sample(table)), 0, None)
        assert (data is not None) == is_fitted

    def test_a_low_limit_means_more_dust(self, mock):
        flux = mock["flux"][0]
        low, high = (
            tabulated().estimate(self.table(mock["flux"], share * flux, 10.0))
            for share in (0.7, 100.0)
        )
        assert low["A_V"][0] > high["A_V_p84"][0]
        assert decode_flags(high["flags"][0]) == ()

    def test_a_high_limit_has_no_say(self, mock):
        table = self.table(mock["flux"], 1e6)
        with_limit = tabulated().estimate(table)
        table.remove_column("flux_limit_F115W")
        without = tabulated().estimate(table)
        assert with_limit["A_V"][0].value == pytest.approx(without["A_V"][0].value, abs=0.03)
        assert with_limit["log_evidence"][0] == pytest.approx(without["log_evidence"][0], abs=0.1)

    def test_bagpipes_itself_leaves_them_out(self):
        table = self.table([1.0, 2.0, 3.0, 4.0, 5.0], 6.0)
        with pytest.warns(DustestWarning, match="does not use upper limits"):
            estimator()._coerce(table)
        tabulated()._coerce(table)


@pytest.fixture(scope="module")
def robust_fits(mock):
    """Fits of a galaxy, with a band that is right, wrong and missing, by likelihood."""
    table = galaxies(mock["flux"], snr=30.0, redshift=[7.0, 7.0, 7.0])
    table["flux_F277W"][1] *= 3.0
    table["flux_F277W"][2] = np.nan * u.nJy
    return {
        name: tabulated(likelihood=name, error_floor=0.0).estimate(table)
        for name in ("gaussian", "robust")
    }


class TestRobust:
    """One wrong band does not decide the fit."""

    def test_the_wrong_band_is_found(self, robust_fits):
        found = robust_fits["robust"]
        assert found["outlier_F277W"][1] > 0.95
        assert max(found[f"outlier_{band}"][1] for band in BANDS if band != "F277W") < 0.1
        assert max(found[f"outlier_{band}"][0] for band in BANDS) < 0.1
        assert np.isnan(found["outlier_F277W"][2])
        assert not [
            name for name in robust_fits["gaussian"].colnames if name.startswith("outlier")
        ]

    def test_it_counts_as_if_it_were_missing(self, robust_fits):
        rows = robust_fits["robust"]
        assert rows["A_V"][1].value == pytest.approx(rows["A_V"][2].value, abs=0.1)
        assert "POOR_FIT" not in decode_flags(rows["flags"][1])
        assert "POOR_FIT" in decode_flags(robust_fits["gaussian"]["flags"][1])

    def test_good_bands_give_the_same(self, robust_fits):
        gaussian, robust = (robust_fits[name][0] for name in ("gaussian", "robust"))
        for name in ("A_V", "A_V_p16", "A_V_p84"):
            assert robust[name].value == pytest.approx(gaussian[name].value, abs=0.06)

    @pytest.mark.parametrize("parameters", [{"engine": "bagpipes"}, {"escalate": True}])
    def test_only_the_tables_have_it(self, parameters):
        with pytest.raises(InputError, match="likelihood='robust' needs engine='tabulated'"):
            BagpipesEstimator(preset="Fu", likelihood="robust", **parameters)._settings()
        with pytest.raises(InputError, match=r"fractional_error=\(0, 0.1\) needs engine='tabul"):
            BagpipesEstimator(preset="Fu", fractional_error=(0, 0.1), **parameters)._settings()


class TestCorrections:
    """Zero points and relative errors of the fit."""

    def test_zero_points_undo_what_was_wrong(self, mock):
        table = galaxies(mock["flux"])
        right = tabulated().estimate(table)
        table["flux_F277W"] *= 1.2
        table["flux_err_F277W"] *= 1.2
        mended = tabulated(zero_points={"F277W": 1.0 / 1.2}).estimate(table)
        assert mended["chi2"][0] == pytest.approx(right["chi2"][0], abs=1e-3)
        assert mended["A_V"][0].value == pytest.approx(right["A_V"][0].value, abs=0.05)

    def test_the_result_has_floors_by_band(self, mock):
        sample = as_sample(galaxies(mock["flux"]))
        sample.meta["error_floor"] = 0.07
        sed = tabulated(error_floor={"F115W": 0.1}, template_error=[(1000.0, 0.3)])
        result = sed.estimate(sample)
        floors = dict.fromkeys(BANDS, 0.07) | {"F115W": 0.1}
        assert json.loads(result.meta["error_floor"]) == floors
        assert result["A_V_information"][0] < tabulated().estimate(sample)["A_V_information"][0]

    def test_a_free_error_follows_the_scatter(self, mock):
        scatter = np.array([0.8, 1.25, 0.85, 1.2, 0.9])
        table = galaxies(mock["flux"], snr=50.0)
        loud = galaxies(mock["flux"] * scatter, snr=50.0)
        sed = tabulated(fractional_error=(0.0, 0.4), error_floor=0.0)
        quiet, noisy = (sed.estimate(one) for one in (table, loud))
        assert quiet["fractional_error_NIRCam"][0] < 0.06
        assert noisy["fractional_error_NIRCam"][0] > 0.1
        assert "POOR_FIT" not in decode_flags(noisy["flags"][0])

    def test_they_are_part_of_the_identity(self):
        given = [
            {},
            {"zero_points": {"F277W": 1.1}},
            {"error_floor": {"F277W": 0.1}},
            {"template_error": [(1000.0, 0.3)]},
            {"template_error": lambda wavelength: 0.1 + 0.0 * wavelength},
            {"likelihood": "robust"},
            {"fractional_error": (0.0, 0.2)},
        ]
        found = {tabulated(**parameters)._fingerprint(1) for parameters in given}
        assert len(found) == len(given)


class TestErrorFloor:
    """Floors of the catalogue and of the fit do not add up."""

    @staticmethod
    def data(catalogue, fit):
        """Relative errors of what is fitted, from errors of 1 % in the catalogue."""
        table = galaxies([10.0, 20.0, 30.0, 40.0, 50.0], snr=100.0)
        for band in BANDS:
            table[f"flux_err_{band}"] = 0.01 * table[f"flux_{band}"]
        sample = read_catalog(table, error_floor=catalogue)
        batch = correct(make_batch(sample), None, fit, None)
        return batch.flux_err[0] / batch.flux[0]

    @pytest.mark.parametrize(
        ("catalogue", "fit", "floor"),
        [
            (0.0, 0.05, 0.05),
            (0.05, 0.05, 0.05),
            (0.03, 0.05, 0.05),
            (0.1, 0.05, 0.1),
            (0.1, 0, 0.1),
        ],
    )
    def test_the_larger_holds(self, catalogue, fit, floor):
        np.testing.assert_allclose(self.data(catalogue, fit), np.hypot(0.01, floor), rtol=1e-12)

    @pytest.mark.parametrize(("catalogue", "floor"), [(0.0, 0.05), (0.02, 0.05), (0.2, 0.2)])
    def test_the_result_tells_it(self, mock, catalogue, floor):
        sample = as_sample(galaxies(mock["flux"]))
        sample.meta["error_floor"] = catalogue
        result = tabulated().estimate(sample)
        assert result.meta["error_floor"] == floor

    def test_the_same_errors_with_another_floor_are_another_row(self):
        sample = as_sample(galaxies([1.0] * 5))
        plain = make_batch(sample).row_keys()
        sample.meta["ERROR_FLOOR"] = 0.05  # as FITS writes it
        assert make_batch(sample).error_floor == 0.05
        assert make_batch(sample).row_keys() != plain

    def test_a_floor_that_is_none_is_refused(self):
        sample = as_sample(galaxies([1.0] * 5))
        sample.meta["error_floor"] = "5 %"
        with pytest.raises(InputError, match=r"error_floor.*must be a fraction of the flux, got"):
            make_batch(sample)


class TestBadRows:
    """Whatever is wrong with a galaxy costs that galaxy alone."""

    @staticmethod
    def table(mock):
        """One good galaxy, then one for each fault, and what the flags must hold."""
        flux = np.array(mock["flux"])
        error = np.full(5, flux.max() / 20.0)
        faults = {
            "good": (flux, error, 7.0, set()),
            "negative": (-flux, error, 7.0, {"POOR_FIT"}),
            "zero errors": (flux, 0.0 * error, 7.0, {"NO_DATA"}),
            "one zero error": (flux, error * (np.arange(5) > 0), 7.0, {"MISSING_BAND"}),
            "infinite": (flux + np.inf, error, 7.0, {"NO_DATA"}),
            "infinite errors": (flux, error + np.inf, 7.0, {"NO_DATA"}),
            "one band": (np.where(np.arange(5) < 1, flux, np.nan), error, 7.0, {"NO_DATA"}),
            "sentinels": (np.full(5, -99.0), error, 7.0, {"NO_DATA"}),
            "too bright": (flux * 1e15, error, 7.0, {"POOR_FIT"}),
            "beyond numbers": (flux * 1e250, error, 7.0, {"FAILED"}),
            "faint": (flux * 1e-30, error, 7.0, set()),
            "next to us": (flux, error, 1e-3, set()),
            "at the end": (flux, error, 20.0, set()),
            "beyond": (flux, error, np.nextafter(20.0, 21.0), {"REDSHIFT_OUT_OF_RANGE"}),
        }
        fluxes, errors, redshift, flags = zip(*faults.values(), strict=True)
        table = QTable({"id": list(faults), "redshift": np.array(redshift)})
        for k, band in enumerate(BANDS):
            table[f"flux_{band}"] = np.array(fluxes)[:, k] * u.nJy
            table[f"flux_err_{band}"] = np.array(errors)[:, k] * u.nJy
        return table, flags

    def test_each_costs_itself(self, mock, tabulated_fit):
        table, flags = self.table(mock)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DustestWarning)
            result = tabulated().estimate(table)
        for row, expected in zip(result, flags, strict=True):
            found = set(decode_flags(row["flags"]))
            assert expected <= found, (row["id"], found)
            lost = found & {"NO_DATA", "REDSHIFT_OUT_OF_RANGE", "FAILED"}
            assert np.isfinite(row["A_V"].value) == (not lost), row["id"]
        assert same_bytes(result[:1]["A_V", "chi2"], tabulated_fit.result[:1]["A_V", "chi2"])


class TestEscalation:
    """Only galaxies with too few effective samples go to the sampler."""

    ESS = (1000.0, 399.0, 400.0, 5.0)

    def posteriors(self, monkeypatch, evidence=0.0, **parameters):
        """Chi-squared of what comes out, and the galaxies that were sampled."""
        sampled = []

        def sample(galaxy, settings):
            sampled.append((galaxy.seed, settings))
            return TestFlags.posterior(chi2=-float(galaxy.seed), log_evidence=evidence, ess=5e3)

        monkeypatch.setattr(bagpipes, "fit_galaxy", sample)
        sed = tabulated(n_live=70, **parameters)
        tables = [TestFlags.posterior(ess=ess, chi2=1.0) for ess in self.ESS]
        sed._tables = [SimpleNamespace(fit=lambda *_: list(tables))]
        batch = make_batch(as_sample(galaxies([1.0] * 5, redshift=[7.0] * 4)))
        batch.seed[:] = [11, 12, 13, 14]
        estimates = sed._estimate(batch)
        return estimates.extra["chi2"].tolist(), sampled

    def test_short_rows_are_sampled_and_keep_their_places(self, monkeypatch):
        chi2, sampled = self.posteriors(monkeypatch, escalate=True)
        assert chi2 == [1.0, -12.0, 1.0, -14.0]
        assert [seed for seed, _ in sampled] == [12, 14]
        assert all(settings.n_live == 70 for _, settings in sampled)

    @pytest.mark.parametrize(
        ("evidence", "replaced"),
        [(17.4, {12, 14}), (-0.08, {12, 14}), (-0.2, {14}), (-0.8, {14}), (-1.0, set())],
    )
    def test_a_sampler_with_less_evidence_missed_a_part(self, monkeypatch, evidence, replaced):
        """Two errors of the difference are 0.10 and 0.90 for 399 and 5 effective samples."""
        chi2, _ = self.posteriors(monkeypatch, evidence, escalate=True)
        expected = [-seed if seed in replaced else 1.0 for seed in (11, 12, 13, 14)]
        assert chi2 == expected

    def test_none_is_without_being_asked(self, monkeypatch):
        assert self.posteriors(monkeypatch) == ([1.0] * 4, [])

    @pytest.mark.slow
    def test_a_threshold_that_none_reaches(self, mock, tmp_path):
        batch = make_batch(as_sample(galaxies(mock["flux"])))
        tables, reference = call(escalated, batch, FAST, cwd=tmp_path)
        assert tables.extra["log_evidence"] == pytest.approx(
            reference.extra["log_evidence"], abs=1.0
        )
        for name, draws in reference.samples.items():
            assert tables.samples[name].tobytes() == draws.tobytes()
        for name, values in reference.extra.items():
            assert tables.extra[name].tobytes() == values.tobytes()


LAWS = ("Calzetti", "SMC")


@pytest.fixture(scope="module")
def averages(mock):
    """Fits with each law, with both, and the draws of both."""
    table = galaxies(mock["flux"], redshift=[7.0, 8.0])
    extra = ("M_UV", "log_mass")
    fits = {law: tabulated(dust_law=law, extra=extra) for law in (*LAWS, LAWS)}
    found = {law: fit.estimate(table) for law, fit in fits.items()}
    return found, fits[LAWS].sample_posterior(table, 400)


class TestAverages:
    """Several laws or histories in one fit."""

    @pytest.mark.slow
    def test_evidence_is_that_of_each_law(self, averages):
        both = averages[0][LAWS]
        for law in LAWS:
            single = averages[0][law]["log_evidence"]
            np.testing.assert_allclose(both[f"log_evidence_{law}"], single, atol=1e-9)
        odds = np.exp(both["log_evidence_SMC"] - both["log_evidence_Calzetti"])
        np.testing.assert_allclose(both["probability_SMC"], odds / (1.0 + odds))

    @pytest.mark.slow
    def test_the_mean_is_weighted_by_probability(self, averages):
        """Percentiles of the mixture have as much of either posterior as the probability."""
        found, draws = averages
        both = found[LAWS]
        assert np.all(both["A_V_p16"] >= min(found[law]["A_V_p16"].min() for law in LAWS))
        for name in ("M_UV", "log_mass"):
            low, high = (np.asarray(both[name + end])[:, None] for end in ("_p16", "_p84"))
            held = (low < draws[name]) & (draws[name] < high)
            assert held.mean() == pytest.approx(0.68, abs=0.06)

    @pytest.mark.slow
    def test_draws_of_the_rest_frame_belong_to_the_same_models(self, averages):
        """A model with more dust is as bright with more mass."""
        draws = averages[1]
        assert np.corrcoef(draws["M_UV"][0], draws["log_mass"][0])[0, 1] < 0.5
        ratio = draws["A_V"][0] / draws["E_BV"][0]
        assert len(np.unique(ratio.round(6))) == 2

    def test_either_engine_fits_every_model(self, monkeypatch):
        fitted = []

        def sample(galaxy, settings):
            fitted.append((settings.sfh, settings.dust_law, settings.priors))
            return posterior_of(settings)

        monkeypatch.setattr(bagpipes, "fit_galaxy", sample)
        priors = {"delayed:tau": 0.1, "dust:Av": (0.1, 1.0)}
        sed = estimator(sfh=("delayed", "constant"), dust_law=LAWS, priors=priors)
        batch = make_batch(as_sample(galaxies([1.0] * 5)))
        estimates = sed._estimate(batch)
        assert [pair[:2] for pair in fitted] == list(product(sed.sfh, sed.dust_law))
        assert [len(own) for *_, own in fitted] == [2, 2, 1, 1]
        assert estimates.extra["probability_delayed"] == pytest.approx(0.5)

    def test_bagpipes_must_know_every_law(self):
        with pytest.raises(InputError, match="Bagpipes has no dust law 'Reddy15'"):
            estimator(dust_law=("Calzetti", "Reddy15"))._check_parameters()

    def test_references_of_all(self):
        sed = BagpipesEstimator(
            preset="Fu", sfh=("delayed", "continuity"), dust_law=("Calzetti", "Salim")
        )
        cited = Cited("sed")
        sed._cite(cited, json.loads(sed._provenance(1)["params"]))
        assert {"Calzetti2000", "Salim2018", "Leja2019"} <= {*cited.keys}

    def test_estimator_is_cloned_and_described(self):
        sed = tabulated(dust_law=[get_dust_law("SMC"), "Calzetti"])
        other = tabulated(dust_law=[get_dust_law("Calzetti"), "SMC"])
        assert clone(sed)._described() == sed._described() != other._described()


class TestPrior:
    """Draws of the prior are those of galaxies without photometry."""

    def draws(self, **parameters):
        table = galaxies([1.0, 5.0, 3.0, 2.0, 1.0], redshift=[7.0, 4.0])
        sed = BagpipesEstimator(preset="Fu", random_state=1, **parameters)
        return sed.sample_prior(table, 800, random_state=2)

    def test_shapes_and_limits(self):
        skip_without("bagpipes")
        draws = self.draws(priors={"dust:Av": (0.01, 1.0), "lognormal:massformed": (7.0, 10.0)})
        assert draws["A_V"].shape == draws["nebular:logU"].shape == (2, 800)
        for name, low, high in (("log_mass_formed", 7.0, 10.0), ("nebular:logU", -4.0, -2.0)):
            place = (draws[name] - low) / (high - low)
            assert np.quantile(place, (0.25, 0.5, 0.75)) == pytest.approx(
                (0.25, 0.5, 0.75), abs=0.05
            )
        assert np.median(np.log10(draws["A_V"])) == pytest.approx(-1.0, abs=0.05)
        # The Universe is older at the lower redshift.
        assert np.max(draws["log_age"][0]) < np.max(draws["log_age"][1])

    def test_joint_priors_and_laws(self):
        skip_without("bagpipes")
        joint = ("slope_of_A_V", "A_V_of_mass")
        draws = self.draws(dust_law=("SMC", "Salim"), joint_priors=joint)
        assert np.mean(draws["dust_law"]) == pytest.approx(0.5, abs=0.06)
        slope, a_v = draws["dust:delta"].ravel(), draws["A_V"].ravel()
        steep, flat = (np.nanmedian(slope[one]) for one in (a_v < 0.1, a_v > 0.8))
        assert steep < -0.4 < -0.2 < flat
        massive = draws["log_mass"] > 11.0
        assert np.median(draws["A_V"][massive]) == pytest.approx(1.0, abs=0.15)

    def test_spectra_alone_have_the_prior_of_photometry(self, mock):
        skip_without("bagpipes")
        table = with_spectra(galaxies(mock["flux"]), mock)
        sed = BagpipesEstimator(preset="Fu", random_state=1)
        first = sed.sample_prior(table, 300)["A_V"]
        table.remove_columns([name for name in table.colnames if name.startswith("flux")])
        other = sed.sample_prior(table, 300)["A_V"]
        assert np.median(np.log10(other)) == pytest.approx(np.median(np.log10(first)), abs=0.3)


PLAIN_COLUMNS = {
    name + level for name in ("A_V", "E_BV", "R_V", "log_sSFR") for level in ("", "_p16", "_p84")
} | {
    "id",
    "flags",
    "log_mass",
    "chi2",
    "ess",
    "log_evidence",
    "A_V_information",
    "fit_probability",
}


def expected_columns(*, free_redshift):
    """Names and units of the columns that come on request."""
    plain = ["A_V_flat", "A_V_log10", "log_SFR_10", "log_SFR_100", "log_age"]
    plain += ["redshift"] if free_redshift else []
    spread = [*plain, "log_mass"]
    names = plain + [f"{name}_{level}" for name in spread for level in ("p16", "p84")]
    units = {name: u.mag if name.startswith("A_V") else None for name in names}
    fluxes = [f"{kind}_{band}" for kind in ("model", "dust_free") for band in BANDS]
    spectra = ["SED", "SED_dust_free", "SED_p16", "SED_p84"]
    seds = dict.fromkeys([*fluxes, *spectra], u.nJy)
    return units | seds | {"SED_wavelength": u.AA, "redshift_samples": None}


def with_extras(mock, engine, **parameters):
    """Fits of a galaxy and of one without data, with all columns that there are."""
    table = galaxies(mock["flux"], redshift=[7.0, 7.0])
    table["redshift_err"] = [0.1, 0.1]
    for band in BANDS:
        table[f"flux_{band}"][1] = np.nan * u.nJy
    table["flux_F115W"][0] = np.nan * u.nJy
    extra = ("redshift", "priors", "history", "sed")
    return estimator(engine=engine, extra=extra, **parameters).estimate(table), table


@pytest.fixture(scope="module", params=["bagpipes", "tabulated"])
def extras(request, mock):
    return with_extras(mock, request.param)


class TestExtras:
    def check_columns(self, result, *, free_redshift):
        expected = expected_columns(free_redshift=free_redshift)
        assert set(result.colnames) - PLAIN_COLUMNS == set(expected)
        assert {name: result[name].unit for name in expected} == expected

    def test_names_and_units(self, extras):
        self.check_columns(extras[0], free_redshift=False)

    def test_quantiles_are_in_order(self, extras):
        row = extras[0][0]
        for name in expected_columns(free_redshift=False):
            middle = name.removesuffix("_p16")
            if middle == "SED":  # the best model, which has no percentiles of its own
                assert np.all(row["SED_p16"] <= row["SED_p84"])
            elif name.endswith("_p16"):
                assert row[name] <= row[middle] <= row[f"{middle}_p84"]

    def test_draws_keep_them_with_the_data(self, mock):
        table = galaxies(mock["flux"], redshift=[7.0])
        table["flux_F115W"][0] = np.nan * u.nJy
        result = estimator(engine="tabulated").estimate(table, draws=5)
        assert result["fitted_redshift"][0] == 7.0
        assert np.isnan(result["fitted_flux_F115W"][0])
        band = BANDS[-1]
        flux, error = (table[f"{kind}_{band}"][0].value for kind in ("flux", "flux_err"))
        names = (f"fitted_flux_{band}", f"fitted_flux_err_{band}", f"model_{band}")
        fitted, fitted_error, model = (result[name][0].value for name in names)
        assert fitted == pytest.approx(flux)
        assert fitted_error == pytest.approx(np.hypot(error, 0.05 * flux))
        assert model == pytest.approx(flux, rel=0.2)
        assert np.all(result["SED_p16"] <= result["SED_p84"])
        assert "fitted_wavelength" not in result.colnames

    def test_other_priors(self, extras):
        row = extras[0][0]
        for quantity in ("A_V_flat", "A_V_log10"):
            assert row[quantity].value == pytest.approx(TRUE_A_V, abs=0.15)
        # The prior of the fit is the logarithmic one.
        for level in ("", "_p16", "_p84"):
            ours, theirs = row[f"A_V_log10{level}"].value, row[f"A_V{level}"].value
            assert ours == pytest.approx(theirs, abs=0.01)
        assert row["A_V_flat"] > row["A_V_log10"]

    def test_history(self, extras):
        row = extras[0][0]
        assert row["log_SFR_100"] == pytest.approx(row["log_sSFR"] + row["log_mass"], abs=1e-6)
        # A lognormal whose maximum lies 0.16 Gyr ago in the Universe of 0.75 Gyr.
        assert 7.8 < row["log_age"] < 8.7

    def test_best_model_has_the_chi_squared_of_the_table(self, extras):
        result, table = extras
        chi2 = 0.0
        for band in BANDS[1:]:
            flux, error = table[f"flux_{band}"][0], table[f"flux_err_{band}"][0]
            pull = (result[f"model_{band}"][0] - flux) / np.hypot(error, 0.05 * flux)
            chi2 += pull.to_value(u.one) ** 2
        # Photometry is right to some 5e-6, which is 1e-4 of an error of 5 %.
        assert chi2 == pytest.approx(result["chi2"][0], rel=1e-4, abs=1e-4)

    def test_dust_takes_light(self, extras):
        row = extras[0][0]
        for band in BANDS[1:]:
            assert row[f"dust_free_{band}"] > row[f"model_{band}"]
        assert np.all(row["SED_dust_free"] >= row["SED"])
        assert np.any(row["SED_dust_free"] > row["SED"])

    def test_the_spectrum_covers_the_bands(self, extras):
        wavelength = extras[0]["SED_wavelength"][0].value
        assert wavelength.shape == (500,)
        steps = np.diff(np.log(wavelength))
        np.testing.assert_allclose(steps, steps.mean())
        assert wavelength[0] < 1.02e4
        assert wavelength[-1] > 4.98e4

    def test_a_band_without_flux_has_no_model(self, extras):
        for name in ("model_F115W", "dust_free_F115W"):
            assert np.isnan(extras[0][name][0])

    def test_a_row_without_data_has_nothing(self, extras):
        result = extras[0]
        assert "NO_DATA" in decode_flags(result["flags"][1])
        for name in expected_columns(free_redshift=False):
            if name != "SED_wavelength":
                assert np.isnan(result[name][1]).all(), name
        assert result["SED"].shape == (2, 500)

    @pytest.mark.slow
    @pytest.mark.parametrize("engine", ["bagpipes", "tabulated"])
    def test_free_redshift(self, mock, engine):
        result, _ = with_extras(mock, engine, redshift="free")
        self.check_columns(result, free_redshift=True)
        quantiles = [result[name][0] for name in ("redshift_p16", "redshift", "redshift_p84")]
        assert 6.7 < quantiles[0] < quantiles[1] < quantiles[2] < 7.3
        assert np.isnan(result["redshift"][1])

    @pytest.mark.slow
    def test_engines_agree(self, mock):
        ours, theirs = (with_extras(mock, engine)[0][0] for engine in ("tabulated", "bagpipes"))
        for name, tolerance in {
            "A_V_flat": 0.05,
            "A_V_flat_p16": 0.05,
            "A_V_flat_p84": 0.05,
            "A_V_log10_p16": 0.05,
            "log_SFR_10": 0.03,
            "log_SFR_100": 0.03,
            "log_age": 0.01,
            "log_mass_p16": 0.03,
        }.items():
            assert u.Quantity(ours[name]).value == pytest.approx(
                u.Quantity(theirs[name]).value, abs=tolerance
            ), name
        for name in [f"model_{band}" for band in BANDS[1:]]:
            assert (ours[name] / theirs[name]).value == pytest.approx(1.0, abs=0.02)
        np.testing.assert_allclose(
            (ours["SED_dust_free"] / ours["SED"]).value[100:],
            (theirs["SED_dust_free"] / theirs["SED"]).value[100:],
            rtol=0.1,
        )


class TestParameters:
    def test_rest_frame_quantities_need_models_that_the_tables_have(self):
        outside = {"engine": "bagpipes", "priors": {"nebular:fesc": 0.2}}
        BagpipesEstimator(
            preset="Fu", extra=("log_mass", "log_age"), **outside
        )._check_parameters()
        for asked in ({"extra": ("A_1600", "M_UV")}, {"targets": ("M_UV", "A_1600")}):
            with pytest.raises(
                InputError, match=r"computes A_1600, M_UV from tables.*nebular:fesc"
            ):
                BagpipesEstimator(preset="Fu", **asked, **outside)._check_parameters()

    def test_defaults_are_sound(self):
        (settings,) = BagpipesEstimator(preset="Fu")._settings()
        assert settings.sfr_timescale == pytest.approx(1e8)
        assert (settings.sfh, settings.n_live) == ("lognormal", 2000)

    @pytest.mark.parametrize(
        "timescale",
        [10, 10.0, 10 * u.Myr, 0.01 * u.Gyr, "10 Myr", Column([1e7], unit="yr")],
        ids=str,
    )
    def test_timescale(self, timescale):
        (settings,) = BagpipesEstimator(preset="Fu", sfr_timescale=timescale)._settings()
        assert settings.sfr_timescale == pytest.approx(1e7)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("engine", "prospector"),
            ("sfh", "parametric"),
            ("dust_law", "Kriek"),
            ("redshift", "photometric"),
            ("sfr_timescale", 0),
            ("sfr_timescale", np.nan),
            ("sfr_timescale", 100 * u.mag),
            ("sfr_timescale", [10, 100] * u.Myr),
            ("sfr_timescale", "long"),
            ("sfr_timescale", MaskedColumn([100.0], mask=[True], unit="Myr")),
            ("sfr_timescale", True),
            ("sfh", []),
            ("sfh", ["delayed", "delayed"]),
            ("dust_law", []),
            ("resolution", np.array([100.0, 200.0])),
            ("escalate", "no"),
            ("extra", None),
            ("error_floor", 5),
            ("priors", [("dust:Av", 1.0)]),
            ("error_floor", -0.1),
            ("error_floor", None),
            ("error_floor", {"F277W": 5}),
            ("likelihood", "student"),
            ("fractional_error", 0.1),
            ("fractional_error", (0.2, 0.1)),
            ("fractional_error", (0.0, 2.0)),
            ("zero_points", {"F277W": -1.0}),
            ("template_error", "eazy"),
            ("n_live", 10),
            ("n_live", 100.0),
            ("n_effective", -1),
            ("resolution", 0.0),
            ("resolution", "grism"),
            ("timeout", -1.0),
            ("timeout", 0.0),
            ("memory_limit", 2e9),
            ("extra", "sed"),
            ("extra", ("sed", "history", "colours")),
        ],
    )
    def test_nonsense_is_refused_by_name(self, name, value):
        with pytest.raises(InputError, match=name):
            BagpipesEstimator(preset="Fu", **{name: value})._settings()

    def test_unknown_engine_is_told_to_the_caller(self):
        with pytest.raises(InputError, match="engine must be one of tabulated, bagpipes, got"):
            BagpipesEstimator(preset="Fu", engine="fast").estimate(galaxies([1.0] * 5))

    @pytest.mark.parametrize(
        ("parameters", "meant"),
        [
            ({"sfh": "lognorml"}, "lognormal"),
            ({"sfh": "delayd"}, "delayed"),
            ({"dust_law": "Calzeti"}, "Calzetti"),
            ({"engine": "bagpipe"}, "bagpipes"),
            ({"redshift": "Free"}, "free"),
            ({"resolution": "Prisma"}, "prism"),
            ({"extra": ("prior",)}, "priors"),
            ({"sfr_timescale": "100 Myrs"}, "Myr"),
            ({"priors": {"dust:AV": 1.0}}, "dust:Av"),
            ({"priors": {"A_V": 1.0}}, "dust:Av"),
            ({"priors": {"logU": -2.0}}, "nebular:logU"),
            ({"priors": {"dust:Av_prior": "log10"}}, "log_10"),
            ({"priors": {"lognormal:tmax": (0.1, "age_of_univers")}}, "age_of_universe"),
        ],
        ids=str,
    )
    def test_near_misses_are_named_before_anything_is_done(
        self, monkeypatch, tmp_path, parameters, meant
    ):
        monkeypatch.setattr("dustest.estimators.run.runner.run_in_workers", None)
        sed = BagpipesEstimator(preset="Fu", **parameters)
        with pytest.raises(InputError, match=f"did you mean '{meant}'"):
            sed.estimate(galaxies([1.0] * 5), output=tmp_path / "sed.fits")
        assert not list(tmp_path.iterdir())

    def test_targets_are_refused_before_anything_is_done(self, monkeypatch):
        monkeypatch.setattr("dustest.estimators.run.runner.run_in_workers", None)
        for targets in ("log_sSRF", ("A_V", "log_sSRF")):
            with pytest.raises(InputError, match=r"targets must be .* did you mean 'log_sSFR'"):
                BagpipesEstimator(preset="Fu", targets=targets).predict(galaxies([1.0] * 5))

    def test_priors_for_an_older_universe_are_sound(self):
        """At redshift 2 the Universe is 3.2 Gyr old, at 7 it is 0.75."""
        BagpipesEstimator(
            preset="Fu", priors={"lognormal:tmax": (1.0, "age_of_universe")}
        )._check_parameters()

    def test_the_same_time_is_the_same_fit(self):
        times = [100.0, 100 * u.Myr, 0.1 * u.Gyr, "100 Myr"]
        found = {
            BagpipesEstimator(preset="Fu", sfr_timescale=t)._settings()[0].sfr_timescale
            for t in times
        }
        assert found == {1e8}

    def test_clone_and_representation(self):
        original = BagpipesEstimator(
            preset="Fu", sfr_timescale=10 * u.Myr, priors={"dust:Av": (0.1, 1.0)}
        )
        copy = clone(original)
        assert copy.get_params() == original.get_params()
        assert "sfr_timescale" in repr(original)
        assert "BagpipesEstimator" in original._repr_html_()


class TestDrawModels:
    def test_models_of_the_prior(self):
        skip_without("bagpipes", "nautilus")
        sed = BagpipesEstimator(preset="Fu", priors={"dust:Av": (0.1, 10.0)}, random_state=1)
        models = sed.draw_models(512, ["f200w", "F444W"], [4.0, 7.0])
        assert models.colnames[:3] == ["redshift", "flux_F200W", "flux_F444W"]
        assert models["flux_F444W"].unit == u.nJy
        assert models["A_V"].unit == u.mag
        assert np.unique(models["redshift"]).tolist() == [4.0, 7.0]
        # Flat in the logarithm, from 0.1 to 10 mag; the mass formed from 1e5 to 1e12.
        place = 0.5 * (np.log10(models["A_V"].value) + 1.0)
        assert np.quantile(place, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.02)
        assert np.median(models["log_mass_formed"]) == pytest.approx(8.5, abs=0.1)
        assert (models["log_mass"] < models["log_mass_formed"]).all()
        forming = models["log_sSFR"] > -14.0
        rate = models["log_SFR_100"] - models["log_mass"]
        assert np.asarray(rate[forming]) == pytest.approx(np.asarray(models["log_sSFR"][forming]))
        # Calzetti dust of the same shape and mass makes galaxies red.
        red = models["flux_F444W"] / models["flux_F200W"]
        assert np.median(red[place > 0.8]) > 2.0 * np.median(red[place < 0.2])

    def test_are_fitted_at_redshift_12_in_bands_of_miri(self):
        skip_without("bagpipes", "nautilus")
        bands = ("F200W", "F277W", "F356W", "F444W", "F560W", "F770W", "F1000W")
        sed = BagpipesEstimator(preset="Fu", priors={"dust:Av": (0.5, 2.0)}, random_state=1)
        models = sed.draw_models(64, bands, 12.0)[:12]
        sample = GalaxySample({"id": np.arange(12), "redshift": models["redshift"]})
        for band in bands:
            sample[f"flux_{band}"] = models[f"flux_{band}"]
            sample[f"flux_err_{band}"] = 0.02 * models[f"flux_{band}"]
        table = sed.estimate(sample)
        assert (table["fit_probability"] > 0.5).all()
        assert np.abs(table["log_mass"] - models["log_mass"]).max() < 0.5
        inside = (table["A_V_p16"] <= models["A_V"]) & (models["A_V"] <= table["A_V_p84"])
        assert np.count_nonzero(inside) >= 6

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((0, ["F200W"], 7.0), "n must be a whole number from 1"),
            ((8, ["F20W"], 7.0), "F200W"),
            ((8, ["F200W"], "high"), "redshift must hold numbers"),
            ((8, ["F200W"], -1.0), "redshift must be numbers from 0.001"),
        ],
    )
    def test_mistakes(self, arguments, message):
        with pytest.raises(InputError, match=message):
            BagpipesEstimator(preset="Fu").draw_models(*arguments)

    @pytest.mark.parametrize(
        "parameters",
        [{"dust_law": ("Calzetti", "SMC")}, {"joint_priors": ("main_sequence",)}],
    )
    def test_needs_one_model(self, parameters):
        with pytest.raises(
            InputError, match=r"draw_models needs one sfh, one .*without joint_priors"
        ):
            BagpipesEstimator(preset="Fu", **parameters).draw_models(8, "F200W", 7.0)


@pytest.fixture(scope="module")
def models_of_the_prior():
    models = BagpipesEstimator(preset="Fu").draw_models(
        64, ["F115W", "F150W", "F200W", "F277W", "F356W", "F444W"], 7.0, random_state=192801
    )
    rng = np.random.default_rng(192802)
    chosen = models[np.argsort(models["A_V"])[30::3]]
    columns = {"id": np.arange(len(chosen)), "redshift": chosen["redshift"]}
    for name in [one for one in chosen.colnames if one.startswith("flux_")]:
        flux = 100.0 * chosen[name] / chosen["flux_F444W"]
        error = np.full(len(flux), 7.0)
        columns[name] = (flux.value + error * rng.normal(size=len(flux))) * u.nJy
        columns[name.replace("flux_", "flux_err_")] = error * u.nJy
    return as_sample(columns)


@pytest.mark.slow
class TestUnder:
    """Weights by another prior against fits with this prior."""

    def test_a_flat_prior_of_the_attenuation(self, models_of_the_prior):
        flat = {"dust:Av": (0.0, 10.0), "dust:Av_prior": "uniform"}
        options = {"extra": ("log_mass",), "random_state": 1}
        table = BagpipesEstimator(preset="Fu", **options).estimate(models_of_the_prior, draws=1000)
        expected = BagpipesEstimator(preset="Fu", priors=flat, **options).estimate(
            models_of_the_prior
        )
        assert '"A_V": "closed form"' in table.meta["prior"]
        found = table.under({"A_V": stats.uniform(0.0, 10.0)})
        good = found["under_ess"] > 50
        assert np.count_nonzero(good) >= 8
        for name in ("A_V", "log_sSFR", "log_mass"):
            values = [np.asarray(one[name], float)[good] for one in (found, table, expected)]
            low, high = (
                np.asarray(expected[f"{name}_{end}"], float)[good] for end in ("p16", "p84")
            )
            moved = np.abs(values[0] - values[2]) / (high - low)
            before = np.abs(values[1] - values[2]) / (high - low)
            assert np.median(moved) < 0.08
            assert np.median(moved) < 0.5 * np.median(before)

    def test_a_narrow_prior_of_the_mass(self, models_of_the_prior):
        table = BagpipesEstimator(preset="Fu", extra=("log_mass",), random_state=1).estimate(
            models_of_the_prior, draws=1000
        )
        # The old prior of the mass is nearly flat, so that a Gaussian multiplies the posterior.
        centre = float(np.median(table["log_mass"]))
        found = table.under({"log_mass": stats.norm(centre, 0.2)})
        draws = np.asarray(table["log_mass_draws"])
        weight = stats.norm(centre, 0.2).pdf(draws)
        expected = np.sum(weight * draws, axis=1) / weight.sum(axis=1)
        good = found["under_ess"] > 50
        means = np.asarray(found["log_mass_draws"]).mean(axis=1)
        assert means[good] == pytest.approx(expected[good], abs=0.03)
