"""Cutouts from mosaics."""

import gzip
import io
import math
import os
import re
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import (
    CCDData,
    Cutout2D,
    InverseVariance,
    NDData,
    StdDevUncertainty,
    UnknownUncertainty,
    VarianceUncertainty,
)
from astropy.table import QTable, Table
from astropy.wcs import WCS, NoConvergence
from astropy.wcs.utils import skycoord_to_pixel
from hypothesis import given, settings
from hypothesis import strategies as st
from photutils.aperture import CircularAperture, aperture_photometry

from dustest.data import (
    FLAGS,
    DustestError,
    DustestWarning,
    GalaxySample,
    InputError,
    ReadError,
    as_sample,
    decode_flags,
)
from dustest.data.files.table_parts import FITS_BLOCK
from dustest.io import add_cutouts, read_catalog
from dustest.io._foreground import band_correction

# Most images of these tests need no errors.
pytestmark = pytest.mark.filterwarnings("ignore:the image of band .* has no error map")

SIDE = 120
SCALE = 0.03


def make_wcs(scale=SCALE, side=SIDE, center=(53.1, -27.8)):
    """A tangential projection, north up."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = center
    wcs.wcs.crpix = [(side + 1) / 2, (side + 1) / 2]
    wcs.wcs.cdelt = [-scale / 3600, scale / 3600]
    return wcs


def make_pixels(seed=1, side=SIDE, dtype=np.float32):
    """Noise of 0.1 around zero."""
    return np.random.default_rng(seed).normal(0, 0.1, size=(side, side)).astype(dtype)


def make_ccd(pixels=None, error=0.1, wcs=None, unit=u.nJy, **kwargs):
    """An image in memory."""
    pixels = make_pixels() if pixels is None else pixels
    uncertainty = None if error is None else StdDevUncertainty(np.full(pixels.shape, error))
    return CCDData(pixels, uncertainty=uncertainty, wcs=wcs or make_wcs(), unit=unit, **kwargs)


def make_positions(x, y, wcs=None):
    """Galaxies at pixel positions."""
    sky = (wcs or make_wcs()).pixel_to_world(np.atleast_1d(x), np.atleast_1d(y))
    return QTable({"ra": sky.ra, "dec": sky.dec})


def write_mosaic(path, extensions, unit="nJy", wcs=None):
    """Write images as extensions of a FITS file."""
    header = (wcs or make_wcs()).to_header()
    if unit is not None:
        header["BUNIT"] = unit
    hdus = [fits.ImageHDU(pixels, header, name=name) for name, pixels in extensions.items()]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
    return path


def flags_of(sample):
    """Names of the flags of each row, as sets."""
    return [set(names) for names in decode_flags(np.asarray(sample["flags"]))]


class TestPixels:
    @settings(max_examples=40)
    @given(x=st.floats(20, SIDE - 21), y=st.floats(20, SIDE - 21), size=st.integers(12, 33))
    def test_the_same_as_cutout2d(self, x, y, size):
        image = make_ccd()
        table = make_positions(x, y)
        px, py = image.wcs.world_to_pixel_values(table["ra"].value, table["dec"].value)
        expected = Cutout2D(image.data, (px[0], py[0]), size, mode="strict")
        sample = add_cutouts(table, {"F277W": image}, size=size)
        assert sample["cutout_F277W"].shape == (1, size, size)
        np.testing.assert_array_equal(sample["cutout_F277W"][0].value, expected.data)
        assert sample["cutout_F277W"].unit == u.nJy
        np.testing.assert_allclose(sample["cutout_err_F277W"].value, 0.1, rtol=1e-6)
        assert not np.any(sample["cutout_mask_F277W"])
        assert "EDGE" not in flags_of(sample)[0]

    def test_default_size_and_columns(self):
        sample = add_cutouts(make_positions([60, 50], [60, 50]), {"nircam_f277w": make_ccd()})
        assert isinstance(sample, GalaxySample)
        assert sample.cutout_bands == ("F277W",)
        assert sample["cutout_F277W"].shape == (2, 32, 32)
        assert sample["flags"].dtype == np.int32
        np.testing.assert_allclose(sample["pixel_scale"].to_value(u.arcsec), SCALE, rtol=1e-6)

    def test_the_sample_stays_as_it_is(self):
        table = as_sample(make_positions(60, 60))
        add_cutouts(table, {"F277W": make_ccd()})
        assert table.colnames == ["id", "ra", "dec"]

    def test_another_frame_of_coordinates(self):
        wcs = make_wcs()
        wcs.wcs.radesys, wcs.wcs.equinox = "FK5", 1975.0
        pixels = np.arange(SIDE**2, dtype=float).reshape(SIDE, SIDE)
        sky = wcs.pixel_to_world(60, 70).icrs
        table = QTable({"ra": [sky.ra], "dec": [sky.dec]})
        sample = add_cutouts(table, {"F277W": make_ccd(pixels, wcs=wcs)}, size=15)
        assert sample["cutout_F277W"][0, 7, 7].value == pixels[70, 60]

    @pytest.mark.parametrize("dtype", ["int16", "int32", "uint8", "float64", ">f4"])
    def test_every_type_of_pixels(self, tmp_path, dtype):
        pixels = np.arange(SIDE**2).reshape(SIDE, SIDE) % 100
        path = write_mosaic(tmp_path / "m.fits", {"SCI": pixels.astype(dtype)})
        cutout = add_cutouts(make_positions(0, 60), {"F277W": path}, size=21)["cutout_F277W"]
        assert cutout.dtype.kind == "f"
        assert cutout.dtype.isnative
        assert np.all(np.isnan(cutout[0, :, :10]))
        np.testing.assert_array_equal(cutout[0, :, 10:].value, pixels[50:71, :11])

    def test_existing_cutouts_of_the_band_are_replaced(self):
        positions = make_positions(60, 60)
        first = add_cutouts(positions, {"F277W": make_ccd(), "F356W": make_ccd()})
        second = add_cutouts(first, {"F277W": make_ccd(error=None)}, size=21)
        assert second["cutout_F277W"].shape == (1, 21, 21)
        assert "cutout_err_F277W" not in second.colnames
        assert second["cutout_F356W"].shape == (1, 32, 32)

    def test_photometry_and_more_stay(self):
        table = make_positions([60, 50], [60, 50])
        table["id"], table["redshift"] = ["a", "b"], [7.0, 8.0]
        table["flux_F277W"], table["flux_err_F277W"] = [5.0, 6.0] * u.nJy, [1.0, 1.0] * u.nJy
        sample = add_cutouts(table, {"F277W": make_ccd()})
        assert list(sample["id"]) == ["a", "b"]
        assert sample.bands == ("F277W",)


class TestFlags:
    def test_edge(self):
        sample = add_cutouts(make_positions([2.3, 60], [60, 60]), {"F277W": make_ccd()})
        assert "EDGE" in flags_of(sample)[0]
        assert "EDGE" not in flags_of(sample)[1]
        assert "BAD_PIXELS" not in flags_of(sample)[0]
        cutout, mask = sample["cutout_F277W"][0].value, sample["cutout_mask_F277W"][0]
        assert np.all(np.isnan(cutout[:, :13]))
        np.testing.assert_array_equal(np.isnan(cutout), mask)

    def test_beyond_the_image(self):
        with pytest.warns(
            DustestWarning, match="none of the 1 galaxies is on the image of band F277W"
        ):
            sample = add_cutouts(make_positions(5000, 60), {"F277W": make_ccd()})
        assert flags_of(sample) == [{"NO_DATA", "EDGE"}]
        assert np.all(np.isnan(sample["cutout_F277W"]))
        assert np.all(sample["cutout_mask_F277W"])
        assert np.isnan(sample["snr_F277W"][0])

    def test_the_other_side_of_the_sky(self):
        table = QTable({"ra": [233.1, 53.1] * u.deg, "dec": [27.8, -27.8] * u.deg})
        flags = flags_of(add_cutouts(table, {"F277W": make_ccd(make_pixels() + 1.0)}))
        assert flags == [{"NO_DATA", "EDGE"}, set()]

    def test_unknown_position(self):
        table = QTable({"ra": [np.nan, 53.1, 53.1, -99.0], "dec": [-27.8, np.nan, -27.8, -99.0]})
        table["ra"].unit = table["dec"].unit = u.deg
        sample = add_cutouts(table, {"F277W": make_ccd(make_pixels() + 1.0)})
        assert flags_of(sample) == [{"NO_DATA"}, {"NO_DATA"}, set(), {"NO_DATA"}]

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_pixels_that_are_not_finite(self, bad):
        pixels = make_pixels()
        pixels[60, 65] = bad
        sample = add_cutouts(make_positions([60, 20], [60, 20]), {"F277W": make_ccd(pixels)})
        assert "BAD_PIXELS" in flags_of(sample)[0]
        assert "BAD_PIXELS" not in flags_of(sample)[1]
        assert sample["cutout_mask_F277W"][0].sum() == 1

    def test_masked_pixels(self):
        mask = np.zeros((SIDE, SIDE), dtype=bool)
        mask[60, 60] = True
        sample = add_cutouts(make_positions(60, 60), {"F277W": make_ccd(mask=mask)})
        assert "BAD_PIXELS" in flags_of(sample)[0]
        assert sample["cutout_mask_F277W"].sum() == 1

    @pytest.mark.parametrize("error", [0.0, np.nan, -1.0])
    def test_errors_that_are_not_positive(self, error):
        image = make_ccd()
        image.uncertainty.array[60, 60] = error
        sample = add_cutouts(make_positions(60, 60), {"F277W": image})
        assert sample["cutout_mask_F277W"].sum() == 1
        assert "BAD_PIXELS" in flags_of(sample)[0]

    def test_no_good_pixel(self):
        image = make_ccd(np.full((SIDE, SIDE), np.nan))
        sample = add_cutouts(make_positions(60, 60), {"F277W": image})
        assert flags_of(sample) == [{"NO_DATA", "BAD_PIXELS"}]

    def test_one_of_two_bands_missing(self):
        images = {"F277W": make_ccd(), "F356W": make_ccd(np.full((SIDE, SIDE), np.nan))}
        flags = flags_of(add_cutouts(make_positions(60, 60), images))[0]
        assert "MISSING_BAND" in flags
        assert "NO_DATA" not in flags

    def test_flags_that_were_there_stay(self):
        table = make_positions([60, 60], [60, 60])
        table["flags"] = np.array([FLAGS["OUT_OF_DOMAIN"].value, 0], dtype=np.int32)
        flags = flags_of(add_cutouts(table, {"F277W": make_ccd()}))
        assert "OUT_OF_DOMAIN" in flags[0]
        assert "OUT_OF_DOMAIN" not in flags[1]


class TestSignalToNoise:
    def test_against_photutils_on_the_mosaic(self):
        pixels = make_pixels() + 1.0
        x, y = np.array([40.3, 70.8, 55.5]), np.array([60.1, 44.9, 50.0])
        sample = add_cutouts(make_positions(x, y), {"F277W": make_ccd(pixels)})
        apertures = CircularAperture(np.stack([x, y], axis=1), 0.16 / SCALE)
        table = aperture_photometry(pixels, apertures, error=np.full(pixels.shape, 0.1))
        expected = table["aperture_sum"] / table["aperture_sum_err"]
        np.testing.assert_allclose(sample["snr_F277W"], expected, rtol=1e-5)

    def test_low_where_there_is_only_noise(self):
        pixels = make_pixels()
        pixels[55:66, 35:46] += 1.0
        sample = add_cutouts(make_positions([40, 80], [60, 60]), {"F277W": make_ccd(pixels)})
        assert flags_of(sample) == [set(), {"LOW_SNR"}]

    def test_one_good_band_is_enough(self):
        images = {"F090W": make_ccd(), "F277W": make_ccd(make_pixels() + 1.0)}
        assert flags_of(add_cutouts(make_positions(60, 60), images)) == [set()]

    def test_factor_for_correlated_noise(self):
        images = {"F277W": make_ccd(make_pixels() + 1.0), "F356W": make_ccd(make_pixels() + 1.0)}
        plain = add_cutouts(make_positions(60, 60), images)
        scaled = add_cutouts(make_positions(60, 60), images, noise_factor={"F356W": 3.0})
        assert scaled["snr_F277W"][0] == plain["snr_F277W"][0]
        assert scaled["snr_F356W"][0] == pytest.approx(plain["snr_F356W"][0] / 3.0)

    def test_noise_from_the_cutout_where_there_is_no_error(self):
        pixels = make_pixels()
        x, y = np.array([60.0]), np.array([60.0])
        pixels[55:66, 55:66] += 0.5
        given_error = add_cutouts(make_positions(x, y), {"F277W": make_ccd(pixels)})
        without = add_cutouts(make_positions(x, y), {"F277W": make_ccd(pixels, error=None)})
        assert "cutout_err_F277W" not in without.colnames
        # The galaxy itself adds to the scatter, so the noise is rather over- than underrated.
        ratio = without["snr_F277W"][0] / given_error["snr_F277W"][0]
        assert 0.7 < ratio < 1.05

    def test_one_warning_for_each_band_without_errors(self):
        images = {
            "F200W": make_ccd(error=None),
            "F277W": make_ccd(),
            "F356W": make_ccd(error=None),
        }
        with pytest.warns(DustestWarning, match="has no error map") as caught:
            add_cutouts(make_positions([40, 60], [60, 60]), images)
        bands = [re.search(r"band (\w+)", str(item.message))[1] for item in caught]
        assert bands == ["F200W", "F356W"]

    def test_an_unknown_ratio_is_not_low(self):
        # Without any scatter there is no noise to divide by.
        sample = cut(make_ccd(full(1.0), error=None))
        assert np.isnan(sample["snr_F277W"][0])
        assert flags_of(sample) == [set()]

    def test_a_low_ratio_beside_an_unknown_one_is_low(self):
        images = {"F200W": make_ccd(full(1.0), error=None), "F277W": make_ccd()}
        assert flags_of(add_cutouts(make_positions(60, 60), images)) == [{"LOW_SNR"}]

    def test_bad_pixels_are_left_out(self):
        pixels = make_pixels() + 1.0
        pixels[60, 60] = 1e6
        mask = pixels > 1e5
        sample = add_cutouts(make_positions(60, 60), {"F277W": make_ccd(pixels, mask=mask)})
        assert sample["snr_F277W"][0] < 200

    def test_threshold(self):
        sample = add_cutouts(make_positions(60, 60), {"F277W": make_ccd()}, snr_min=-100.0)
        assert flags_of(sample) == [set()]

    def test_aperture_that_does_not_fit(self):
        with pytest.raises(InputError, match="aperture must fit into the cutouts of 8 pixels"):
            add_cutouts(make_positions(60, 60), {"F277W": make_ccd()}, size=8)


class TestFiles:
    def test_extensions_by_name(self, tmp_path):
        pixels = make_pixels()
        extensions = {
            "SCI": pixels,
            "ERR": np.full(pixels.shape, 0.2, dtype=np.float32),
            "WHT": np.full(pixels.shape, 1e9, dtype=np.float32),
        }
        path = write_mosaic(tmp_path / "m.fits", extensions)
        sample = add_cutouts(make_positions(60, 60), {"F277W": path})
        np.testing.assert_allclose(sample["cutout_err_F277W"].value, 0.2, rtol=1e-6)

    def test_inverse_variance(self, tmp_path):
        weight = np.full((SIDE, SIDE), 4.0, dtype=np.float32)
        weight[60, 60] = 0.0
        path = write_mosaic(tmp_path / "m.fits", {"SCI": make_pixels(), "WHT": weight})
        sample = add_cutouts(make_positions(60, 60), {"F277W": path}, size=21)
        error = sample["cutout_err_F277W"][0].value
        assert np.isnan(error[10, 10])
        assert error[0, 0] == 0.5
        assert sample["cutout_mask_F277W"].sum() == 1

    def test_mask_and_data_quality(self, tmp_path):
        mask = np.zeros((SIDE, SIDE), dtype=np.int32)
        quality = np.zeros((SIDE, SIDE), dtype=np.uint32)
        mask[60, 60], quality[60, 61], quality[60, 62] = 7, 1, 4
        extensions = {"SCI": make_pixels(), "MASK": mask, "DQ": quality}
        path = write_mosaic(tmp_path / "m.fits", extensions)
        sample = add_cutouts(make_positions(60, 60), {"F277W": path}, size=21)
        assert np.argwhere(sample["cutout_mask_F277W"][0]).tolist() == [[10, 10], [10, 11]]

    def test_bands_in_one_file(self, tmp_path):
        one, two = make_pixels(1), make_pixels(2)
        path = write_mosaic(tmp_path / "m.fits", {"F277W_SCI": one, "F356W_SCI": two})
        sample = add_cutouts(make_positions(60, 60), {"F356W": path}, size=21)
        np.testing.assert_array_equal(sample["cutout_F356W"][0].value, two[50:71, 50:71])
        with pytest.raises(InputError, match=r"named SCI or F444W_SCI, found .*F277W_SCI"):
            add_cutouts(make_positions(60, 60), {"F444W": path})

    def test_files_of_their_own(self, tmp_path):
        paths = {}
        for kind, value in (("sci", 1.0), ("wht", 4.0)):
            paths[kind] = tmp_path / f"{kind}.fits"
            header = make_wcs().to_header()
            header["BUNIT"] = "10.0*nanoJansky"
            fits.PrimaryHDU(np.full((SIDE, SIDE), value), header).writeto(paths[kind])
        sample = add_cutouts(make_positions(60, 60), {"F277W": paths})
        assert sample["cutout_F277W"].to(u.nJy)[0, 0, 0].value == pytest.approx(10.0)
        assert sample["cutout_err_F277W"].to(u.nJy)[0, 0, 0].value == pytest.approx(5.0)

    def test_image_named_after_its_band(self, tmp_path):
        pixels = make_pixels()
        path = write_mosaic(tmp_path / "m.fits", {"F150W": make_pixels(2), "F277W": pixels})
        sample = add_cutouts(make_positions(60, 60), {"F277W": path}, size=21)
        np.testing.assert_array_equal(sample["cutout_F277W"][0].value, pixels[50:71, 50:71])

    def test_list_in_memory(self):
        header = make_wcs().to_header()
        header["BUNIT"] = "nJy"
        hdus = fits.HDUList([fits.PrimaryHDU(make_pixels(), header)])
        sample = add_cutouts(make_positions(60, 60), {"F277W": hdus}, size=21)
        np.testing.assert_array_equal(sample["cutout_F277W"][0].value, make_pixels()[50:71, 50:71])

    def test_open_list_stays_open(self, tmp_path):
        path = write_mosaic(tmp_path / "m.fits", {"SCI": make_pixels()})
        with fits.open(path) as hdus:
            add_cutouts(make_positions(60, 60), {"F277W": hdus})
            assert hdus["SCI"].data[0, 0] == make_pixels()[0, 0]

    def test_compressed_images(self, tmp_path):
        pixels = make_pixels()
        header = make_wcs().to_header()
        header["BUNIT"] = "nJy"
        hdu = fits.CompImageHDU(pixels, header, name="SCI", quantize_level=-1e-4)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "m.fits")
        sample = add_cutouts(make_positions(60, 60), {"F277W": tmp_path / "m.fits"}, size=21)
        expected = pixels[50:71, 50:71]
        np.testing.assert_allclose(sample["cutout_F277W"][0].value, expected, atol=1e-4)

    def test_gzipped_files(self, tmp_path):
        path = write_mosaic(tmp_path / "m.fits", {"SCI": make_pixels()})
        packed = tmp_path / "m.fits.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        sample = add_cutouts(make_positions(60, 60), {"F277W": packed}, size=21)
        np.testing.assert_array_equal(sample["cutout_F277W"][0].value, make_pixels()[50:71, 50:71])

    def test_scaled_integers(self, tmp_path):
        hdu = fits.ImageHDU(np.arange(SIDE**2).reshape(SIDE, SIDE) * 0.5, make_wcs().to_header())
        hdu.name, hdu.header["BUNIT"] = "SCI", "nJy"
        hdu.scale("int16", bscale=0.5, bzero=1000.0)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "m.fits")
        cutout = add_cutouts(make_positions(60, 60), {"F277W": tmp_path / "m.fits"}, size=21)
        assert cutout["cutout_F277W"][0, 10, 10].value == (60 * SIDE + 60) * 0.5

    def test_errors_in_another_unit(self, tmp_path):
        path = write_mosaic(tmp_path / "m.fits", {"SCI": make_pixels(), "ERR": make_pixels() + 9})
        with fits.open(path, mode="update") as hdus:
            hdus["ERR"].header["BUNIT"] = "uJy"
        sample = add_cutouts(make_positions(60, 60), {"F277W": path}, size=21)
        expected = 1000.0 * (make_pixels() + 9)[50:71, 50:71]
        np.testing.assert_allclose(sample["cutout_err_F277W"][0].value, expected, rtol=1e-6)

    def test_no_memory_for_the_mosaic(self, tmp_path):
        side = 4000
        path = write_mosaic(
            tmp_path / "m.fits",
            {"SCI": np.zeros((side, side), dtype=np.float32)},
            wcs=make_wcs(side=side),
        )
        positions = make_positions([2000, 100], [2000, 3900], make_wcs(side=side))
        before = anonymous_memory()
        add_cutouts(positions, {"F277W": path})
        assert anonymous_memory() - before < side * side * 4 / 1e6 / 3


def anonymous_memory():
    """Memory of this process alone in MB; without /proc there is nothing to measure."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("memory is measured through /proc")
    return int(re.search(r"RssAnon:\s+(\d+) kB", status.read_text())[1]) / 1024


def make_hdu(pixels, name, unit=None, **cards):
    """An image as an extension, with coordinates."""
    header = make_wcs().to_header()
    if unit is not None:
        header["BUNIT"] = unit
    header.update(cards)
    return fits.ImageHDU(pixels, header, name=name)


def make_list(*hdus):
    """A file in memory."""
    return fits.HDUList([fits.PrimaryHDU(), *hdus])


def full(value):
    """An image of one value."""
    return np.full((SIDE, SIDE), value)


def cut(image, **options):
    """Cutouts of one galaxy in one band."""
    return add_cutouts(make_positions(60, 60), {"F277W": image}, size=21, **options)


class TestErrorMaps:
    """Extensions that tell the error, each of 0.2 nJy."""

    @pytest.mark.parametrize(
        "name",
        [
            *("ERR", "ERROR", "RMS", "SIGMA", "SIG", "STD", "STDDEV", "UNCERTAINTY", "UNC"),
            *("NOISE", "UNCERT", "ERR_F277W", "F277W_SIG"),
        ],
    )
    @pytest.mark.parametrize(("unit", "value"), [(None, 0.2), ("nJy", 0.2), ("uJy", 2e-4)])
    def test_standard_deviations(self, name, unit, value):
        sample = cut(
            make_list(make_hdu(full(1.0), "SCI", "nJy"), make_hdu(full(value), name, unit))
        )
        np.testing.assert_allclose(sample["cutout_err_F277W"].value, 0.2, rtol=1e-6)

    @pytest.mark.parametrize("name", ["VAR", "VARIANCE", "nircam_f277w_var"])
    @pytest.mark.parametrize(
        ("unit", "value"), [(None, 0.04), ("nJy2", 0.04), ("uJy2", 4e-8), ("nJy", 0.04)]
    )
    def test_variances(self, name, unit, value):
        sample = cut(
            make_list(make_hdu(full(1.0), "SCI", "nJy"), make_hdu(full(value), name, unit))
        )
        np.testing.assert_allclose(sample["cutout_err_F277W"].value, 0.2, rtol=1e-6)

    @pytest.mark.parametrize("name", ["WHT", "WEIGHT", "IVM", "IVAR", "INVVAR"])
    @pytest.mark.parametrize(
        ("unit", "value"),
        [(None, 25.0), ("nJy-2", 25.0), ("uJy-2", 25e6), ("1 / uJy2", 25e6), ("nJy", 25.0)],
    )
    def test_inverse_variances(self, name, unit, value):
        sample = cut(
            make_list(make_hdu(full(1.0), "SCI", "nJy"), make_hdu(full(value), name, unit))
        )
        np.testing.assert_allclose(sample["cutout_err_F277W"].value, 0.2, rtol=1e-6)

    @settings(max_examples=30)
    @given(
        image=st.sampled_from(["nJy", "uJy", "10 nJy", "nJy/pix", "MJy/sr"]),
        error=st.sampled_from(["nJy", "uJy", "mJy/pix", "MJy/sr", "ct", "ujy"]),
        kind=st.sampled_from(["ERR", "VAR", "WHT"]),
    )
    def test_every_pair_of_units_is_right_or_refused(self, image, error, kind):
        scales = {"nJy": 1.0, "uJy": 1e3, "10 nJy": 10.0, "nJy/pix": 1.0, "mJy/pix": 1e6}
        power = {"ERR": 1, "VAR": 2, "WHT": -2}[kind]
        declared = error if error == "ujy" else (u.Unit(error) ** power).to_string()
        hdus = make_list(
            make_hdu(full(1.0), "SCI", image), make_hdu(full(0.2**power), kind, declared)
        )
        if error in ("ct", "ujy") or ("sr" in image) != ("sr" in error):
            with pytest.raises(InputError, match=f"{kind} of band F277W declares the unit"):
                cut(hdus)
            return
        expected = 0.2 * scales.get(error, 1.0) / scales.get(image, 1.0)
        np.testing.assert_allclose(cut(hdus)["cutout_err_F277W"].value, expected, rtol=1e-5)

    @pytest.mark.parametrize(
        ("name", "unit", "hint"),
        [
            ("WHT", "s", ""),
            ("ERR", "ujy", "did you mean 'uJy'"),
            ("ERR", "nJy2", ""),
            ("VAR", "s", ""),
        ],
    )
    def test_units_that_do_not_fit(self, name, unit, hint):
        hdus = make_list(make_hdu(full(1.0), "SCI", "nJy"), make_hdu(full(1.0), name, unit))
        with pytest.raises(
            InputError, match=f"{name} of band F277W declares the unit '{unit}', .*{hint}"
        ):
            cut(hdus)

    def test_the_best_of_several(self):
        maps = [
            make_hdu(full(value), name)
            for name, value in (("WHT", 1e9), ("VAR", 1e9), ("ERR", 0.2))
        ]
        sample = cut(make_list(make_hdu(full(1.0), "SCI", "nJy"), *maps))
        np.testing.assert_allclose(sample["cutout_err_F277W"].value, 0.2, rtol=1e-6)

    @pytest.mark.parametrize(
        "uncertainty", [StdDevUncertainty(0.2), VarianceUncertainty(0.04), InverseVariance(25.0)]
    )
    def test_what_ccddata_writes(self, tmp_path, uncertainty):
        image = make_ccd(mask=np.eye(SIDE, dtype=bool), error=None)
        image.uncertainty = type(uncertainty)(full(uncertainty.array))
        image.write(tmp_path / "ccd.fits")
        sample, memory = cut(tmp_path / "ccd.fits"), cut(image)
        np.testing.assert_allclose(sample["cutout_err_F277W"].value, 0.2, rtol=1e-6)
        np.testing.assert_allclose(sample["snr_F277W"], memory["snr_F277W"])
        for name in ("cutout_mask_F277W", "cutout_F277W", "flags"):
            np.testing.assert_array_equal(sample[name], memory[name])

    @pytest.mark.parametrize(
        ("utype", "value"),
        [("StdDevUncertainty", 0.2), ("VarianceUncertainty", 0.04), ("InverseVariance", 25.0)],
    )
    def test_every_utype(self, utype, value):
        error = make_hdu(full(value), "UNCERT", UTYPE=utype)
        sample = cut(make_list(make_hdu(full(1.0), "SCI", "nJy"), error))
        np.testing.assert_allclose(sample["cutout_err_F277W"].value, 0.2, rtol=1e-6)

    def test_an_utype_that_is_not_known(self):
        hdus = make_list(
            make_hdu(full(1.0), "SCI", "nJy"),
            make_hdu(full(1.0), "UNCERT", UTYPE="UnknownUncertainty"),
        )
        with pytest.raises(InputError, match="UNCERT must have a UTYPE of StdDevUncertainty"):
            cut(hdus)

    @pytest.mark.parametrize(
        ("name", "what"),
        [
            *(("VAR_POISSON", "errors"), ("ERR_MAP", "errors"), ("RMS_MAP", "errors")),
            *(("SIGMA_2", "errors"), ("WHT_2", "errors"), ("WEIGHTS", "errors")),
            *(("UNC_MAP", "errors"), ("IVM_2", "errors"), ("STD_2", "errors")),
            *(("SKYNOISE", "errors"), ("BAD_MAP", "mask"), ("MASK_2", "mask"), ("DQ_2", "mask")),
            *(("FLAGS", "mask"), ("QUALITY", "mask"), ("BPM_2", "mask")),
        ],
    )
    def test_what_looks_like_errors_or_a_mask_but_is_not_used(self, name, what):
        hdus = make_list(make_hdu(full(1.0), "SCI", "nJy"), make_hdu(full(1.0), name))
        with pytest.warns(DustestWarning, match=f"read without {what}: {name} of its file is not"):
            cut(hdus)

    @pytest.mark.parametrize(
        ("name", "key"), [("ERR", "err"), ("SIG", "err"), ("F277W_WHT", "wht"), ("RMS_MAP", "err")]
    )
    def test_errors_beside_an_image_that_is_given_alone(self, tmp_path, name, key):
        path = write_mosaic(tmp_path / "m.fits", {"SCI": full(1.0), name: full(0.2)})
        with pytest.warns(
            DustestWarning, match=f'{name} of its file is not.*"{key}": hdus'
        ) as seen:
            cut({"sci": path})
        assert len(seen) == 2
        assert "has no error map" in str(seen[1].message)

    def test_other_extensions_are_no_reason_to_warn(self):
        names = ("SEGMAP", "EXPTIME", "F356W_ERR")
        maps = [make_hdu(full(1.0), name) for name in (*names, "ERR", "VAR_POISSON")]
        maps.append(make_hdu(np.ones((9, 9)), "BAD_MAP"))
        assert flags_of(cut(make_list(make_hdu(make_pixels(), "SCI", "nJy"), *maps)))[0] <= {
            "LOW_SNR"
        }


class TestWhichImage:
    @pytest.mark.parametrize("name", ["SCI", "DATA", "SCIENCE", "IMAGE", "SCI_F277W", "F277W"])
    def test_names_of_the_science_image(self, name):
        hdus = make_list(make_hdu(full(1.0), "A", "nJy"), make_hdu(full(3.0), name, "nJy"))
        assert cut(hdus)["cutout_F277W"][0, 3, 3].value == 3.0

    @pytest.mark.parametrize(
        ("name", "value"), [("MASK", 2), ("BADPIX", 2), ("BPM", 2), ("DQ", 1), ("F277W_MASK", 2)]
    )
    def test_names_of_masks(self, name, value):
        bad = np.zeros((SIDE, SIDE), dtype="i4")
        bad[60, 60] = value
        hdus = make_list(make_hdu(full(1.0), "SCI", "nJy"), make_hdu(bad, name))
        mask = cut(hdus)["cutout_mask_F277W"][0]
        assert mask.sum() == 1
        assert mask[10, 10]

    @pytest.mark.parametrize(
        "name", ["", "SCI", "DATA", "MOSAIC", "DRZ", "F277W", "SCI_F277W", "SEGMAP"]
    )
    def test_a_single_image_of_any_name(self, name):
        hdus = make_list(make_hdu(full(3.0), name, "nJy"), make_hdu(full(1.0), "ERR"))
        assert cut(hdus)["cutout_F277W"][0, 3, 3].value == 3.0

    @pytest.mark.parametrize(
        "names", [("A", "B"), ("SCI", "SCI"), ("F277W_SCI", "SCI_F277W"), ("", "A")]
    )
    def test_several_that_could_be_meant(self, names):
        hdus = make_list(*(make_hdu(full(i), name, "nJy") for i, name in enumerate(names)))
        with pytest.raises(InputError, match=r"images\['F277W'\] may mean several images of the"):
            cut(hdus)
        assert cut({"sci": hdus[2]})["cutout_F277W"][0, 3, 3].value == 1.0
        assert cut(hdus[1])["cutout_F277W"][0, 3, 3].value == 0.0

    @pytest.mark.parametrize("name", ["F356W", "F356W_SCI", "ERR", "VAR_POISSON"])
    def test_no_image_of_the_band(self, name):
        hdus = make_list(make_hdu(full(1.0), name, "nJy"))
        with pytest.raises(
            InputError, match=rf"named SCI or F277W_SCI, found {name} \(120, 120\)"
        ):
            cut(hdus)

    def test_keys_of_a_dictionary(self):
        hdus = make_list(make_hdu(full(1.0), "A", "nJy"), make_hdu(full(0.04), "B"))
        sample = cut({"SCI": hdus["A"], "variance": hdus["B"]})
        np.testing.assert_allclose(sample["cutout_err_F277W"].value, 0.2)
        with pytest.raises(InputError, match=r"got 'eror': did you mean 'err'\?"):
            cut({"sci": hdus["A"], "eror": hdus["B"]})
        with pytest.raises(
            InputError, match=r"images\['F277W'\] must have the key 'sci', got 'err'"
        ):
            cut({"err": hdus["A"]})

    def test_a_file_of_errors_with_another_meaning(self):
        science = make_hdu(full(1.0), "A", "nJy")
        with pytest.raises(InputError, match=r"\['err'\] must hold a 2-D image named ERR"):
            cut({"sci": science, "err": make_list(make_hdu(full(1.0), "WHT"))})

    @pytest.mark.parametrize("shape", [(1, SIDE, SIDE), (1, 1, SIDE, SIDE)])
    @pytest.mark.parametrize("dtype", ["float32", "uint16"])
    def test_axes_of_length_one(self, tmp_path, shape, dtype):
        pixels = (np.arange(SIDE**2) % 1000).reshape(shape).astype(dtype)
        make_list(make_hdu(pixels, "SCI", "nJy")).writeto(tmp_path / "m.fits")
        expected = pixels.reshape(SIDE, SIDE)[50:71, 50:71]
        np.testing.assert_array_equal(cut(tmp_path / "m.fits")["cutout_F277W"][0].value, expected)
        image = NDData(
            pixels, unit="nJy", wcs=make_wcs(), uncertainty=StdDevUncertainty(pixels + 1)
        )
        np.testing.assert_array_equal(cut(image)["cutout_F277W"][0].value, expected)

    def test_a_cube(self):
        with pytest.raises(InputError, match=r"found SCI \(3, 9, 9\)"):
            cut(make_list(make_hdu(np.ones((3, 9, 9)), "SCI", "nJy")))

    @pytest.mark.parametrize("dtype", ["float16", "bool", ">i2", "uint64"])
    def test_types_in_memory(self, dtype):
        image = NDData(full(1).astype(dtype), unit="nJy", wcs=make_wcs())
        cutout = cut(image)["cutout_F277W"]
        assert cutout.dtype.isnative
        np.testing.assert_array_equal(cutout.value, 1.0)

    def test_numbers_that_are_not_real(self):
        with pytest.raises(InputError, match="must have 2 axes and hold numbers, got complex128"):
            cut(NDData(full(1j), unit="nJy", wcs=make_wcs()))


@contextmanager
def growth_of_memory():
    """Largest growth of the resident memory in MB, mapped files included, in a list."""
    status = Path("/proc/self/status")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, grown = re.search(r"VmRSS:\s+(\d+)", status.read_text())[1], []
    yield grown
    grown.append((int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) - int(before)) / 1024)


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux")
class TestMemory:
    SIDE = 14_142

    def write(self, path, **cards):
        """Write a mosaic of zeros of 1.6 GB, which takes no room on the disk."""
        header = make_hdu(np.zeros((1, 1), "f4"), "SCI", "nJy").header
        header["NAXIS1"] = header["NAXIS2"] = self.SIDE
        for name in ("SCI", "ERR"):
            header["EXTNAME"] = name
            header.update(cards)
            n_bytes = header["NAXIS1"] * header["NAXIS2"] * abs(header["BITPIX"]) // 8
            with path.open("ab") as file:
                if name == "SCI":
                    file.write(fits.PrimaryHDU().header.tostring().encode())
                file.write(header.tostring().encode())
                end = file.tell() + FITS_BLOCK * math.ceil(n_bytes / FITS_BLOCK)
            os.truncate(path, end)
        return path

    @pytest.mark.parametrize(("n", "cards"), [(800, {}), (50, {"BITPIX": 16, "BZERO": 1.0})])
    def test_only_pixels_around_galaxies_are_in_memory(self, tmp_path, n, cards):
        path = self.write(tmp_path / "m.fits", **cards)
        positions = make_positions(*np.random.default_rng(240303).uniform(0, self.SIDE, (2, n)))
        cut(path)
        with growth_of_memory() as grown:
            sample = add_cutouts(positions, {"F277W": path})
        assert np.nanmax(sample["cutout_F277W"]).value == cards.get("BZERO", 0.0)
        assert grown[0] < 60


class TestCompressed:
    @pytest.mark.parametrize("algorithm", ["RICE_1", "GZIP_1", "HCOMPRESS_1"])
    @pytest.mark.parametrize("packed", [False, True])
    def test_scaled(self, tmp_path, algorithm, packed):
        stored = (np.arange(SIDE**2) % 3000).reshape(SIDE, SIDE).astype("int16")
        header = make_hdu(None, "SCI", "nJy").header
        hdu = fits.CompImageHDU(stored, header, name="SCI", compression_type=algorithm)
        hdu.writeto(tmp_path / "plain.fits")
        with fits.open(tmp_path / "plain.fits", disable_image_compression=True) as hdus:
            hdus[1].header["BSCALE"], hdus[1].header["BZERO"] = 0.5, 100.0
            hdus.writeto(tmp_path / "m.fits")
        path = tmp_path / "m.fits"
        if packed:
            path = tmp_path / "m.fits.gz"
            path.write_bytes(gzip.compress((tmp_path / "m.fits").read_bytes()))
        expected = 0.5 * stored[50:71, 50:71] + 100.0
        np.testing.assert_array_equal(cut(path)["cutout_F277W"][0].value, expected)
        with fits.open(path, memmap=True) as hdus:
            np.testing.assert_array_equal(cut(hdus)["cutout_F277W"][0].value, expected)

    @pytest.mark.parametrize("make", [fits.ImageHDU, fits.CompImageHDU])
    def test_pixels_changed_in_memory(self, tmp_path, make):
        header = make_hdu(None, "SCI", "nJy").header
        hdu = make(full(3).astype("uint16"), header, name="SCI")
        make_list(hdu).writeto(tmp_path / "m.fits")
        with fits.open(tmp_path / "m.fits") as hdus:
            hdus["SCI"].data[:] = 5
            np.testing.assert_array_equal(cut(hdus)["cutout_F277W"].value, 5.0)

    def test_files_in_memory(self, tmp_path):
        hdu = fits.ImageHDU(
            full(3).astype("uint16"), make_hdu(None, "SCI", "nJy").header, name="SCI"
        )
        make_list(hdu).writeto(tmp_path / "m.fits")
        with fits.open(io.BytesIO((tmp_path / "m.fits").read_bytes())) as hdus:
            np.testing.assert_array_equal(cut(hdus)["cutout_F277W"].value, 3.0)


def turned(angle, x_scale=SCALE, y_scale=SCALE, shear=0.0):
    """Coordinates with pixels of any shape and direction."""
    c, s = np.cos(angle), np.sin(angle)
    wcs = make_wcs()
    step = np.array([[c, -s], [s, c]]) @ np.array([[-x_scale, shear], [0.0, y_scale]])
    wcs.wcs.cdelt = [1.0, 1.0]
    wcs.wcs.cd = step / 3600.0
    return wcs


class TestShapeOfPixels:
    @settings(max_examples=15)
    @given(angle=st.floats(0, 6.28), scale=st.floats(0.02, 0.04))
    def test_turned_squares(self, angle, scale):
        image = make_ccd(full(1.0), wcs=turned(angle, scale, scale))
        sample = add_cutouts(make_positions(60, 60, image.wcs), {"F277W": image})
        assert sample["pixel_scale"][0].value == pytest.approx(scale, rel=1e-8)
        assert sample["snr_F277W"][0] == pytest.approx(np.sqrt(np.pi) * 0.16 / scale / 0.1)

    @pytest.mark.parametrize("angle", [0.0, 0.6])
    @pytest.mark.parametrize(
        ("x_scale", "y_scale", "shear"), [(0.02, 0.05, 0), (0.05, 0.02, 0.01)]
    )
    def test_flux_and_aperture_of_other_shapes(self, angle, x_scale, y_scale, shear):
        wcs = turned(angle, x_scale, y_scale, shear)
        y, x = np.mgrid[:SIDE, :SIDE]
        distance = wcs.pixel_to_world(60, 60).separation(wcs.pixel_to_world(x, y)).arcsec
        # A disk that the aperture lies in, and a Gaussian galaxy of 1 nJy / arcsec2 at its peak.
        disk = make_ccd(np.where(distance < 0.3, 1.0, 0.0), wcs=wcs)
        galaxy = make_ccd(np.exp(-0.5 * (distance / 0.1) ** 2), wcs=wcs)
        with pytest.warns(DustestWarning, match=r"pixels of band F.* are not square"):
            sample = add_cutouts(
                make_positions(60, 60, wcs), {"F277W": disk, "F356W": galaxy}, size=55
            )
        area = x_scale * y_scale
        assert sample["pixel_scale"][0].value ** 2 == pytest.approx(area, rel=1e-7)
        expected = np.sqrt(np.pi * 0.16**2 / area) / 0.1
        assert sample["snr_F277W"][0] == pytest.approx(expected, rel=1e-5)
        total = np.nansum(sample["cutout_F356W"]).value * sample["pixel_scale"][0].value ** 2
        assert total == pytest.approx(2.0 * np.pi * 0.1**2, rel=1e-3)

    @pytest.mark.parametrize("shape", [(21, 801), (801, 21)])
    def test_the_scale_is_that_of_the_middle(self, shape):
        # Far from where the projection touches the sky pixels are smaller.
        wcs = make_wcs(10.0)
        wcs.wcs.crpix = [shape[1] // 2 + 1, shape[0] // 2 + 1]
        image = make_ccd(np.ones(shape), wcs=wcs, error=None)
        image.uncertainty = StdDevUncertainty(np.full(shape, 0.1))
        positions = make_positions(shape[1] // 2, shape[0] // 2, wcs)
        sample = add_cutouts(positions, {"F277W": image}, size=21, aperture=20 * u.arcsec)
        assert sample["pixel_scale"][0].value == pytest.approx(10.0, rel=1e-7)

    def test_as_cdelt_and_pc(self, tmp_path):
        path = write_mosaic(
            tmp_path / "m.fits", {"SCI": full(1.0), "ERR": full(0.1)}, wcs=turned(0.6, 0.02, 0.05)
        )
        with pytest.warns(DustestWarning, match="not square") as caught:
            add_cutouts(make_positions(60, 60), {"F277W": path})
        assert len(caught) == 1

    def test_maps_in_a_projection_of_rectangles(self):
        wcs = make_wcs()
        wcs.wcs.ctype, wcs.wcs.crval = ["RA---CAR", "DEC--CAR"], [53.1, 0.0]
        wcs.wcs.crpix = [60.5, 60.5 + 27.8 * 3600 / SCALE]
        with pytest.warns(DustestWarning, match=r"not square \(0.0300 by 0.0265 arcsec"):
            sample = cut(make_ccd(full(1.0), wcs=wcs))
        expected = SCALE * np.sqrt(np.cos(np.radians(27.8)))
        assert sample["pixel_scale"][0].value == pytest.approx(expected, rel=1e-6)

    def test_latitude_first(self):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype, wcs.wcs.crval = ["DEC--TAN", "RA---TAN"], [-27.8, 53.1]
        wcs.wcs.crpix, wcs.wcs.cdelt = [60.5, 60.5], [SCALE / 3600, -SCALE / 3600]
        pixels = np.arange(SIDE**2, dtype=float).reshape(SIDE, SIDE)
        table = make_positions(30, 70, wcs)
        sample = add_cutouts(table, {"F277W": make_ccd(pixels, wcs=wcs)}, size=21)
        assert sample["cutout_F277W"][0, 10, 10].value == pixels[70, 30]
        assert sample["pixel_scale"][0].value == pytest.approx(SCALE)

    def test_pixels_without_an_area(self):
        wcs = make_wcs()
        wcs.wcs.cd = [[-SCALE / 3600, SCALE / 3600], [SCALE / 3600, -SCALE / 3600]]
        with pytest.raises(DustestError, match="F277W"):
            cut(make_list(fits.ImageHDU(full(1.0), wcs.to_header(), name="SCI")), unit="nJy")


class TestOneBadPosition:
    def test_distortion_without_an_inverse(self):
        header = make_wcs().to_header()
        header["CTYPE1"], header["CTYPE2"] = "RA---TAN-SIP", "DEC--TAN-SIP"
        header["A_ORDER"] = header["B_ORDER"] = 3
        header["A_2_0"], header["A_3_0"], header["B_0_2"] = 1e-4, 1e-6, 1e-4
        table = QTable({"ra": [53.1, 53.3] * u.deg, "dec": [-27.8, -27.9] * u.deg})
        with pytest.raises(NoConvergence):
            skycoord_to_pixel(SkyCoord(table["ra"], table["dec"]), WCS(header))
        hdus = make_list(fits.ImageHDU(full(1.0), header, name="SCI"))
        sample = add_cutouts(table, {"F277W": hdus}, unit="nJy")
        assert flags_of(sample)[1] == {"NO_DATA", "EDGE"}
        assert "NO_DATA" not in flags_of(sample)[0]

    @settings(max_examples=25)
    @given(
        bad=st.sampled_from([-99.0, -999.0, np.nan, np.inf, 500.0, 12.0]),
        axis=st.sampled_from(["ra", "dec"]),
        masked=st.booleans(),
    )
    @pytest.mark.filterwarnings("ignore:.* counts as missing")
    def test_costs_its_own_row(self, bad, axis, masked):
        columns = {"ra": np.full(3, 53.1), "dec": np.full(3, -27.8)}
        columns[axis][1] = 0.0 if masked else bad
        table = Table(columns, masked=True)
        table[axis].mask[1] = masked
        sample = add_cutouts(table, {"F277W": make_ccd(full(1.0))})
        flags = flags_of(sample)
        assert flags[0] == flags[2] == set()
        assert "NO_DATA" in flags[1]
        assert np.all(np.isnan(sample["cutout_F277W"][1]))

    def test_positions_of_other_names(self):
        table = Table({"RAJ2000": ["03 32 24.0"], "DEJ2000": ["-27 48 00"]})
        table["RAJ2000"].unit, table["DEJ2000"].unit = None, None
        assert flags_of(add_cutouts(table, {"F277W": make_ccd(full(1.0))})) == [set()]


class TestForeground:
    def test_taken_off_pixels_and_errors_once(self):
        table = make_positions([60, 50], [60, 50])
        table["ebv"] = [0.1, 0.2]
        images = {"F115W": make_ccd(full(1.0)), "f277w": make_ccd(full(1.0))}
        plain = add_cutouts(table, images)
        sample = add_cutouts(
            add_cutouts(table, images, foreground_ebv="ebv"), images, foreground_ebv="EBV"
        )
        for band in ("F115W", "F277W"):
            factor = band_correction(np.array([0.1, 0.2]), band)
            for name in (f"cutout_{band}", f"cutout_err_{band}"):
                ratio = sample[name][:, 5, 5] / plain[name][:, 5, 5]
                np.testing.assert_allclose(ratio, factor, rtol=1e-6)
            np.testing.assert_allclose(sample[f"snr_{band}"], plain[f"snr_{band}"])
            assert sample.meta[f"foreground_dust_cutout_{band}"] == "G23, E(B-V) of column EBV"
        assert not any("foreground" in key for key in add_cutouts(sample, images).meta)

    def test_other_kinds_have_their_own_record(self):
        table = as_sample(make_positions(60, 60))
        table.meta["foreground_dust"] = "G23, E(B-V) = 0.1"
        sample = add_cutouts(table, {"F277W": make_ccd()}, foreground_ebv=0.1, snr_min=-99)
        assert sample.meta["foreground_dust"] == "G23, E(B-V) = 0.1"
        assert sample.meta["foreground_dust_cutout_F277W"] == "G23, E(B-V) = 0.1"

    def test_missing_colour_excess_costs_its_row(self):
        sample = add_cutouts(
            make_positions([60, 60], [60, 60]),
            {"F277W": make_ccd(full(1.0))},
            foreground_ebv=[np.nan, 0.1],
        )
        assert "NO_DATA" in flags_of(sample)[0]
        assert flags_of(sample)[1] == set()

    def test_twice(self):
        image = make_ccd(full(1.0), meta={"foreground_dust": "G23"})
        with pytest.raises(InputError, match="the image of band F277W is already corrected"):
            cut(image, foreground_ebv=0.1)
        assert cut(image).meta["foreground_dust_cutout_F277W"] == "G23"

    def test_a_column_that_is_not_there(self):
        with pytest.raises(
            InputError, match="foreground_ebv must be a number, values, or a column"
        ):
            cut(make_ccd(), foreground_ebv="ebv")

    def test_a_band_without_curve_is_found_out_before_cutting(self):
        with pytest.raises(InputError, match="'CAM1' is not a known band"):
            add_cutouts(make_positions(60, 60), {"CAM1": make_ccd()}, foreground_ebv=0.1)


BUNIT = fits.Header({"BUNIT": "nJy"})


class TestBeforeCutting:
    """What can be known of an image is checked before the first is cut."""

    @pytest.mark.parametrize(
        ("second", "problem"),
        [
            ("absent.fits", "does not exist"),
            (make_list(make_hdu(full(1.0), "SCI")), "band F444W declares no unit"),
            (make_list(make_hdu(full(1.0), "SCI", "ujy")), "band F444W declares the unit 'ujy'"),
            (make_list(fits.ImageHDU(full(1.0), BUNIT, name="SCI")), "must have celestial coord"),
            (NDData(full(1.0), unit="nJy"), "band F444W must have celestial coordinates"),
            (make_ccd(wcs=make_wcs(0.06)), "pixels of one size"),
        ],
    )
    def test_the_second_image(self, monkeypatch, second, problem):
        read = []
        monkeypatch.setattr("dustest.io._image.pixels.Image.read", lambda *_: read.append(1))
        with pytest.raises(DustestError, match=problem):
            add_cutouts(make_positions(60, 60), {"F277W": make_ccd(), "F444W": second})
        assert read == []


class TestNDData:
    @pytest.mark.parametrize(
        "uncertainty", [StdDevUncertainty(0.2), VarianceUncertainty(0.04), InverseVariance(25.0)]
    )
    def test_every_kind_of_uncertainty(self, uncertainty):
        array = np.full((SIDE, SIDE), uncertainty.array)
        image = NDData(
            make_pixels(), unit=u.nJy, wcs=make_wcs(), uncertainty=type(uncertainty)(array)
        )
        sample = add_cutouts(make_positions(60, 60), {"F277W": image})
        np.testing.assert_allclose(sample["cutout_err_F277W"].value, 0.2, rtol=1e-5)

    def test_uncertainty_in_another_unit(self):
        array = np.full((SIDE, SIDE), 0.0002)
        image = NDData(
            make_pixels(),
            unit=u.nJy,
            wcs=make_wcs(),
            uncertainty=StdDevUncertainty(array, unit=u.uJy),
        )
        sample = add_cutouts(make_positions(60, 60), {"F277W": image})
        np.testing.assert_allclose(sample["cutout_err_F277W"].to_value(u.nJy), 0.2, rtol=1e-5)

    @pytest.mark.parametrize("wcs", [None, "spectral"])
    def test_without_coordinates(self, wcs):
        if wcs == "spectral":
            wcs = WCS(naxis=2)
        image = NDData(make_pixels(), unit=u.nJy, wcs=wcs)
        with pytest.raises(InputError, match="must have celestial coordinates"):
            add_cutouts(make_positions(60, 60), {"F277W": image})

    @pytest.mark.parametrize("mask", [np.ma.nomask, False, True])
    def test_one_mask_for_all_pixels(self, mask):
        sample = cut(NDData(full(1.0), mask=mask, unit=u.nJy, wcs=make_wcs()))
        assert np.all(sample["cutout_mask_F277W"] == bool(mask))
        masked = cut(NDData(np.ma.array(full(1.0)), unit=u.nJy, wcs=make_wcs()))
        assert not np.any(masked["cutout_mask_F277W"])

    def test_masks_and_uncertainties_that_do_not_fit(self):
        with pytest.raises(InputError, match="the mask of band F277W must have the shape of its"):
            cut(NDData(full(1.0), mask=np.zeros((3, 3)), unit="nJy", wcs=make_wcs()))
        with pytest.raises(InputError, match="the uncertainty of band F277W is of unknown kind"):
            cut(
                NDData(
                    full(1.0),
                    uncertainty=UnknownUncertainty(full(1.0)),
                    unit="nJy",
                    wcs=make_wcs(),
                )
            )

    def test_cube(self):
        image = NDData(np.zeros((2, 5, 5)), unit=u.nJy)
        with pytest.raises(InputError, match="must have 2 axes"):
            add_cutouts(make_positions(60, 60), {"F277W": image})


class TestUnits:
    @pytest.mark.parametrize(
        ("declared", "unit"),
        [
            ("nJy", u.nJy),
            ("uJy", u.uJy),
            ("MJy/sr", u.MJy / u.sr),
            ("uJy/pix", u.uJy),
            ("10.0*nanoJansky", u.Unit(10 * u.nJy)),
        ],
    )
    def test_declared(self, tmp_path, declared, unit):
        path = write_mosaic(tmp_path / "m.fits", {"SCI": make_pixels()}, unit=declared)
        sample = add_cutouts(make_positions(60, 60), {"F277W": path})
        assert sample["cutout_F277W"].unit == unit

    def test_given(self, tmp_path):
        path = write_mosaic(tmp_path / "m.fits", {"SCI": make_pixels()}, unit=None)
        with pytest.raises(
            InputError, match=r'band F277W declares no unit.*unit=\{"F277W": "nJy"\}'
        ):
            add_cutouts(make_positions(60, 60), {"F277W": path})
        sample = add_cutouts(make_positions(60, 60), {"F277W": path}, unit="MJy/sr")
        assert sample["cutout_F277W"].unit == u.MJy / u.sr

    @pytest.mark.parametrize("key", ["F277W", "f277w", "JWST/NIRCam.F277W"])
    def test_by_band(self, key):
        images = {"F277W": make_list(make_hdu(full(1.0), "SCI")), "F356W": make_ccd(unit=u.uJy)}
        sample = add_cutouts(make_positions(60, 60), images, unit={key: "MJy/sr"})
        assert sample["cutout_F277W"].unit == u.MJy / u.sr
        assert sample["cutout_F356W"].unit == u.uJy
        with pytest.raises(InputError, match="unit names the band 'F444W', which is not one of"):
            add_cutouts(make_positions(60, 60), images, unit={key: "MJy/sr", "F444W": "nJy"})

    @pytest.mark.parametrize(
        ("declared", "hint"),
        [
            ("ujy", "did you mean 'uJy'"),
            ("electron/s", ""),
            ("mag(AB)", ""),
            ("erg/s/cm2/A", "A is ampere"),
            ("uJy/beam", ""),
        ],
    )
    def test_units_that_are_no_flux(self, declared, hint):
        hdus = make_list(make_hdu(full(1.0), "SCI", declared))
        for given_unit in (None, "nJy"):
            with pytest.raises(
                InputError, match=rf"band F277W declares the unit .*{hint}.*unit=\{{"
            ):
                cut(hdus, unit=given_unit)
        assert cut(hdus, unit={"F277W": "nJy"})["cutout_F277W"].unit == u.nJy

    def test_an_evident_unit_may_be_said(self):
        hdus = make_list(make_hdu(full(1.0), "SCI", "ujy"), make_hdu(full(0.1), "ERR", "ujy"))
        assert cut(hdus, unit="uJy")["cutout_err_F277W"][0, 3, 3] == 0.1 * u.uJy

    @pytest.mark.parametrize("unit", ["nJyy", "ujy", 5, {"F277W": "ujy"}])
    def test_what_is_no_unit(self, unit):
        with pytest.raises(InputError, match="must be a unit such as 'nJy'"):
            cut(make_ccd(), unit=unit)

    def test_contradiction(self):
        with pytest.raises(InputError, match=r"band F277W is given as uJy, but nJy is declared"):
            add_cutouts(make_positions(60, 60), {"F277W": make_ccd()}, unit=u.uJy)

    def test_what_is_no_flux(self):
        image = make_ccd(unit=u.electron / u.s)
        with pytest.raises(InputError, match="'electron / s', which is not a flux density per"):
            add_cutouts(make_positions(60, 60), {"F277W": image})


class TestPixelScale:
    def test_bands_of_different_pixels(self):
        images = {"F150W": make_ccd(wcs=make_wcs(0.02)), "F277W": make_ccd()}
        with pytest.raises(
            InputError, match=r"band F277W measure 0.0300 arcsec and others 0.0200"
        ):
            add_cutouts(make_positions(60, 60), images)

    def test_different_pixels_in_a_second_call(self):
        sample = add_cutouts(make_positions(60, 60), {"F277W": make_ccd()})
        with pytest.raises(InputError, match="pixels of one size"):
            add_cutouts(sample, {"F356W": make_ccd(wcs=make_wcs(0.04))}, size=32)

    def test_lost_rotation(self):
        wcs = make_wcs()
        wcs.wcs.pc = [[0.65, 0.0], [0.0, 0.65]]
        with pytest.warns(DustestWarning, match=r"0.0300 arcsec, its coordinates 0.0195"):
            add_cutouts(make_positions(60, 60, wcs), {"F277W": make_ccd(wcs=wcs)}, size=33)


class TestArguments:
    @pytest.mark.parametrize("size", [0, -3, 2.5, "32", None, True])
    def test_size(self, size):
        with pytest.raises(InputError, match="size must be a whole number"):
            add_cutouts(make_positions(60, 60), {"F277W": make_ccd()}, size=size)

    @pytest.mark.parametrize("images", [{}, None, [1], "m.fits"])
    def test_images(self, images):
        with pytest.raises(InputError, match="images must be a dict"):
            add_cutouts(make_positions(60, 60), images)

    @pytest.mark.parametrize("image", [None, 5, np.zeros((5, 5)), {"err": "e.fits"}, {}])
    def test_image(self, image):
        with pytest.raises(InputError, match=r"images\['F277W'\] must"):
            add_cutouts(make_positions(60, 60), {"F277W": image})

    def test_a_band_that_is_nearly_known(self):
        with pytest.warns(DustestWarning, match=r"band 'F278W', which is not known: did you mean"):
            sample = add_cutouts(make_positions(60, 60), {"F278W": make_ccd()})
        assert "cutout_F278W" in sample.colnames
        assert add_cutouts(sample, {"CAM1": make_ccd()}).cutout_bands == ("F278W", "CAM1")

    def test_a_band_twice(self):
        with pytest.raises(InputError, match="images must name every band once"):
            add_cutouts(make_positions(60, 60), {"F277W": make_ccd(), "f277w": make_ccd()})

    @pytest.mark.parametrize("aperture", [0.32, "wide", -1 * u.arcsec, np.nan * u.deg])
    def test_aperture(self, aperture):
        with pytest.raises(InputError, match="aperture must be"):
            add_cutouts(make_positions(60, 60), {"F277W": make_ccd()}, aperture=aperture)

    @pytest.mark.parametrize("key", ["F356W", "f356w", "JWST/NIRCam.F356W"])
    def test_noise_factor_by_band(self, key):
        images = {"F277W": make_ccd(make_pixels() + 1.0), "F356W": make_ccd(make_pixels() + 1.0)}
        sample = add_cutouts(make_positions(60, 60), images, noise_factor={key: 2.6})
        assert sample["snr_F356W"][0] * 2.6 == pytest.approx(sample["snr_F277W"][0])

    def test_noise_factor_of_a_band_without_image(self):
        with pytest.raises(InputError, match="noise_factor names the band 'F444W', which is not"):
            cut(make_ccd(), noise_factor={"F444W": 2.6})

    @pytest.mark.parametrize("factor", [0.0, -1, np.nan, "2", True, {"F277W": None}])
    def test_noise_factor(self, factor):
        with pytest.raises(InputError, match="noise_factor must be a positive number"):
            add_cutouts(make_positions(60, 60), {"F277W": make_ccd()}, noise_factor=factor)

    def test_snr_min(self):
        with pytest.raises(InputError, match="snr_min must be a finite number"):
            add_cutouts(make_positions(60, 60), {"F277W": make_ccd()}, snr_min=np.nan)

    def test_positions(self):
        with pytest.raises(InputError, match="sample must have columns of positions"):
            add_cutouts(QTable({"ra": [53.1] * u.deg}), {"F277W": make_ccd()})

    def test_progress_bar(self, capsys):
        add_cutouts(make_positions(60, 60), {"F277W": make_ccd()})
        assert capsys.readouterr() == ("", "")


class TestBadFiles:
    def test_absent(self, tmp_path):
        with pytest.raises(ReadError, match="does not exist"):
            add_cutouts(make_positions(60, 60), {"F277W": tmp_path / "m.fits"})

    def test_no_fits(self, tmp_path):
        (tmp_path / "m.fits").write_text("no image")
        with pytest.raises(ReadError, match="band F277W cannot be read"):
            add_cutouts(make_positions(60, 60), {"F277W": tmp_path / "m.fits"})

    @pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # astropy 7.0
    def test_damaged_compressed_image(self, tmp_path):
        header = make_wcs().to_header()
        header["BUNIT"] = "nJy"
        hdu = fits.CompImageHDU(make_pixels(), header, name="SCI")
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "m.fits")
        with fits.open(tmp_path / "m.fits", disable_image_compression=True) as hdus:
            start = hdus[1].fileinfo()["datLoc"]
        data = bytearray((tmp_path / "m.fits").read_bytes())
        data[start : start + 2880] = b"\x80" * 2880
        (tmp_path / "m.fits").write_bytes(bytes(data))
        with pytest.raises(
            ReadError, match=r"image of band F277W cannot be read: .* end outside of it"
        ):
            add_cutouts(make_positions(60, 60), {"F277W": tmp_path / "m.fits"})

    def test_shapes_that_differ(self, tmp_path):
        extensions = {"SCI": make_pixels(), "ERR": make_pixels(side=50)}
        path = write_mosaic(tmp_path / "m.fits", extensions)
        with pytest.raises(InputError, match="err of band F277W must have the shape"):
            add_cutouts(make_positions(60, 60), {"F277W": path})

    @pytest.mark.filterwarnings("ignore")  # a damaged file makes astropy warn
    def test_mutated_files_are_read_or_refused(self, tmp_path):
        extensions = {"SCI": make_pixels(), "ERR": make_pixels() + 9}
        original = write_mosaic(tmp_path / "m.fits", extensions).read_bytes()
        rng = np.random.default_rng(3)
        positions = make_positions([60, 2], [60, 110])
        refused = 0
        for i in range(200):
            data = bytearray(original)
            for position in rng.integers(0, 9000, size=rng.integers(1, 20)):
                data[position] = rng.integers(32, 127) if i % 2 else data[position] ^ (1 << i % 8)
            if i % 3 == 0:
                data = data[: rng.integers(0, len(data))]
            (tmp_path / "m.fits").write_bytes(bytes(data))
            try:
                assert len(add_cutouts(positions, {"F277W": tmp_path / "m.fits"})) == 2
            except DustestError:
                refused += 1
        assert 0 < refused < 200

    @pytest.mark.filterwarnings("ignore")  # a damaged file makes astropy warn
    def test_compressed_files_that_break_off(self, tmp_path):
        # Other damage may crash the library that unpacks the tiles.
        hdu = fits.CompImageHDU(make_pixels(), make_hdu(None, "SCI", "nJy").header, name="SCI")
        make_list(hdu).writeto(tmp_path / "m.fits")
        original = (tmp_path / "m.fits").read_bytes()
        for length in np.linspace(100, len(original) // 2, 20).astype(int):
            (tmp_path / "m.fits").write_bytes(original[:length])
            with pytest.raises(DustestError, match="F277W"):
                cut(tmp_path / "m.fits")


class TestRealImages:
    def test_jof(self, shared_data):
        path = shared_data / "cutouts" / "jof_478_zphot5.84.fits"
        sample = read_catalog(shared_data / "catalogs" / "jof_bagpipes.ecsv")
        sample = sample[np.asarray(sample["id"]) == 478]
        sample = add_cutouts(sample, {"F277W": path, "F444W": path, "F435W": path})
        assert flags_of(sample) == [set()]
        assert sample["cutout_F444W"].unit == u.uJy
        assert sample["pixel_scale"][0].value == pytest.approx(0.03, rel=1e-3)
        # An aperture catches most of a compact galaxy: compare with the catalogue's flux.
        total = np.nansum(sample["cutout_F277W"][0]).to_value(u.nJy)
        assert total == pytest.approx(sample["flux_F277W"][0].to_value(u.nJy), rel=0.5)
        assert sample["snr_F277W"][0] > 20
        assert sample["snr_F435W"][0] < 3

    def test_ceers(self, shared_data):
        folder = shared_data / "cutouts"
        sample = read_catalog(folder / "ceers_table.csv", unit=u.mJy)
        sample = sample[np.asarray(sample["id"]) == 40]
        files = {
            "sci": folder / "ceers_40" / "f277w.fits",
            "err": folder / "ceers_40" / "f277w_err.fits",
            "mask": folder / "ceers_40" / "f277w_mask.fits",
        }
        with pytest.warns(DustestWarning, match="rotation .* lost"):
            sample = add_cutouts(sample, {"F277W": files}, unit="MJy/sr", size=33)
        with fits.open(files["sci"]) as hdus:
            expected = hdus[0].data[46:79, 46:79]
        np.testing.assert_array_equal(sample["cutout_F277W"][0].value, expected)
        assert sample["snr_F277W"][0] > 100
