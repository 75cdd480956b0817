"""Fits of spectra and emission lines by the tables."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from bagpipes_models import lognormal_galaxy
from packages import skip_without
from warm_process import call

from dustest import BagpipesEstimator
from dustest.data.errors import DustestWarning, InputError
from dustest.data.flags import decode_flags

pytestmark = pytest.mark.usefixtures("warm_workers")

BANDS = ("F115W", "F200W", "F277W", "F356W", "F444W")
TRUE_A_V = 0.5
FIXED = {
    "lognormal:tmax": 0.6,
    "lognormal:fwhm": 0.3,
    "lognormal:metallicity": 0.2,
    "nebular:logU": -2.5,
}
UNIT = u.erg / u.s / u.cm**2 / u.AA
LINE = u.erg / u.s / u.cm**2


@pytest.fixture(scope="module")
def mock(tmp_path_factory):
    """Photometry, a spectrum without broadening, and lines by Bagpipes itself."""
    skip_without("bagpipes")
    return call(lognormal_galaxy, BANDS, TRUE_A_V, 9.0, cwd=tmp_path_factory.mktemp("mock"))


def estimator(**parameters):
    """A fit of A_V and mass alone."""
    usual = {"preset": "Fu", "priors": FIXED, "resolution": None, "random_state": 1}
    return BagpipesEstimator(**(usual | parameters))


def photometry(mock, snr=20.0):
    """A table with the fluxes of one galaxy."""
    table = QTable({"id": [1], "redshift": [7.0]})
    for band, value in zip(BANDS, mock["flux"], strict=True):
        table[f"flux_{band}"] = [value] * u.nJy
        table[f"flux_err_{band}"] = [max(mock["flux"]) / snr] * u.nJy
    return table


def with_spectrum(table, mock, *, error=0.05, noise=0.0, shape=1.0):
    """The table with the spectrum, noise in units of its errors, and a factor by pixel."""
    flux = np.array(mock["spectrum"])
    errors = np.full(flux.size, error * np.median(flux))
    drawn = noise * errors * np.random.default_rng(210180).standard_normal(flux.size)
    table["spectrum_wavelength"] = [mock["wavelength"]] * u.AA
    table["spectrum_flux"] = [flux * shape + drawn] * UNIT
    table["spectrum_flux_err"] = [errors] * UNIT
    return table


class TestSpectra:
    @pytest.mark.parametrize("alone", [True, False])
    def test_truth_is_recovered(self, mock, alone):
        table = QTable({"redshift": [7.0]}) if alone else photometry(mock)
        row = estimator().estimate(with_spectrum(table, mock), draws=20)[0]
        assert np.all(np.isfinite(row["A_V_log_prior"]))
        assert row["A_V"].value == pytest.approx(TRUE_A_V, abs=0.05)
        assert row["log_mass"] == pytest.approx(mock["log_mass"], abs=0.03)
        assert row["chi2"] < 2.0
        assert decode_flags(row["flags"]) == ()

    def test_spectrum_of_the_posterior(self, mock):
        slope = np.linspace(0.8, 1.2, len(mock["wavelength"]))
        table = with_spectrum(photometry(mock), mock, noise=1.0, shape=slope)
        fit = estimator(flux_calibration=(0.3,), extra=("spectrum",))
        row = fit.estimate(table)[0]
        truth = np.array(mock["spectrum"]) * slope
        red = np.array(mock["wavelength"]) > 1.0e4
        error = row["predicted_spectrum_err"].to_value(UNIT)
        pull = ((row["predicted_spectrum"].to_value(UNIT) - truth) / error)[red]
        assert np.median(np.abs(pull)) < 1.5
        assert np.all(error[red] < 0.03 * truth.max())
        assert "predicted_spectrum" not in fit.estimate(photometry(mock)).colnames

    def test_a_spectrum_narrows_the_posterior(self, mock):
        widths = [
            (row["A_V_p84"] - row["A_V_p16"]).value
            for row in (
                estimator().estimate(photometry(mock))[0],
                estimator().estimate(with_spectrum(photometry(mock), mock))[0],
            )
        ]
        assert widths[1] < 0.6 * widths[0]

    def test_slit_loss_and_calibration_are_found(self, mock):
        place = np.linspace(-1.0, 1.0, 60)
        table = with_spectrum(photometry(mock, 100.0), mock, error=0.02, shape=0.8 + 0.1 * place)
        free = estimator(slit_loss=0.3, flux_calibration=(0.2,), error_floor=0.0)
        result = free.estimate(table, draws=200)
        assert result["A_V"][0].value == pytest.approx(TRUE_A_V, abs=0.1)
        assert result["log_mass"][0] == pytest.approx(mock["log_mass"], abs=0.05)
        for order, value in enumerate((-0.2, 0.1)):
            draws = result[f"spectrum:calibration_{order}_draws"][0]
            assert np.mean(draws) == pytest.approx(value, abs=3.0 * np.std(draws) + 0.01)
            assert np.std(draws) < 0.1
        stiff = estimator(error_floor=0.0).estimate(table)
        assert "POOR_FIT" in decode_flags(stiff["flags"][0])

    def test_noise_scale_is_found(self, mock):
        table = with_spectrum(photometry(mock), mock, noise=2.0)
        result = estimator(noise_scale=(0.5, 5.0)).estimate(table, draws=200)
        draws = result["spectrum:noise_scale_draws"][0]
        assert np.mean(draws) == pytest.approx(2.0, abs=0.5)
        assert result["fit_probability"][0] > 1e-3

    def test_pixels_at_lyman_alpha_are_left_out(self, mock):
        table = with_spectrum(QTable({"redshift": [10.5]}), mock)
        absorbed = np.asarray(mock["wavelength"]) < 1280.0 * 11.5
        changed = table.copy()
        changed["spectrum_flux"][0, absorbed] *= 7.0
        # Without the age of the history, which exceeds that of the Universe.
        priors = {name: value for name, value in FIXED.items() if name != "lognormal:tmax"}
        found = [estimator(priors=priors).estimate(one)["chi2"][0] for one in (table, changed)]
        # The seed depends on the data, and the best model on the seed.
        assert found[1] < 1.5 * found[0] + 10.0

    def test_too_many_bad_pixels(self, mock):
        table = with_spectrum(QTable({"redshift": [7.0]}), mock)
        table["spectrum_flux"][0, 1:] = np.nan * UNIT
        result = estimator().estimate(table)
        assert "NO_DATA" in decode_flags(result["flags"][0])

    def test_free_redshift(self, mock):
        table = with_spectrum(photometry(mock), mock)
        table["redshift_err"] = [0.02]
        result = estimator(redshift="free").estimate(table)
        assert result["redshift"][0] == pytest.approx(7.0, abs=0.02)
        assert result["A_V"][0].value == pytest.approx(TRUE_A_V, abs=0.1)

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"slit_loss": -0.1}, "slit_loss must be None or a number above 0"),
            ({"slit_loss": (0.1, 0.1)}, "slit_loss must be a number"),
            ({"flux_calibration": (0.1,) * 11}, "flux_calibration must have at most 10 numbers"),
            ({"flux_calibration": 2.0}, "flux_calibration must be None or numbers above 0"),
            ({"noise_scale": (2.0, 1.0)}, "noise_scale must be None or two limits"),
            ({"lyman_alpha": "no"}, "lyman_alpha must be one of mask, model"),
            ({"resolution": "prysm"}, "resolution"),
            ({"engine": "bagpipes", "slit_loss": 0.1}, "needs engine='tabulated'"),
        ],
    )
    def test_invalid_parameters(self, parameters, message):
        with pytest.raises(InputError, match=message):
            estimator(**parameters)._check_parameters()

    @pytest.mark.parametrize(
        "parameters", [{"likelihood": "robust"}, {"fractional_error": (0, 0.2)}]
    )
    def test_what_is_for_photometry_alone(self, mock, parameters):
        table = with_spectrum(photometry(mock), mock)
        with pytest.raises(InputError, match="is for photometry alone, but the sample has"):
            estimator(**parameters).estimate(table)


class TestLines:
    @staticmethod
    def table(mock, errors=0.05):
        """Photometry and lines."""
        table = photometry(mock)
        for name, flux in mock["lines"].items():
            table[f"line_{name}"] = [flux] * LINE
            table[f"line_err_{name}"] = [errors * flux] * LINE
        return table

    def test_truth_is_recovered(self, mock):
        row = estimator().estimate(self.table(mock))[0]
        assert row["A_V"].value == pytest.approx(TRUE_A_V, abs=0.05)
        assert row["log_mass"] == pytest.approx(mock["log_mass"], abs=0.03)
        assert row["chi2"] < 1.0

    def test_lines_alone(self, mock):
        table = self.table(mock)
        table.remove_columns([name for name in table.colnames if name.startswith("flux")])
        row = estimator().estimate(table)[0]
        assert row["A_V"].value == pytest.approx(TRUE_A_V, abs=0.3)
        assert row["log_mass"] == pytest.approx(mock["log_mass"], abs=0.2)

    def test_limits_of_lines_count(self, mock):
        table = photometry(mock, 5.0)
        for name in ("line_Ha", "line_err_Ha"):
            table[name] = [np.nan] * LINE
        table["line_limit_Ha"] = [0.3 * mock["lines"]["Ha"]] * LINE
        table["line_limit_Ha"].info.meta = {"sigma": 3.0}
        found = [
            estimator().estimate(one)["log_mass"][0] for one in (photometry(mock, 5.0), table)
        ]
        # The same stars with less light of the line are fewer.
        assert found[1] < found[0] - 0.1

    def test_lyman_alpha_is_left_out(self, mock):
        table = self.table(mock)
        plain = estimator().estimate(table)["chi2"][0]
        table["line_Lya"] = [1e-10] * LINE
        table["line_err_Lya"] = [1e-12] * LINE
        assert estimator().estimate(table)["chi2"][0] == pytest.approx(plain, abs=0.01)

    def test_bagpipes_leaves_them_out_with_a_warning(self, mock):
        with pytest.warns(DustestWarning, match="leaves the emission lines of the sample out"):
            estimator(engine="bagpipes")._warn_of_sample(
                BagpipesEstimator()._coerce(self.table(mock))
            )
