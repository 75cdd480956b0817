import pytest
from astropy import units as u
from astropy.table import QTable

from dustest.data import DustestWarning, as_sample, canonical_name, get_band
from dustest.data.far_infrared_bands import (
    ALMA_RECEIVERS,
    explain_far_infrared,
    find_far_infrared,
)

LIGHT_SPEED = 2.99792458e18


class TestNames:
    @pytest.mark.parametrize("name", ["ALMA_B6", "alma-band6", "ALMA Band 6", "alma6", "ALMA.b6"])
    def test_spellings(self, name):
        assert canonical_name(name) == "ALMA_B6"
        assert get_band(name) == get_band("ALMA_B6")

    @pytest.mark.parametrize(
        ("name", "canonical"),
        [
            ("1.2mm", "FIR_1.2mm"),
            ("alma_343.5ghz", "ALMA_343.5GHz"),
            ("SCUBA2_850um", "SCUBA2_850um"),
            ("ALMA - 1.2 mm", "ALMA_1.2mm"),
        ],
    )
    def test_points(self, name, canonical):
        assert canonical_name(name) == canonical
        assert canonical_name(canonical) == canonical

    @pytest.mark.parametrize(
        "name",
        ["ALMA_B2", "ALMA_B11", "IRAC_3.6um", "0um", "B6", "F277W", "ALMA_-5mm", "ALMA_.5mm"],
    )
    def test_others(self, name):
        assert find_far_infrared(name) is None

    @pytest.mark.parametrize("name", ["ALMA_1.2", "ALMA_CII", "alma-b11", "ALMA_-5mm"])
    def test_unknown_bands_of_alma(self, name):
        expected = "must be one of ALMA_B3 to ALMA_B10, or a wavelength or frequency"
        assert expected in explain_far_infrared(name)

    def test_bands_of_other_cameras(self):
        assert explain_far_infrared("almanac_1") == ""


class TestCurves:
    @pytest.mark.parametrize("receiver", ALMA_RECEIVERS.values(), ids=lambda one: one.number)
    def test_receivers(self, receiver):
        band = get_band(f"ALMA_B{receiver.number}")
        high, low = 1e-9 * LIGHT_SPEED / band.wavelength[[0, -1]]
        assert receiver.low - 1e-6 <= low < receiver.centre < high <= receiver.high + 1e-6
        assert band.is_far_infrared
        pivot = 1e-9 * LIGHT_SPEED / band.pivot
        assert pivot == pytest.approx(receiver.centre, rel=0.015)

    def test_wavelength(self):
        assert get_band("1200um").pivot == pytest.approx(1.2e7, rel=2e-3)

    def test_bands_of_stars(self):
        assert not get_band("F444W").is_far_infrared
        assert not get_band("F2550W").is_far_infrared


def test_columns_of_a_sample():
    table = QTable({"id": [1], "redshift": [7.0]})
    table["flux_alma-band7"], table["flux_err_ALMA_B7"] = [30.0] * u.uJy, [5.0] * u.uJy
    sample = as_sample(table)
    assert sample.bands == ("ALMA_B7",)
    assert sample["flux_ALMA_B7"][0].to_value(u.nJy) == pytest.approx(3e4)


def test_unknown_bands_of_alma_have_a_warning():
    table = QTable({"id": [1], "redshift": [7.0]})
    table["flux_ALMA_1.2"], table["flux_err_ALMA_1.2"] = [30.0] * u.uJy, [5.0] * u.uJy
    with pytest.warns(DustestWarning, match="band of column flux_ALMA_1.2, 'ALMA_1.2' must be"):
        sample = as_sample(table)
    assert sample.bands == ("ALMA_1.2",)
