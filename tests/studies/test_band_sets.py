import numpy as np
import pytest
from astropy import units as u

from dustest.data import InputError
from dustest.data.surveys import SURVEYS
from dustest.studies.band_sets import check_band_sets, flux_errors, union

THREE = ("F115W", "F200W", "F444W")


class TestCheckBandSets:
    def test_candidates_are_added_one_by_one(self):
        sets = check_band_sets(["f115w", "JWST/NIRCam.F200W"], ["F770W", "F606W"])
        assert sets == {
            "base": ("F115W", "F200W"),
            "base + F770W": ("F115W", "F200W", "F770W"),
            "base + F606W": ("F115W", "F200W", "F606W"),
        }
        assert union(sets) == ("F115W", "F200W", "F770W", "F606W")

    def test_sets_without_names(self):
        assert list(check_band_sets([THREE, THREE[:2]])) == ["3 bands", "2 bands"]
        assert list(check_band_sets([THREE, THREE])) == ["set 1", "set 2"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((["F115W", "F20W"],), "F200W"),
            ((["F115W"],), "bands must be at least 2, got F115W"),
            (({"deep": ["F115W"]},), "bands of 'deep' must be at least 2"),
            (("F115W",), "bands must be at least 2"),
            (({},), "bands must hold at least one set"),
            ((["F115W", "f115w"],), "bands must name each band once, got F115W twice"),
            (([THREE, THREE[:2]], ["F770W"]), "candidates must be left out if bands are several"),
            ((THREE, ["F444W"]), "candidates must not be among bands, got 'F444W'"),
        ],
    )
    def test_mistakes(self, arguments, message):
        with pytest.raises(InputError, match=message):
            check_band_sets(*arguments)


class TestFluxErrors:
    def test_magnitudes_are_five_sigma_depths(self):
        # 31.4 mag AB is 1 nJy.
        errors = flux_errors({"f115w": 31.4, "F200W": 28.9 * u.ABmag, "F444W": 29.9}, THREE)
        assert errors == pytest.approx([0.2, 2.0, 0.7962], rel=1e-3)

    def test_errors_have_a_unit(self):
        assert flux_errors([1.0, 2.0, 3.0] * u.uJy, THREE) == pytest.approx([1e3, 2e3, 3e3])
        per_wavelength = 1e-21 * u.Unit("erg s-1 cm-2 AA-1")
        # At the pivot wavelength of F200W, 1.988 micron.
        expected = 1e-21 * 19880.0**2 / 2.99792458e18 * 1e32
        (error,) = flux_errors(per_wavelength, THREE[1:2])
        assert error == pytest.approx(expected, rel=2e-3)

    def test_one_for_all_bands(self):
        assert flux_errors(28.9, THREE) == pytest.approx(np.full(3, 2.0), rel=1e-3)
        assert flux_errors(2 * u.nJy, THREE) == pytest.approx(np.full(3, 2.0))

    def test_survey(self):
        survey = SURVEYS["JADES-MIRI"]
        expected = [survey.flux_error("F277W"), survey.flux_error("F770W")]
        assert flux_errors("JADES-MIRI", ("F277W", "F770W")) == pytest.approx(expected)
        assert flux_errors(survey, ("F277W", "F770W")) == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("depths", "message"),
        [
            (2.0, "must be a 5-sigma depth in AB magnitudes from 15 to 40, or an error with a"),
            (np.nan, "must be a 5-sigma depth"),
            ({"F115W": 29.0}, "depths must hold one for each band, it lacks F200W, F444W"),
            ([29.0, 28.0], "depths must be one, or one for each of F115W, F200W, F444W, got 2"),
            (-1.0 * u.nJy, "must be a positive error"),
            (1.0 * u.m, "must be a flux density"),
            ("JADES-dep", "did you mean 'JADES-deep'"),
            ("CEERS", None),
        ],
    )
    def test_mistakes(self, depths, message):
        if message is None:
            with pytest.raises(InputError, match="band must be one that CEERS has"):
                flux_errors(depths, ("F115W", "F770W"))
            return
        with pytest.raises(InputError, match=message):
            flux_errors(depths, THREE)
