from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from astropy import units as u
from astropy.nddata import NDData
from astropy.table import Column, MaskedColumn, QTable, Table
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dustest.data import DustestWarning, GalaxySample, InputError, as_sample, get_band

fluxes = arrays(float, 6, elements=st.floats(-98, 1e6, width=32))
positive = arrays(float, 6, elements=st.floats(2**-6, 1e6, width=32))


def catalogue(flux, err, unit=u.nJy):
    return QTable({"flux_F277W": flux << unit, "flux_err_F277W": err << unit})


class TestUnits:
    @given(flux=fluxes, err=positive)
    @pytest.mark.parametrize(
        "unit", [u.uJy, u.Jy, u.erg / u.s / u.cm**2 / u.Hz, u.W / u.m**2 / u.Hz]
    )
    def test_a_change_of_unit_changes_nothing(self, unit, flux, err):
        table = catalogue((flux * u.nJy).to_value(unit), (err * u.nJy).to_value(unit), unit)
        sample = as_sample(table)
        np.testing.assert_allclose(sample["flux_F277W"].to_value(u.nJy), flux, rtol=1e-6)
        np.testing.assert_allclose(sample["flux_err_F277W"].to_value(u.nJy), err, rtol=1e-6)

    @given(flux=positive, snr=st.floats(3, 100))
    def test_magnitudes_are_fluxes(self, flux, snr):
        magnitudes = (flux * u.nJy).to(u.ABmag)
        error = np.full(6, 2.5 / np.log(10) / snr) * u.mag
        sample = as_sample(QTable({"flux_F277W": magnitudes, "flux_err_F277W": error}))
        np.testing.assert_allclose(sample["flux_F277W"].to_value(u.nJy), flux, rtol=1e-6)
        np.testing.assert_allclose(sample["flux_err_F277W"].to_value(u.nJy), flux / snr, rtol=1e-6)

    @pytest.mark.parametrize("value", [99.0, -99.0, 99.99, -999.0, np.nan])
    def test_magnitudes_of_99_are_missing(self, value):
        table = Table({"flux_F277W": [25.0, value], "flux_err_F277W": [0.1, value]})
        table["flux_F277W"].unit = u.ABmag
        table["flux_err_F277W"].unit = u.mag
        sample = as_sample(table)
        assert np.isfinite(sample["flux_F277W"]).tolist() == [True, False]
        assert np.isfinite(sample["flux_err_F277W"]).tolist() == [True, False]

    @pytest.mark.parametrize("unit", [u.m, u.s, u.W, u.Jy / u.sr, u.mag])
    def test_a_wrong_unit_is_refused(self, unit):
        with pytest.raises(InputError, match="flux_F277W must have a unit that converts to nJy"):
            as_sample(catalogue(np.ones(2), np.ones(2), unit))

    def test_no_unit_is_refused(self):
        with pytest.raises(InputError, match="flux_F277W must have a unit such as nJy"):
            as_sample(Table({"flux_F277W": [1.0], "flux_err_F277W": [1.0]}))

    def test_errors_in_mag_need_fluxes_in_mag(self):
        table = QTable({"flux_F277W": [1.0] * u.nJy, "flux_err_F277W": [0.1] * u.mag})
        with pytest.raises(InputError, match="flux must be in AB magnitudes"):
            as_sample(table)

    def test_fluxes_per_wavelength_are_turned_at_the_pivot(self):
        unit = u.erg / u.s / u.cm**2 / u.AA
        flux = ([100.0] * u.nJy).to_value(unit, u.spectral_density(get_band("F277W").pivot * u.AA))
        sample = as_sample(catalogue(flux, flux / 10, unit))
        np.testing.assert_allclose(sample["flux_F277W"].to_value(u.nJy), 100.0)
        np.testing.assert_allclose(sample["flux_err_F277W"].to_value(u.nJy), 10.0)

    @given(scale=st.sampled_from([u.um, u.AA, u.nm]))
    def test_spectra(self, scale):
        wavelength = (np.linspace(1, 2, 5) * u.um).to(scale)
        flux = np.full((1, 5), 3.0) * u.uJy
        table = QTable(
            {
                "spectrum_wavelength": wavelength[None],
                "spectrum_flux": flux,
                "spectrum_flux_err": 0.1 * flux,
            }
        )
        sample = as_sample(table)
        expected = flux[0].to(u.erg / u.s / u.cm**2 / u.AA, u.spectral_density(wavelength))
        np.testing.assert_allclose(sample["spectrum_flux"][0].value, expected.value)
        assert sample["spectrum_wavelength"].unit == u.AA


class TestMissing:
    @given(
        mask=arrays(bool, 6),
        sentinel=st.sampled_from([-99.0, -999.0, -9999.0, np.nan, None]),
    )
    def test_missing_is_nan_however_it_is_written(self, mask, sentinel):
        values = np.arange(1.0, 7.0)
        if sentinel is None:
            column = MaskedColumn(values, mask=mask, unit=u.nJy)
        else:
            column = Column(np.where(mask, sentinel, values), unit=u.nJy)
        sample = as_sample(Table({"flux_F277W": column, "flux_err_F277W": column}))
        np.testing.assert_array_equal(np.isnan(sample["flux_F277W"]), mask)
        np.testing.assert_array_equal(sample["flux_F277W"].value[~mask], values[~mask])

    def test_masked_quantities(self):
        masked = QTable(Table({"flux_F277W": MaskedColumn([1.0, 2.0], mask=[0, 1], unit="uJy")}))
        masked["flux_err_F277W"] = [0.1, 0.1] * u.uJy
        flux = as_sample(masked)["flux_F277W"]
        np.testing.assert_allclose(flux.value, [1000.0, np.nan])
        assert type(flux) is u.Quantity

    @given(fluxes)
    def test_negative_and_zero_flux_are_kept(self, flux):
        sample = as_sample(catalogue(flux, np.ones(6)))
        np.testing.assert_array_equal(sample["flux_F277W"].value, flux)

    def test_coordinates_of_minus_99_are_missing(self):
        sample = as_sample(Table({"ra": [10.0, -99.0], "dec": [-99.0, -27.0]}))
        np.testing.assert_array_equal(sample["ra"].value, [10.0, np.nan])
        np.testing.assert_array_equal(sample["dec"].value, [np.nan, -27.0])

    @pytest.mark.parametrize(("name", "value"), [("ra", 400.0), ("dec", 91.0), ("dec", -100.0)])
    def test_coordinates_that_are_not_on_the_sky_are_missing(self, name, value):
        with pytest.warns(DustestWarning, match=f"{name} of 1 of 2 rows lies outside"):
            sample = as_sample(Table({name: [10.0, value]}))
        np.testing.assert_array_equal(sample[name].value, [10.0, np.nan])


class TestFrames:
    @pytest.mark.parametrize(
        ("name", "value"),
        [("redshift", 7.0), ("ra", 53.0), ("dec", -27.0), ("flux_err_F277W", 1.0)],
    )
    def test_one_known_column_makes_a_sample(self, name, value):
        frame = pd.DataFrame({name: [value], "note": ["x"]})
        if name == "flux_err_F277W":
            frame["flux_F277W"] = 10.0
            with pytest.warns(DustestWarning, match="declare no unit and are taken to be in nJy"):
                sample = as_sample(frame)
        else:
            sample = as_sample(frame)
        assert u.Quantity(sample[name]).value.tolist() == [value]
        assert sample["note"].tolist() == ["x"]

    @pytest.mark.parametrize("name", ["flux_radius", "cutout_size", "height"])
    def test_others_are_features(self, name):
        assert as_sample(pd.DataFrame({name: [1.0], "b": [2.0]}))["features"].tolist() == [[1, 2]]


class TestRows:
    @given(order=st.permutations(range(6)))
    def test_order_follows_the_input(self, order):
        table = catalogue(np.arange(6.0), np.ones(6))
        table["id"] = [f"galaxy {i}" for i in range(6)]
        sample = as_sample(table[list(order)])
        assert list(sample["id"]) == [f"galaxy {i}" for i in order]
        np.testing.assert_array_equal(sample["flux_F277W"].value, order)

    def test_one_row(self):
        assert as_sample(catalogue(np.ones(1), np.ones(1))).shape == (1,)

    def test_no_row_is_refused(self):
        with pytest.raises(InputError, match="at least one galaxy"):
            as_sample(catalogue(np.ones(0), np.ones(0)))

    @pytest.mark.parametrize("ids", [["a", "a"], ["; rm -rf /", "../x"], ["é" * 5000, "1_2"]])
    def test_strange_ids_are_kept_as_they_are(self, ids):
        table = catalogue(np.ones(2), np.ones(2))
        table["id"] = ids
        assert list(as_sample(table)["id"]) == ids

    def test_missing_ids_are_row_numbers(self):
        assert list(as_sample(catalogue(np.ones(3), np.ones(3)))["id"]) == [0, 1, 2]

    def test_ids_of_another_type_are_refused(self):
        with pytest.raises(InputError, match="column id must hold"):
            as_sample(Table({"id": [1.5, 2.5]}))

    def test_a_sample_passes_unchanged(self):
        sample = as_sample(catalogue(np.arange(3.0), np.ones(3)))
        again = as_sample(sample)
        assert again is not sample
        assert again.colnames == sample.colnames
        np.testing.assert_array_equal(again["flux_F277W"], sample["flux_F277W"])


class TestColumns:
    def test_band_names_become_short(self):
        table = QTable(
            {"flux_JWST/NIRCam.F277W": [1.0] * u.nJy, "flux_err_nircam_f277w": [1.0] * u.nJy}
        )
        assert as_sample(table).bands == ("F277W",)

    def test_two_columns_for_one_band_are_refused(self):
        table = catalogue(np.ones(1), np.ones(1))
        table["flux_f277w"] = [2.0] * u.nJy
        with pytest.raises(InputError, match="two for flux_F277W"):
            as_sample(table)

    def test_a_spectrum_needs_its_error(self):
        unit = u.erg / u.s / u.cm**2 / u.AA
        table = {"spectrum_wavelength": [[1.0]] * u.um, "spectrum_flux": [[1.0]] * unit}
        with pytest.raises(InputError, match="spectrum_flux needs column spectrum_flux_err"):
            as_sample(QTable(table))

    @pytest.mark.parametrize("name", ["flux_F277W", "flux_err_F277W"])
    def test_flux_and_error_need_each_other(self, name):
        with pytest.raises(InputError, match="which is missing"):
            as_sample(QTable({name: [1.0] * u.nJy}))

    @pytest.mark.parametrize("values", [["a", "b"], [[1.0, 2.0], [3.0, 4.0]], [1j, 2j]])
    def test_redshift_must_be_numbers(self, values):
        with pytest.raises(InputError, match="column redshift must hold numbers"):
            as_sample(Table({"redshift": values}))

    def test_own_columns_stay(self):
        table = Table({"redshift": [7.0], "note": ["x"], "group": ["g"]})
        assert list(as_sample(table)["note"]) == ["x"]


class TestImages:
    @pytest.mark.parametrize(("shape", "bands"), [((3, 8, 8), 1), ((3, 2, 8, 8), 2)])
    def test_arrays(self, shape, bands):
        sample = as_sample(np.zeros(shape))
        assert sample.cutout_bands == tuple(f"BAND{i + 1}" for i in range(bands))

    def test_masked_pixels_are_nan(self):
        images = np.ma.masked_equal(np.arange(8.0).reshape(2, 2, 2), 3.0)
        assert np.isnan(as_sample(images)["cutout_BAND1"][0, 1, 1])

    def test_features(self):
        assert as_sample([[1, 2], [3, 4]])["features"].shape == (2, 2)

    @pytest.mark.parametrize("bad", [np.zeros(3), np.zeros((1, 1, 1, 1, 1)), "text", 3.0, None])
    def test_other_input_is_refused(self, bad):
        with pytest.raises(InputError, match=r"X|array"):
            as_sample(bad)

    def test_sparse_is_refused(self):
        with pytest.raises(InputError, match="dense"):
            as_sample(scipy.sparse.eye_array(3))

    def test_a_single_image_is_refused(self):
        with pytest.raises(InputError, match="pass a list"):
            as_sample(NDData(np.ones((4, 4))))

    def test_images_of_different_shape_are_refused(self):
        with pytest.raises(InputError, match="same shape"):
            as_sample([NDData(np.ones((4, 4))), NDData(np.ones((5, 4)))])

    def test_bands_of_different_length_are_refused(self):
        images = [NDData(np.ones((4, 4)))]
        with pytest.raises(InputError, match="must have 1 images"):
            as_sample({"F277W": images, "F356W": images * 2})

    @pytest.mark.parametrize("unit", ["m", "mag(AB)"])
    def test_images_in_a_wrong_unit_are_refused(self, unit):
        table = Table({"cutout_F277W": Column(np.ones((1, 4, 4)), unit=unit)})
        with pytest.raises(InputError, match="flux density per pixel or surface brightness"):
            as_sample(table)

    def test_masks_must_fit_their_image(self):
        table = Table(
            {"cutout_F277W": np.ones((1, 4, 4)), "cutout_mask_F277W": np.ones((1, 3, 3), bool)}
        )
        with pytest.raises(InputError, match="shape of cutout_F277W"):
            as_sample(table)

    def test_names_for_bands(self):
        assert as_sample(np.zeros((2, 4, 4)), bands=["F444W"]).cutout_bands == ("F444W",)
        with pytest.raises(InputError, match="one image for each of bands"):
            as_sample(np.zeros((2, 4, 4)), bands=["F277W", "F444W"])

    def test_result_is_a_sample(self):
        assert type(as_sample(np.zeros((2, 4, 4)))) is GalaxySample


class TestInnocence:
    def test_the_input_is_left_alone(self):
        table = catalogue(np.arange(3.0), np.ones(3))
        table.meta["origin"] = "survey"
        sample = as_sample(table)
        sample["flux_F277W"][0] = np.nan
        sample.meta["origin"] = "elsewhere"
        assert table["flux_F277W"][0] == 0 * u.nJy
        assert table.meta["origin"] == "survey"


@pytest.mark.parametrize("kind", [str, Path])
def test_the_name_of_a_file_is_no_sample(kind):
    with pytest.raises(InputError, match=r"read_catalog\('jades\.fits'\)"):
        as_sample(kind("jades.fits"))


class TestLists:
    """Lists that were meant to be sources."""

    class Source:
        """Galaxies that are read in parts."""

        def __len__(self):
            return 0

        def samples(self):
            return iter(())

    @pytest.mark.parametrize(
        ("X", "match"),
        [
            ([], "at least one galaxy, or one source of galaxies, got an empty list"),
            (["jades.fits", "ceers.fits"], r"open each with .*open_catalog\('jades\.fits'\)"),
            ([Path("jades.fits")], r"open_catalog\('jades\.fits'\)"),
            ([Source(), [Source()]], "a list of sources alone"),
        ],
    )
    def test_what_is_not_one(self, X, match):
        with pytest.raises(InputError, match=match):
            as_sample(X)
