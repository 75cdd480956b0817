import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from fitted_results import sed_result

from dustest import MeurerEstimator
from dustest.data import InputError
from dustest.data.bands import get_band
from dustest.report import plot_beta

SPECTRAL = u.Unit("erg s-1 cm-2 AA-1")
BETA, REDSHIFT, AT_1600 = -1.8, 7.0, 5e-21


@pytest.fixture(scope="module")
def photometric():
    """A galaxy that is a power law, in two ultraviolet bands and one beyond."""
    bands = ("F150W", "F200W", "F444W")
    pivot = np.array([get_band(band).pivot for band in bands])
    at = u.spectral_density(pivot * u.AA)
    flux = power_law(pivot).to(u.nJy, at)
    galaxy = QTable({"id": ["a"], "redshift": [REDSHIFT]})
    for band, value in zip(bands, flux.value, strict=True):
        galaxy[f"flux_{band}"] = [value] * u.nJy
        galaxy[f"flux_err_{band}"] = [0.05 * value] * u.nJy
    return MeurerEstimator().estimate(galaxy, draws=10)


@pytest.fixture(scope="module")
def spectral():
    """A galaxy that is a power law, with a spectrum."""
    wavelength = np.linspace(6e3, 3e4, 300)
    flux = power_law(wavelength)
    galaxy = {"id": ["a"], "redshift": [REDSHIFT], "spectrum_wavelength": [wavelength] * u.AA}
    galaxy |= {"spectrum_flux": [flux.value] * SPECTRAL}
    galaxy |= {"spectrum_flux_err": [0.1 * flux.value] * SPECTRAL}
    return MeurerEstimator().estimate(QTable(galaxy), draws=10)


def power_law(wavelength):
    """Flux densities at observed wavelengths in Angstrom."""
    rest = wavelength / (1.0 + REDSHIFT)
    return AT_1600 * (rest / 1600.0) ** BETA * SPECTRAL


def drawn(ax):
    """Rest-frame Angstrom and flux density of the data and of the power law."""
    scale = 10.0 ** int(ax.get_ylabel().partition("10^{")[2].partition("}")[0])
    data, law = ax.containers[0][0].get_xydata(), ax.lines[-1].get_xydata()
    return (values * [1e4, scale] for values in (data, law))


class TestPlotBeta:
    def test_photometry(self, photometric):
        ax = plot_beta(photometric, "a")
        data, law = drawn(ax)
        np.testing.assert_allclose(data[:, 1], power_law(8.0 * data[:, 0]).value, rtol=1e-3)
        np.testing.assert_allclose(law[:, 1], power_law(8.0 * law[:, 0]).value, rtol=0.02)
        assert len(data) == 2  # F444W is not ultraviolet
        assert len(ax.patches) == 2
        assert ax.get_legend().get_texts()[0].get_text().startswith(r"$\beta$ = −1.8")

    def test_spectrum(self, spectral):
        ax = plot_beta(spectral, "a")
        data, law = drawn(ax)
        np.testing.assert_allclose(law[:, 1], power_law(8.0 * law[:, 0]).value, rtol=1e-3)
        assert data[:, 0].min() > 1400.0
        assert data[:, 0].max() < 2580.0
        assert len(ax.patches) > 2

    def test_as_a_method_on_axes_of_the_caller(self, photometric):
        ax = plot_beta(photometric, "a")
        assert photometric.plot_beta("a", ax=ax) is ax

    def test_a_result_without_power_laws(self):
        with pytest.raises(InputError, match=r"^table must have the power law, which Meurer"):
            plot_beta(sed_result(), 0)
