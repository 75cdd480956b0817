import json
import os
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from dustest import BagpipesEstimator
from dustest.data import as_sample
from dustest.data.errors import DustestWarning, InputError
from dustest.data.flags import FLAGS, decode_flags
from dustest.estimators import bagpipes
from dustest.estimators._sed_posterior import N_DRAWS, Posterior
from dustest.estimators.batch import make_batch
from dustest.testing import check_estimator, make_check_sample

BANDS = ("F115W", "F200W", "F277W", "F356W", "F444W")
TRUE_A_V = 0.5
TRUE_LOG_MASS_FORMED = 9.0
SHAPE = {"lognormal:tmax": 0.6, "lognormal:fwhm": 0.3, "lognormal:metallicity": 0.2}
FIXED = SHAPE | {"nebular:logU": -2.5}


def estimator(**parameters):
    """A quick fit of A_V and mass alone."""
    defaults = {"n_live": 50, "n_effective": 400, "random_state": 1, "priors": FIXED}
    return BagpipesEstimator(**(defaults | parameters))


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
    if not (find_spec("bagpipes") and find_spec("nautilus")):
        pytest.skip("bagpipes or nautilus is not installed")
    folder = tmp_path_factory.mktemp("mock")
    code = f"""
        import json, os, sys
        import numpy as np
        from sedpy.observate import load_filters
        answers, sys.stdout = sys.stdout, open(os.devnull, "w")
        import bagpipes
        paths = []
        for band in load_filters(["jwst_" + name.lower() for name in {BANDS}]):
            paths.append(band.name + ".txt")
            np.savetxt(paths[-1], np.column_stack([band.wavelength, band.transmission]))
        history = {{"tmax": 0.6, "fwhm": 0.3, "metallicity": 0.2,
                    "massformed": {TRUE_LOG_MASS_FORMED}}}
        wavelength = np.linspace(1.2e4, 4e4, 60)
        model = bagpipes.model_galaxy(
            {{"redshift": 7.0, "lognormal": history, "nebular": {{"logU": -2.5}},
              "dust": {{"type": "Calzetti", "Av": {TRUE_A_V}}}}},
            filt_list=paths, phot_units="mujy", spec_wavs=wavelength)
        json.dump({{"flux": (1e3 * model.photometry).tolist(), "log_ssfr": model.sfh.ssfr,
                    "log_mass": model.sfh.stellar_mass,
                    "wavelength": wavelength.tolist(),
                    "spectrum": model.spectrum[:, 1].tolist()}}, answers)
    """
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(answer.stdout)


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
    table = galaxies(mock["flux"], redshift=[7.0, 7.0, 7.0, 7.0, np.nan, -1.0, 15.0])
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
        other = tabulated(random_state=2).estimate(tabulated_fit.table[:1])
        assert other["A_V"][0] != tabulated_fit.result["A_V"][0]
        assert other["A_V"][0].value == pytest.approx(TRUE_A_V, abs=0.1)

    def test_priors_without_room_fail_their_rows_alone(self, mock):
        priors = FIXED | {"lognormal:tmax": (0.6, "age_of_universe")}
        table = galaxies(mock["flux"], redshift=[7.0, 10.0])
        with pytest.warns(DustestWarning, match="1 of 2 .*: no model at redshift 10: priors"):
            result = tabulated(priors=priors).estimate(table)
        assert np.isfinite(result["A_V"][0])
        assert decode_flags(result["flags"][1]) == ("FAILED",)

    def test_spectra_are_refused(self, mock):
        table = galaxies(mock["flux"])
        unit = u.erg / u.s / u.cm**2 / u.AA
        table["spectrum_wavelength"] = [mock["wavelength"]] * u.AA
        table["spectrum_flux"] = [mock["spectrum"]] * unit
        table["spectrum_flux_err"] = 0.05 * table["spectrum_flux"]
        with pytest.raises(InputError, match="fits photometry alone, but the sample has spectra"):
            tabulated().estimate(table)

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"redshift": "free"}, "redshift='free' needs engine='bagpipes'"),
            ({"dust_law": "Salim"}, "cannot fit dust:B, dust:delta: fix the shape"),
            ({"dust_law": "Salim", "priors": {"dust:B": 1.0}}, "cannot fit dust:delta: fix"),
            ({"dust_law": "CF00"}, "cannot fit dust:n: fix"),
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
            BagpipesEstimator(engine="tabulated", **parameters)._settings()

    @pytest.mark.parametrize(
        "parameters",
        [
            {},
            {"dust_law": "Salim", "priors": {"dust:delta": -0.2, "dust:B": 0.0}},
            {"dust_law": "CF00", "priors": {"dust:n": 0.7}},
            {"sfh": "double_delayed"},
            {"sfh": "delayed_burst"},
            {"sfh": "continuity"},
            {"priors": {"t_bc": 0.02, "dust:eta": (1.0, 2.0)}},
        ],
    )
    def test_what_tables_can_do_is_not(self, parameters):
        BagpipesEstimator(engine="tabulated", **parameters)._settings()

    def test_batches(self):
        assert BagpipesEstimator().batch_size == 1
        assert BagpipesEstimator(engine="tabulated").batch_size > 1

    @pytest.mark.slow
    def test_it_keeps_the_contract(self):
        sample, truth = make_check_sample()
        photometry = [name for name in sample.colnames if name.startswith(("id", "flux", "red"))]
        sed = BagpipesEstimator(engine="tabulated")
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
            BagpipesEstimator(engine=engine, priors=priors, n_live=400, random_state=1).estimate(
                table
            )[0]
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


class TestFlags:
    @staticmethod
    def posterior(**values):
        """A posterior without complaints."""
        draws = np.full(N_DRAWS, 0.3)
        good = {"chi2": 1.0, "ess": 1000.0, "log_evidence": 0.0, "information": 2.0, "edge": 0.02}
        return Posterior(draws, draws / 4.05, draws - 9.0, draws + 9.0, **(good | values))

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ({}, ()),
            ({"ess": 399.0}, ("LOW_ESS",)),
            ({"information": 0.5}, ("PRIOR_DOMINATED",)),
            ({"edge": 0.2}, ("AT_PRIOR_EDGE",)),
            ({"information": np.nan, "edge": np.nan}, ()),
            ({"ess": 1.0, "information": 0.0}, ("PRIOR_DOMINATED", "LOW_ESS")),
        ],
    )
    def test_of_a_posterior(self, values, expected):
        assert decode_flags(bagpipes._flags(self.posterior(**values))) == expected

    def test_a_row_without_data_never_reaches_the_engine(self):
        batch = make_batch(as_sample(galaxies([np.nan] * 5)))
        estimates = BagpipesEstimator()._estimate(batch)
        assert estimates.flags[0] == FLAGS["NO_DATA"].value
        assert np.isnan(estimates.samples["A_V"]).all()

    @pytest.mark.parametrize("n_bands", [0, 1, 2, 5])
    def test_two_bands_are_the_least(self, n_bands):
        flux = np.where(np.arange(5) < n_bands, 3.0, np.nan)
        data = bagpipes._usable_data(make_batch(as_sample(galaxies(flux))), 0)
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
            BagpipesEstimator()._estimate(batch)

    @given(st.lists(st.floats(width=32), min_size=5, max_size=5), st.floats(width=32))
    def test_only_sound_numbers_reach_the_engine(self, flux, error):
        batch = make_batch(as_sample(galaxies([1.0] * 5)))
        batch.flux[0], batch.flux_err[0] = flux, error
        data = bagpipes._usable_data(batch, 0)
        if data is not None:
            assert np.isfinite(data.flux).all()
            assert np.isfinite(data.flux_err).all()
            assert (data.flux_err > 0).all()


class TestParameters:
    def test_defaults_are_sound(self):
        settings = BagpipesEstimator()._settings()
        assert settings.sfr_timescale == pytest.approx(1e8)
        assert (settings.sfh, settings.n_live, settings.error_floor) == ("lognormal", 400, 0.05)

    @pytest.mark.parametrize("timescale", [10, 10.0, 10 * u.Myr, 0.01 * u.Gyr])
    def test_timescale(self, timescale):
        settings = BagpipesEstimator(sfr_timescale=timescale)._settings()
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
            ("priors", [("dust:Av", 1.0)]),
            ("error_floor", -0.1),
            ("error_floor", None),
            ("n_live", 10),
            ("n_live", 100.0),
            ("n_effective", -1),
            ("resolution", 0.0),
            ("resolution", "grism"),
            ("timeout", -1.0),
        ],
    )
    def test_nonsense_is_refused_by_name(self, name, value):
        with pytest.raises(InputError, match=name):
            BagpipesEstimator(**{name: value})._settings()

    def test_unknown_engine_is_told_to_the_caller(self):
        with pytest.raises(InputError, match="engine must be one of bagpipes, tabulated, got"):
            BagpipesEstimator(engine="fast").estimate(galaxies([1.0] * 5))

    def test_clone_and_representation(self):
        original = BagpipesEstimator(sfr_timescale=10 * u.Myr, priors={"dust:Av": (0.1, 1.0)})
        copy = clone(original)
        assert copy.get_params() == original.get_params()
        assert "sfr_timescale" in repr(original)
        assert "BagpipesEstimator" in original._repr_html_()
