import re

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column, MaskedColumn

from dustest.data import DustestWarning, InputError
from dustest.data.bands import get_band
from dustest.data.checks.sample_columns import (
    band_column_name,
    by_band,
    canonical_column,
    column_name,
    is_sample_column,
)

CUBE = np.ones((2, 3, 3))
PER_WAVELENGTH = u.erg / u.s / u.cm**2 / u.AA


class TestByBand:
    def test_every_spelling_names_its_band(self):
        given = {"jwst/nircam.f277w": 1, " F444W ": 2, get_band("F200W"): 3}
        found = by_band(given, ["F200W", "F277W", "F444W"], "noise")
        assert found == {"F277W": 1, "F444W": 2, "F200W": 3}

    @pytest.mark.parametrize("key", [5, None, "", "  ", b"F277W"])
    def test_keys_that_are_no_names(self, key):
        with pytest.raises(InputError, match="noise must have names of bands such as 'F277W'"):
            by_band({key: 1}, None, "noise")

    @pytest.mark.parametrize(
        ("given", "problem"),
        [
            ([1, 2], "must be a dict by band, got list"),
            ({"F150W": 1}, "names the band 'F150W', which is not one of F277W, F444W"),
            ({"F277W": 1, "f277w": 2}, "F277W is twice"),
        ],
    )
    def test_what_is_refused(self, given, problem):
        with pytest.raises(InputError, match=problem):
            by_band(given, ["F277W", "F444W"], "noise")


class TestNames:
    @pytest.mark.parametrize(
        "prefix",
        [
            *("flux_", "flux_err_"),
            *("cutout_", "cutout_err_", "cutout_mask_", "cutout_meta_", "cutout_wcs_"),
        ],
    )
    def test_any_spelling_of_a_band(self, prefix):
        assert column_name(f"{prefix}JWST/NIRCam.F277W") == f"{prefix}F277W"
        assert column_name(f"{prefix}MyCamera") == f"{prefix}MyCamera"

    def test_others_stay(self):
        assert column_name("redshift") == "redshift"
        assert column_name("f277w") == "f277w"

    def test_bands(self):
        assert band_column_name("f277w") == "F277W"
        assert band_column_name("MyCamera") == "MyCamera"


class TestOwnership:
    def test_known_bands_and_plain_names_are_of_the_sample(self):
        for name in ("flux_F277W", "cutout_mask_F277W", "redshift", "note"):
            assert is_sample_column(name, {})

    def test_fluxes_of_unknown_cameras_need_an_error_and_units_of_flux(self):
        flux = Column([1.0], unit="nJy")
        pair = {"flux_X": flux, "flux_err_X": flux}
        assert is_sample_column("flux_X", pair)
        assert is_sample_column("flux_err_X", pair)
        assert not is_sample_column("flux_X", {"flux_X": flux})
        assert not is_sample_column("flux_X", pair | {"flux_err_X": Column([1.0], unit="pix")})
        assert not is_sample_column("flux_X", pair | {"flux_err_X": Column([1.0])})

    def test_magnitudes_are_fluxes_too(self):
        pair = {"flux_X": Column([25.0], unit=u.ABmag), "flux_err_X": Column([0.1], unit="mag")}
        assert is_sample_column("flux_X", pair)

    def test_images_of_unknown_cameras_have_three_axes(self):
        for name in ("cutout_X", "cutout_err_X", "cutout_mask_X"):
            assert is_sample_column(name, {"cutout_X": CUBE})
            assert not is_sample_column(name, {"cutout_X": CUBE[0]})
            assert not is_sample_column(name, {})


class TestPlain:
    @pytest.mark.parametrize(
        ("name", "given", "value", "unit"),
        [
            ("ra", [0.5] * u.rad, np.degrees(0.5), u.deg),
            ("dec", [0.5] * u.rad, np.degrees(0.5), u.deg),
            ("pixel_scale", [1.0] * u.arcmin, 60.0, u.arcsec),
        ],
    )
    def test_units(self, name, given, value, unit):
        found = canonical_column(name, given, {})
        assert found.unit == unit
        np.testing.assert_allclose(found.value, [value])

    @pytest.mark.parametrize("name", ["redshift", "redshift_err"])
    def test_numbers_without_unit(self, name):
        np.testing.assert_array_equal(canonical_column(name, [7.0, -99.0], {}), [7.0, np.nan])
        with pytest.raises(InputError, match=f"column {name} must be plain numbers, got km / s"):
            canonical_column(name, [7.0] * u.km / u.s, {})

    @pytest.mark.parametrize(
        ("name", "inside", "outside"),
        [("ra", (-180.0, 0.0, 360.0), (-180.1, 360.1)), ("dec", (-90.0, 90.0), (-90.1, 90.1))],
    )
    def test_the_sky_ends_where_it_does(self, name, inside, outside):
        np.testing.assert_array_equal(canonical_column(name, inside, {}).value, inside)
        with pytest.warns(DustestWarning, match=f"{name} of 2 of 2 rows lies outside"):
            found = canonical_column(name, outside, {})
        assert np.isnan(found.value).all()

    @pytest.mark.parametrize(
        ("column", "expected"),
        [
            ([0.03, 0.0, -0.03, np.nan] * u.arcsec, [0.03, np.nan, np.nan, np.nan]),
            ([30.0, 0.0, -99.0, -1.0] * u.mas, [0.03, np.nan, np.nan, np.nan]),
            # Degrees that are said to be arcsec.
            ([0.04, 8.3e-6, 1.1e-5] * u.arcsec, [0.04, np.nan, np.nan]),
        ],
    )
    def test_pixels_have_a_size(self, column, expected):
        message = (
            f"pixel_scale of 2 of {len(column)} rows lies below 0.0001 arcsec and counts as "
            "missing: correct or mask these rows, and check the unit"
        )
        with pytest.warns(DustestWarning, match=re.escape(message)):
            found = canonical_column("pixel_scale", column, {})
        np.testing.assert_allclose(found.to_value(u.arcsec), expected)

    @pytest.mark.parametrize("name", ["redshift", "redshift_err"])
    def test_redshifts_are_not_negative(self, name):
        message = f"{name} of 2 of 5 rows lies below 0 and counts as missing: correct or mask"
        with pytest.warns(DustestWarning, match=message):
            found = canonical_column(name, [7.0, -1.0, 0.0, -0.2, np.inf], {})
        np.testing.assert_array_equal(found, [7.0, np.nan, 0.0, np.nan, np.nan])

    def test_flags_are_integers(self):
        assert canonical_column("flags", np.array([1, 8], dtype="u1"), {}).dtype == np.int32
        assert canonical_column("flags", [1, 8], {}).tolist() == [1, 8]
        for bad in ([0.5], [[1]], ["a"]):
            with pytest.raises(
                InputError, match=r"column flags .* must (be integers|hold one integer)"
            ):
                canonical_column("flags", bad, {})

    def test_features_keep_every_number(self):
        features = [[-99.0, 99.0], [1.0, 2.0]]
        np.testing.assert_array_equal(canonical_column("features", features, {}), features)
        with pytest.raises(InputError, match="column features must hold numbers with 2 axes"):
            canonical_column("features", [1.0], {})

    def test_others_are_left_alone(self):
        column = Column(["-99"])
        assert canonical_column("note", column, {}) is column
        assert canonical_column("flux_radius", column, {"flux_radius": column}) is column


class TestFluxes:
    def test_magnitudes_of_90_and_beyond_are_missing(self):
        column = Column([89.9, 90.0, 91.0, -90.0], unit=u.ABmag)
        found = canonical_column("flux_F277W", column, {})
        assert np.isfinite(found.value).tolist() == [True, False, False, False]

    def test_per_wavelength_needs_the_pivot_of_a_known_band(self):
        column = Column([1.0], unit=PER_WAVELENGTH)
        with pytest.raises(InputError, match="'X' is not a known band"):
            canonical_column("flux_X", column, {"flux_X": column, "flux_err_X": column})

    def test_an_error_in_magnitudes_of_any_zero_point_is_a_relative_one(self):
        table = {"flux_F277W": Column([20.0, 20.0], unit=u.ABmag)}
        for unit in (u.mag, u.ABmag):
            error = MaskedColumn([0.1, 0.2], mask=[False, True], unit=unit)
            found = canonical_column("flux_err_F277W", error, table)
            flux = (20.0 * u.ABmag).to_value(u.nJy)
            np.testing.assert_allclose(found.value, [0.0921034 * flux, np.nan], rtol=1e-6)

    def test_an_error_needs_its_flux(self):
        error = Column([0.1], unit="nJy")
        with pytest.raises(InputError, match="flux_err_F277W needs column flux_F277W, which is"):
            canonical_column("flux_err_F277W", error, {})

    def test_the_flux_of_an_error_in_magnitudes_is_named(self):
        table = {"flux_F277W": Column([1.0], unit=u.Unit("ujy", parse_strict="silent"))}
        with pytest.raises(InputError, match="column flux_F277W declares the unit 'ujy'"):
            canonical_column("flux_err_F277W", Column([0.1], unit="mag"), table)


class TestSpectra:
    @pytest.mark.parametrize("name", ["spectrum_flux", "spectrum_flux_err"])
    def test_a_flux_per_frequency_needs_the_wavelengths(self, name):
        wavelength = [[1.0, 2.0]] * u.um
        flux = [[3.0, 3.0]] * u.uJy
        found = canonical_column(name, flux, {"spectrum_wavelength": wavelength})
        # c / wavelength^2 times 3e-29 erg/s/cm2/Hz.
        np.testing.assert_allclose(found.value, [[8.993774e-19, 2.248443e-19]], rtol=1e-6)
        assert found.unit == PER_WAVELENGTH
        with pytest.raises(InputError, match="needs column spectrum_wavelength"):
            canonical_column(name, flux, {})

    def test_wavelengths_may_be_frequencies(self):
        found = canonical_column("spectrum_wavelength", [[299792.458, 149896.229]] * u.GHz, {})
        np.testing.assert_allclose(found.value, [[1e4, 2e4]])

    @pytest.mark.parametrize("name", ["spectrum_flux", "spectrum_flux_err"])
    @pytest.mark.parametrize("unit", ["erg / (s cm2)", "W / m2", "erg / (s AA)", "W / Hz"])
    def test_plain_fluxes_and_luminosities(self, name, unit):
        table = {"spectrum_wavelength": [[1.0, 2.0]] * u.um, name: [[1.0, 2.0]] * u.Unit(unit)}
        with pytest.raises(InputError, match=f"column {name} must be a flux density per unit"):
            canonical_column(name, table[name], table)

    @pytest.mark.parametrize("name", ["spectrum_wavelength", "spectrum_flux"])
    def test_one_spectrum_a_row(self, name):
        given = [1.0] * (u.um if name == "spectrum_wavelength" else PER_WAVELENGTH)
        table = {"spectrum_wavelength": [[1.0]] * u.um}
        with pytest.raises(InputError, match=f"column {name} must hold numbers with 2 axes"):
            canonical_column(name, given, table)


class TestImages:
    @pytest.mark.parametrize("unit", [u.nJy, u.MJy / u.sr])
    def test_units_stay(self, unit):
        found = canonical_column("cutout_F277W", CUBE * unit, {})
        assert found.unit == unit
        np.testing.assert_array_equal(found.value, CUBE)

    @pytest.mark.parametrize("bad", [CUBE[0], CUBE.astype(str), CUBE[:, :0], CUBE.astype(bool)])
    def test_what_is_no_image_is_refused(self, bad):
        with pytest.raises(InputError, match="cutout_F277W must hold one 2-D image a row"):
            canonical_column("cutout_F277W", bad, {})

    @pytest.mark.parametrize("dtype", ["i2", "u1", "f4", "f8"])
    def test_numbers_of_any_type(self, dtype):
        assert canonical_column("cutout_F277W", CUBE.astype(dtype), {}).dtype == dtype

    def test_masked_pixels_are_nan(self):
        column = MaskedColumn(CUBE, mask=CUBE * [1.0, 0.0, 0.0] > 0)
        found = canonical_column("cutout_F277W", column, {})
        np.testing.assert_array_equal(np.isnan(found), column.mask)

    @pytest.mark.parametrize("dtype", [bool, "i2", "u1"])
    def test_masks(self, dtype):
        bad = CUBE.astype(dtype)
        found = canonical_column("cutout_mask_F277W", bad, {})
        assert found.dtype == bool
        assert found.all()

    @pytest.mark.parametrize("bad", [CUBE[0].astype(bool), CUBE])
    def test_masks_are_boolean(self, bad):
        with pytest.raises(InputError, match="cutout_mask_F277W must hold one boolean image"):
            canonical_column("cutout_mask_F277W", bad, {})

    @pytest.mark.parametrize("kind", ["meta", "wcs"])
    def test_objects_are_left_alone(self, kind):
        column = np.array([{"a": 1}], dtype=object)
        assert canonical_column(f"cutout_{kind}_F277W", column, {}) is column
