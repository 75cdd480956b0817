import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from dustest.data import as_sample
from dustest.data.bands import get_band
from dustest.data.errors import InputError
from dustest.estimators._sed.data_corrections import (
    check_template_error,
    correct,
    floors_by_band,
    zero_point_factors,
)
from dustest.estimators.run.batch import make_batch

BANDS = ("F115W", "F277W")


def batch(catalogue_floor=0.0):
    """Two galaxies, the second with a limit in one band."""
    table = QTable({"redshift": [1.0, 4.0]})
    table["flux_F115W"], table["flux_err_F115W"] = [10.0, np.nan] * u.nJy, [0.1, np.nan] * u.nJy
    table["flux_F277W"], table["flux_err_F277W"] = [20.0, -2.0] * u.nJy, [0.2, 1.0] * u.nJy
    table["flux_limit_F115W"] = [np.nan, 6.0] * u.nJy
    table["flux_limit_F115W"].info.meta = {"sigma": 3}
    table.meta["error_floor"] = catalogue_floor
    return make_batch(as_sample(table))


class TestZeroPoints:
    def test_factors_and_magnitudes(self):
        given = {"jwst/nircam.f115w": 1.1, "F277W": -0.1 * u.mag}
        assert zero_point_factors(given) == pytest.approx({"F115W": 1.1, "F277W": 10.0**0.04})
        assert zero_point_factors(None) == {}

    def test_a_table(self):
        table = QTable({"band": ["F277W"], "zero_point": [0.97], "zero_point_err": [0.01]})
        assert zero_point_factors(table) == {"F277W": 0.97}

    def test_fluxes_errors_and_limits(self):
        found = correct(batch(), {"F115W": 1.1}, 0.0, None)
        np.testing.assert_allclose(found.flux, [[11.0, 20.0], [np.nan, -2.0]])
        np.testing.assert_allclose(found.flux_err, [[0.11, 0.2], [np.nan, 1.0]])
        np.testing.assert_allclose(found.flux_limit[1], [2.2, np.nan])

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ({"F115W": 0.0}, r"zero_points\['F115W'\] must be a factor of the flux"),
            ({"F115W": True}, "must be a factor"),
            ({"F115W": 3.0 * u.nJy}, "or an offset of magnitudes such as"),
            (
                {"F115W": 1.0, "JWST/NIRCam.F115W": 1.0},
                "must name each band once, got F115W twice",
            ),
            (1.03, "zero_points must be a mapping of bands to values"),
            ({"F999W": 1.0}, "F999W"),
        ],
    )
    def test_nonsense_is_refused(self, value, message):
        with pytest.raises(InputError, match=message):
            zero_point_factors(value)


class TestFloors:
    def test_by_band(self):
        assert floors_by_band({"F115W": 0.1}, BANDS).tolist() == [0.1, 0.05]
        assert floors_by_band(0.02, BANDS).tolist() == [0.02, 0.02]

    @pytest.mark.parametrize("floor", [{"F115W": 2.0}, {"F115W": None}, {"F999W": 0.1}, "much"])
    def test_nonsense_is_refused(self, floor):
        with pytest.raises(InputError):
            floors_by_band(floor, BANDS)

    def test_the_larger_of_two_holds(self):
        found = correct(batch(0.06), None, {"F115W": 0.1, "F277W": 0.03}, None)
        np.testing.assert_allclose(
            found.flux_err[0], np.hypot([0.1, 0.2], [10.0 * np.sqrt(0.1**2 - 0.06**2), 0.0])
        )


class TestTemplateError:
    TABLE = ((1000.0, 0.2), (3000.0, 0.1), (9000.0, 0.04))

    def rest(self, row):
        """Rest wavelengths of the bands in Angstrom."""
        return np.array([get_band(band).pivot for band in BANDS]) / (1.0 + [1.0, 4.0][row])

    @pytest.mark.parametrize(
        "template",
        [
            TABLE,
            np.array(TABLE),
            QTable({"wavelength": [0.1, 0.3, 0.9] * u.um, "error": [0.2, 0.1, 0.04]}),
            lambda wavelength: np.interp(wavelength, [1e3, 3e3, 9e3], [0.2, 0.1, 0.04]),
        ],
    )
    def test_added_at_the_rest_wavelength(self, template):
        found = correct(batch(), None, 0.0, template)
        relative = np.interp(self.rest(0), [1e3, 3e3, 9e3], [0.2, 0.1, 0.04])
        np.testing.assert_allclose(
            found.flux_err[0], np.hypot([0.1, 0.2], relative * [10.0, 20.0])
        )
        relative = np.interp(self.rest(1)[1], [1e3, 3e3, 9e3], [0.2, 0.1, 0.04])
        assert found.flux_err[1, 1] == pytest.approx(np.hypot(1.0, 2.0 * relative))

    def test_beside_a_floor(self):
        found = correct(batch(), None, 0.1, [(1.0, 0.1)])
        assert found.flux_err[0, 0] == pytest.approx(np.sqrt(0.1**2 + 1.0 + 1.0))

    def test_constant_beyond_the_ends(self):
        error = check_template_error(self.TABLE)
        np.testing.assert_allclose(error([10.0, 1e5]), [0.2, 0.04])

    @pytest.mark.parametrize(
        "template",
        [
            0.1,
            "eazy",
            [(3000.0, 0.1), (1000.0, 0.2)],
            [(1000.0, 1.5)],
            [1000.0, 0.1],
            [(0.1, 0.1), (0.3, 0.02)],
            [(1000.0, 0.1), (3000.0, 0.02)] * u.um,
            lambda wavelength: 2.0,
            lambda wavelength: "much",
            QTable({"wavelength": [1.0] * u.s, "error": [0.1]}),
        ],
    )
    def test_nonsense_is_refused(self, template):
        with pytest.raises(InputError, match="template_error must"):
            check_template_error(template)
