"""Foreground dust of the Milky Way."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column, MaskedColumn, Table
from dust_extinction.parameter_averages import G23

from dustest.data import InputError
from dustest.io._foreground import (
    band_correction,
    foreground_of,
    foreground_record,
    refuse_corrected,
    spectrum_correction,
    to_ebv,
)

# Schlafly & Finkbeiner 2011, ApJ 737, 103, their table 6 at R_V = 3.1: A_band over the E(B-V) of
# Schlegel et al., which is 1 / 0.86 of the true one. They use the law of Fitzpatrick 1999.
SCHLAFLY = {
    "F435W": 3.610,
    "F606W": 2.471,
    "F814W": 1.526,
    "F850LP": 1.243,
    "F105W": 0.969,
    "F125W": 0.726,
    "F160W": 0.512,
}


class TestPhysics:
    @pytest.mark.parametrize(("band", "published"), SCHLAFLY.items())
    def test_published_coefficients(self, band, published):
        factor = band_correction(np.array([0.1]), band)
        assert 25.0 * np.log10(factor[0]) == pytest.approx(published / 0.86, rel=0.045)

    @pytest.mark.parametrize("ebv", [0.0, 0.02, 0.5])
    def test_the_law_at_single_wavelengths(self, ebv):
        wavelength = np.array([1000.0, 5500.0, 2.2e4, 5e4])
        expected = 1.0 / G23(Rv=3.1).extinguish(wavelength * u.AA, Ebv=ebv)
        np.testing.assert_allclose(spectrum_correction(ebv, wavelength), expected, rtol=1e-12)

    def test_a_band_is_the_mean_of_its_wavelengths(self):
        narrow = spectrum_correction(0.1, np.array([27762.0]))[0]
        assert band_correction(np.array([0.1]), "f277w")[0] == pytest.approx(narrow, rel=1e-3)

    def test_bands_of_zero_and_unknown_dust(self):
        np.testing.assert_array_equal(
            band_correction(np.array([0.0, np.nan]), "F277W"), [1, np.nan]
        )


class TestColourExcess:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            (0.02, [0.02, 0.02]),
            (20 * u.mmag, [0.02, 0.02]),
            (Column([20.0, 30.0], unit="mmag"), [0.02, 0.03]),
            (MaskedColumn([0.02, 0.03], mask=[False, True]), [0.02, np.nan]),
            ([0.02, -99.0], [0.02, np.nan]),
        ],
    )
    def test_units_masks_and_sentinels(self, given, expected):
        np.testing.assert_allclose(to_ebv(given, 2), expected)

    @pytest.mark.parametrize("given", [-0.1, [0.1, -0.1], [0.1, 0.2, 0.3]])
    def test_what_is_no_colour_excess(self, given):
        with pytest.raises(InputError, match=r"foreground_ebv must be E\(B-V\) in mag from 0 on"):
            to_ebv(given, 2)

    def test_column_of_a_sample(self):
        table = Table({"EBV": [0.01, 0.02]})
        np.testing.assert_array_equal(foreground_of(table, "ebv"), [0.01, 0.02])
        with pytest.raises(InputError, match=r"no 'ebw': did you mean 'EBV'\? it has EBV"):
            foreground_of(table, "ebw")


class TestRecord:
    @pytest.mark.parametrize(
        ("given", "record"),
        [
            (0.02, "G23, E(B-V) = 0.02"),
            ("ebv", "G23, E(B-V) of column ebv"),
            ([0.01, 0.02], "G23, E(B-V) of each galaxy"),
        ],
    )
    def test_says_what_was_taken_off(self, given, record):
        assert foreground_record(given) == record

    def test_twice_is_refused(self):
        refuse_corrected("", "the catalogue")
        with pytest.raises(InputError, match=r"the image is already corrected .*\(G23\).*leave"):
            refuse_corrected("G23", "the image")
