"""Fluxes of lines from spectra with known lines."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy import units as u
from scipy.special import ndtr

from dustest.data import LINES, decode_flags
from dustest.data.errors import InputError
from dustest.io import read_spectrum
from dustest.physics import fit_lines, line_width, resolving_power

FLUX, DENSITY = u.Unit("erg / (s cm2)"), u.Unit("erg / (s cm2 AA)")


def prism_wavelengths(low=6000.0, high=53_000.0):
    """Pixels of 1 / 2.2 of an element of resolution."""
    wavelength = [low]
    while wavelength[-1] < high:
        wavelength.append(wavelength[-1] * (1.0 + 1.0 / (2.2 * resolving_power(wavelength[-1]))))
    return np.array(wavelength)


def spectrum_of(fluxes, redshift, *, wavelength, disperser, error, shift=0.0, width=1.0, rng=None):
    """Lines over a continuum that falls with the wavelength; shift in elements of resolution."""
    flux = 2e-20 * (wavelength / wavelength.mean()) ** -1.5
    middle = 0.5 * (wavelength[1:] + wavelength[:-1])
    edges = np.concatenate([[2 * wavelength[0] - middle[0]], middle])
    edges = np.append(edges, 2 * wavelength[-1] - middle[-1])
    for name, value in fluxes.items():
        centre = LINES[name].wavelength * (1.0 + redshift)
        sigma = line_width(centre, disperser)
        centre += shift * 2.3548 * sigma
        flux = flux + value * np.diff(ndtr((edges - centre) / (width * sigma))) / np.diff(edges)
    noise = 0.0 if rng is None else error * rng.normal(size=wavelength.size)
    return SimpleNamespace(
        wavelength=wavelength * u.AA,
        flux=(flux + noise) * DENSITY,
        flux_err=np.full(wavelength.size, error) * DENSITY,
    )


BRIGHT = {"Ha": 3e-17, "NII6585": 6e-18, "NII6550": 6e-18 / 3.05, "Hb": 1e-17, "OIII5008": 4e-17}
BRIGHT |= {"OIII4960": 4e-17 / 2.98, "Hg": 4.6e-18, "OIII4364": 1e-18}


def grating(fluxes, redshift=2.0, **options):
    """A spectrum of the medium gratings around all lines."""
    wavelength = np.arange(12_000.0, 21_000.0, 8.0)
    options = {"error": 2e-20, "disperser": "G140M"} | options
    return spectrum_of(fluxes, redshift, wavelength=wavelength, **options)


def rows_of(table):
    """Rows by line."""
    return {str(row["line"]): row for row in table}


class TestGrating:
    def test_fluxes_without_noise(self):
        found = rows_of(fit_lines(grating(BRIGHT), 2.0, list(BRIGHT), disperser="G140M"))
        for name, flux in BRIGHT.items():
            assert found[name]["flux"].value == pytest.approx(flux, rel=5e-3)

    def test_pulls(self):
        rng = np.random.default_rng(210310)
        pulls = []
        for _ in range(20):
            spectrum = grating(BRIGHT, rng=rng, shift=0.25 * rng.normal())
            found = rows_of(fit_lines(spectrum, 2.0, list(BRIGHT), disperser="G140M"))
            for name in ("Ha", "NII6585", "Hb", "Hg", "OIII4364"):
                row = found[name]
                pulls.append((row["flux"].value - BRIGHT[name]) / row["flux_err"].value)
        # 100 pulls: the standard errors are 0.1 and 0.07. All lines have the same width, which the
        # fit does not know, so that its errors are slightly large.
        assert abs(np.mean(pulls)) < 0.4
        assert 0.7 < np.std(pulls) < 1.2

    def test_shift_and_width_are_measured(self):
        spectrum = grating(BRIGHT, shift=0.3, width=1.4)
        row = rows_of(fit_lines(spectrum, 2.0, list(BRIGHT), disperser="G140M"))["Ha"]
        centre = 3.0 * LINES["Ha"].wavelength
        element = 2.3548 * line_width(centre, "G140M")
        expected = 299_792.458 * 0.3 * element / centre
        assert row["shift"].to_value("km/s") == pytest.approx(expected, rel=0.02)
        assert row["width"] == pytest.approx(1.4, rel=0.02)
        assert row["flux"].value == pytest.approx(BRIGHT["Ha"], rel=0.01)

    def test_a_shift_beyond_the_bound_is_flagged(self):
        spectrum = grating({"Hb": 1e-17}, shift=1.3)
        row = fit_lines(spectrum, 2.0, "Hb", disperser="G140M")[0]
        assert "AT_PRIOR_EDGE" in decode_flags(row["flags"])

    def test_doublets_have_their_ratios(self):
        rng = np.random.default_rng(210311)
        found = rows_of(fit_lines(grating(BRIGHT, rng=rng), 2.0, disperser="G140M"))
        ratio = found["OIII5008"]["flux"] / found["OIII4960"]["flux"]
        assert float(ratio) == pytest.approx(2.98)
        assert float(found["NII6585"]["flux"] / found["NII6550"]["flux"]) == pytest.approx(3.05)
        assert found["OIII4960"]["tied_to"] == "OIII5008"
        assert found["OIII5008"]["tied_to"] == ""
        assert found["NII6585"]["tied_to"] == ""

    def test_weak_lines_are_not_biased(self):
        """Free shifts would find a peak of the noise for each line."""
        rng = np.random.default_rng(210312)
        weak = [*BRIGHT, "SII6718"]
        snr = []
        for _ in range(25):
            table = fit_lines(grating(BRIGHT, rng=rng), 2.0, weak, disperser="G140M")
            row = rows_of(table)["SII6718"]
            snr.append(float(row["flux"] / row["flux_err"]))
        assert np.mean(snr) == pytest.approx(0.0, abs=0.7)
        assert np.std(snr) == pytest.approx(1.0, abs=0.4)

    def test_equivalent_width_and_continuum(self):
        row = rows_of(fit_lines(grating(BRIGHT), 2.0, list(BRIGHT), disperser="G140M"))["Ha"]
        continuum = (
            2e-20 * (3.0 * LINES["Ha"].wavelength / np.arange(12e3, 21e3, 8).mean()) ** -1.5
        )
        assert row["continuum"].value == pytest.approx(continuum, rel=0.01)
        assert row["ew"].to_value("AA") == pytest.approx(3e-17 / continuum / 3.0, rel=0.01)
        assert row["ew_err"] > 0


class TestPrism:
    def test_blend_of_h_alpha_with_nitrogen(self):
        """The sum of a blend is better known than its parts, and the errors say so."""
        rng = np.random.default_rng(210313)
        options = {"wavelength": prism_wavelengths(25e3), "disperser": "prism", "error": 3e-21}
        spectrum = spectrum_of(BRIGHT, 4.0, **options, rng=rng)
        together = rows_of(fit_lines(spectrum, 4.0, list(BRIGHT)))
        alone = rows_of(fit_lines(spectrum, 4.0, [one for one in BRIGHT if "NII" not in one]))
        assert together["Ha"]["blended"]
        assert together["NII6585"]["tied_to"] == "Ha"
        assert together["Ha"]["flux_err"] > 2.0 * alone["Ha"]["flux_err"]
        deviation = (together["Ha"]["flux"].value - 3e-17) / together["Ha"]["flux_err"].value
        assert abs(deviation) < 3.0
        total = together["Ha"]["flux"] + together["NII6585"]["flux"] * (1.0 + 1.0 / 3.05)
        assert total.value == pytest.approx(3e-17 + 6e-18 * (1.0 + 1.0 / 3.05), rel=0.02)

    def test_unresolved_doublets_have_one_flux(self):
        options = {"wavelength": prism_wavelengths(1e4), "disperser": "prism", "error": 1e-21}
        spectrum = spectrum_of({"OII3727": 2e-18, "OII3730": 2.9e-18}, 4.0, **options)
        found = rows_of(fit_lines(spectrum, 4.0, ["OII3727", "OII3730"]))
        total = found["OII3727"]["flux"] + found["OII3730"]["flux"]
        assert total.value == pytest.approx(4.9e-18, rel=0.02)
        assert found["OII3730"]["flux_err"].value < 4e-19
        assert found["OII3727"]["tied_to"] == "OII3730"

    @pytest.mark.parametrize(
        ("name", "redshift", "line", "least"),
        [
            ("jades_gto_001882_prism_clear_v5.0_1D.fits", 5.441, "Hb", 15.0),
            ("jades_gto_007437_prism_clear_v3.1_1D.fits", 6.856, "Hb", 10.0),
            ("jades_gto_003991_prism_clear_v5.1_1D.fits", 10.603, "Hg", 10.0),
        ],
    )
    def test_real_spectra(self, name, redshift, line, least, shared_data):
        table = fit_lines(read_spectrum(shared_data / "spectra" / name), redshift)
        row = rows_of(table)[line]
        assert row["flux"] / row["flux_err"] > least
        assert abs(row["shift"].to_value("km/s")) < 600.0
        assert 0.5 < row["width"] < 1.1
        assert not row["flags"]


class TestInput:
    def test_lines_that_are_not_covered(self):
        table = fit_lines(grating(BRIGHT), 2.0, ["Hb", "Pa"], disperser="G140M")
        found = rows_of(table)
        assert np.isnan(found["Pa"]["flux"])
        assert decode_flags(found["Pa"]["flags"]) == ("NO_DATA",)
        assert found["Hb"]["flux"] > 0

    def test_gaps_are_left_out(self):
        spectrum = grating(BRIGHT)
        spectrum.flux[np.abs(spectrum.wavelength.value - 3.0 * LINES["Hb"].wavelength) < 60] = (
            np.nan
        )
        found = rows_of(fit_lines(spectrum, 2.0, ["Hb", "Ha", "NII6585"], disperser="G140M"))
        assert np.isnan(found["Hb"]["flux"])
        assert np.isfinite(found["Ha"]["flux"])

    def test_a_spectrum_without_light(self):
        dark = grating({}, error=1e-20)
        dark.flux[:] = 0.0 * DENSITY
        row = fit_lines(dark, 2.0, "Hb", disperser="G140M")[0]
        assert row["flux"].value == 0.0
        assert row["continuum"].value == 0.0
        assert np.isnan(row["ew"])

    def test_a_spectrum_without_usable_pixels(self):
        dark = grating({})
        dark.flux[:] = np.nan
        table = fit_lines(dark, 2.0, disperser="G140M")
        assert np.isnan(table["flux"]).all()

    def test_all_known_lines_by_default(self):
        assert len(fit_lines(grating(BRIGHT), 2.0, disperser="G140M")) == len(LINES) - 2

    def test_flux_per_frequency(self):
        per_wavelength = grating(BRIGHT)
        equivalence = u.spectral_density(per_wavelength.wavelength)
        per_frequency = SimpleNamespace(
            wavelength=per_wavelength.wavelength.to(u.um),
            flux=per_wavelength.flux.to(u.uJy, equivalence),
            flux_err=per_wavelength.flux_err.to(u.uJy, equivalence),
        )
        first, second = (
            fit_lines(one, 2.0, "Hb", disperser="G140M") for one in (per_wavelength, per_frequency)
        )
        assert second["flux"][0].value == pytest.approx(first["flux"][0].value, rel=1e-6)

    @pytest.mark.parametrize("lines", ["Hz", ["Ha", "X"], [], [3]])
    def test_unknown_lines(self, lines):
        with pytest.raises(InputError, match="lines must be one of"):
            fit_lines(grating(BRIGHT), 2.0, lines)

    def test_a_spectrum_has_units(self):
        bare = SimpleNamespace(wavelength=np.arange(5.0), flux=np.ones(5), flux_err=np.ones(5))
        with pytest.raises(InputError, match="spectrum must have wavelength, flux and flux_err"):
            fit_lines(bare, 2.0)

    def test_redshift_is_checked(self):
        with pytest.raises(InputError, match="redshift must be"):
            fit_lines(grating(BRIGHT), -1.0)
