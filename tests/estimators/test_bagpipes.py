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
from dustest.estimators._bagpipes_fit import N_DRAWS, Posterior
from dustest.estimators.batch import make_batch

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
