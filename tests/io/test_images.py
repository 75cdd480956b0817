import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import NDData
from astropy.wcs import WCS

from dustest.data import InputError, ReadError
from dustest.io import read_images


def header(unit="uJy"):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [-1e-5, 1e-5]
    found = wcs.to_header()
    if unit:
        found["BUNIT"] = unit
    return found


def as_file(*names, unit="uJy"):
    hdus = [fits.ImageHDU(np.full((4, 5), 2.0), header(unit), name) for name in names]
    return fits.HDUList([fits.PrimaryHDU(), *hdus])


class TestReadImages:
    def test_a_file_with_all_bands(self, tmp_path):
        path = tmp_path / "galaxy.fits"
        as_file("F150W_SCI", "F150W_ERR", "F277W_SCI", "F277W_ERR", "SEG").writeto(path)
        images = read_images(path)
        assert list(images) == ["F150W", "F277W"]
        image = images["F277W"]
        assert image.unit == u.uJy
        assert image.data.shape == image.uncertainty.array.shape == (4, 5)
        assert image.wcs.has_celestial
        assert not image.mask.any()
        assert list(read_images(path, ["jwst/nircam.f150w"])) == ["F150W"]

    def test_a_dict_of_images_and_files(self, tmp_path):
        path = tmp_path / "f444w.fits"
        as_file("SCI", unit="").writeto(path)
        nddata = NDData(np.ones((4, 5)), unit=u.MJy / u.sr, wcs=WCS(header()))
        images = read_images({"F444W": path, "F356W": nddata}, unit="MJy/sr")
        assert images["F444W"].unit == u.MJy / u.sr
        assert images["F444W"].uncertainty is None
        assert images["F356W"].unit == u.MJy / u.sr

    def test_mistakes(self, tmp_path):
        with pytest.raises(InputError, match="bands must be some of those with an image"):
            read_images(as_file("F150W_SCI"), ["F444W"])
        with pytest.raises(InputError, match="got none"):
            read_images(as_file("MODEL"))
        with pytest.raises(InputError, match="source must be a file"):
            read_images(3)
        with pytest.raises(ReadError):
            read_images(tmp_path / "none.fits")

    def test_real_galaxies(self, shared_data):
        images = read_images(shared_data / "cutouts" / "jof_478_zphot5.84.fits")
        assert len(images) == 19
        assert {image.data.shape for image in images.values()} == {(65, 65)}
