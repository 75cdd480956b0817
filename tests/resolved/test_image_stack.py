import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import NDData
from astropy.table import QTable
from toy_images import SCALE, toy_images, toy_wcs

from dustest.data import InputError
from dustest.resolved.image_stack import stack_bands, stack_lines


def write_file(path, images):
    header = toy_wcs().to_header()
    header["BUNIT"] = "uJy"
    hdus = [fits.PrimaryHDU()]
    for band, image in images.items():
        hdus.append(fits.ImageHDU(image.data / 1e3, header, f"{band}_SCI"))
        hdus.append(fits.ImageHDU(image.uncertainty.array / 1e3, header, f"{band}_ERR"))
    fits.HDUList(hdus).writeto(path)


class TestStackBands:
    def test_all_forms_of_the_same_images(self, tmp_path):
        images = toy_images()
        write_file(tmp_path / "galaxy.fits", images)
        row = QTable({"id": [7], "redshift": [6.5], "pixel_scale": [SCALE] * u.arcsec})
        for band, image in images.items():
            row[f"cutout_{band}"] = image.data[None] * u.nJy
            row[f"cutout_err_{band}"] = image.uncertainty.array[None] * u.nJy
        first = stack_bands(images)
        for form in (tmp_path / "galaxy.fits", row, row[0]):
            other = stack_bands(form)
            assert other.names == first.names
            assert other.flux == pytest.approx(first.flux, rel=1e-6)
            assert other.error == pytest.approx(first.error, rel=1e-6)
            assert other.pixel_scale == pytest.approx(SCALE, rel=1e-4)
        assert stack_bands(row).redshift == 6.5

    def test_surface_brightness(self):
        image = NDData(np.ones((5, 5)), unit=u.MJy / u.sr, wcs=toy_wcs())
        area = (SCALE * u.arcsec) ** 2
        expected = (1.0 * u.MJy / u.sr * area).to_value(u.nJy)
        assert stack_bands({"F277W": image}).flux == pytest.approx(expected, rel=1e-4)

    def test_a_row_with_a_position_has_coordinates(self):
        row = QTable({"id": [1], "ra": [53.1] * u.deg, "dec": [-27.8] * u.deg})
        row["pixel_scale"] = [SCALE] * u.arcsec
        row["cutout_F277W"] = np.ones((1, 9, 9)) * u.nJy
        wcs = stack_bands(row).wcs
        assert wcs.pixel_to_world_values(4, 4) == pytest.approx([53.1, -27.8])

    def test_bad_pixels_are_missing(self):
        images = toy_images()
        images["F150W"].mask = np.zeros((64, 64), dtype=bool)
        images["F150W"].mask[3, 4] = True
        images["F277W"].uncertainty.array[5, 6] = 0.0
        bad = stack_bands(images).bad
        assert np.argwhere(bad).tolist() == [[0, 3, 4], [1, 5, 6]]

    def test_mistakes(self):
        images = toy_images()
        with pytest.raises(InputError, match="on one grid of pixels, but F444W"):
            stack_bands(images | {"F444W": NDData(np.ones((9, 9)), unit=u.nJy)})
        moved = toy_wcs()
        moved.wcs.crpix += 1.0
        with pytest.raises(InputError, match="resample them to one grid"):
            stack_bands(images | {"F444W": NDData(np.ones((64, 64)), unit=u.nJy, wcs=moved)})
        with pytest.raises(InputError, match="pixel_scale must be given"):
            stack_bands({"F444W": NDData(np.ones((9, 9)), unit=u.nJy)})
        with pytest.raises(InputError, match="unit that converts to nJy"):
            stack_bands({"F444W": NDData(np.ones((9, 9)), unit=u.m, wcs=toy_wcs())})
        bare = {"F444W": NDData(np.ones((9, 9)), wcs=toy_wcs())}
        with pytest.raises(InputError, match=r"cutouts\['F444W'\] must have a unit, such as nJy"):
            stack_bands(bare)
        assert stack_bands(bare, unit="uJy").flux == pytest.approx(1e3)
        row = QTable({"id": [1], "pixel_scale": [SCALE], "cutout_F277W": np.ones((1, 9, 9))})
        with pytest.raises(InputError, match="must have a unit"):
            stack_bands(row)
        with pytest.raises(InputError, match="pixel_scale must be a positive angle in arcsec"):
            stack_bands(images, pixel_scale=1.0 * u.kpc)
        with pytest.raises(InputError, match="table of 2 rows"):
            stack_bands(QTable({"id": [1, 2]}))
        with pytest.raises(InputError, match="at least one band"):
            stack_bands(QTable({"id": [1], "redshift": [6.0]}))


class TestStackLines:
    def test_names_and_units(self):
        stack = stack_bands(toy_images())
        unit = u.Unit("1e-18 erg / (s cm2)")
        lines = stack_lines({"H-alpha": NDData(np.ones((64, 64)), unit=unit)}, stack)
        assert lines.names == ("Ha",)
        assert lines.flux == pytest.approx(1e-18)

    def test_mistakes(self):
        stack = stack_bands(toy_images())
        with pytest.raises(InputError, match="pixels of the cutouts"):
            stack_lines({"Ha": NDData(np.ones((9, 9)), unit="erg / (s cm2)")}, stack)
        with pytest.raises(InputError, match="dict of line to NDData"):
            stack_lines([1], stack)
        bare = NDData(np.ones((64, 64)))
        with pytest.raises(InputError, match=r"lines\['Ha'\] must have a unit, such as erg"):
            stack_lines({"Ha": bare}, stack)
        with pytest.raises(InputError, match=r"lines must be one of .* got 'Hx'"):
            stack_lines({"Hx": bare}, stack)
