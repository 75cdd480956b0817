"""Tests of the readers of SKIRT's images and cubes, and of cubes put at a redshift."""

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM, Planck15
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from dustest.data import InputError, ReadError
from dustest.physics import synthetic_photometry
from dustest.simulate import (
    SimulatedImages,
    SkirtCube,
    cube_to_images,
    read_skirt_cube,
    read_skirt_images,
)

WAVELENGTH = np.geomspace(800.0, 12000.0, 120)
PIXEL = 0.1


def make_cube(surface=None):
    """A cube with a sloping spectrum and an uneven image."""
    image = np.random.default_rng(1).uniform(0.5, 1.5, (6, 5))
    spectrum = (WAVELENGTH / 3000.0) ** 0.7
    return SkirtCube(WAVELENGTH, spectrum[:, None, None] * image, PIXEL, "one")


def write_cube(path, image, unit, *, cunit="pc", side=100.0, table=True, **header):
    """A cube as SKIRT 9 writes it, or with its wavelengths (in micron) along the third axis."""
    hdu = fits.PrimaryHDU(np.asarray(image, dtype=np.float32))
    hdu.header.update({"BUNIT": unit, "CDELT1": side, "CDELT2": side, "CUNIT3": "micron"})
    hdu.header.update({"CUNIT1": cunit, "CUNIT2": cunit, "CTYPE1": " ", "CTYPE2": " "} | header)
    hdus = fits.HDUList([hdu])
    if table:
        values = WAVELENGTH[: len(image)] / 1e4
        column = fits.Column("GRID_POINTS", "E16.9", "micron", array=values, ascii=True)
        hdus.append(fits.TableHDU.from_columns([column], name="Z-axis coordinate values"))
    hdus.writeto(path)
    return path


def write_images(path, image=None, **header):
    image = np.ones((2, 4, 4), dtype=np.float32) if image is None else image
    hdu = fits.PrimaryHDU(image)
    defaults = {
        "EXT1": "F277W",
        "EXT2": "F356W",
        "REDSHIFT": 3,
        "TARGET": 7,
        "BUNIT": "MJy / sr",
        "CDELT1": -1e-5,
        "CDELT2": 1e-5,
        "CUNIT1": "deg",
    }
    hdu.header.update({key: value for key, value in (defaults | header).items() if value != ""})
    hdu.writeto(path)
    return path


class TestImages:
    def test_magnitudes_of_the_real_images(self, shared_data):
        """The sums are fainter than MAGn by 0.014 to 0.021 mag in every band of both channels.

        That is too even for a wrong unit or pixel area; light off the field may be the reason.
        """
        folder = shared_data / "simulations"
        for channel, n_bands, scale in (("long", 15, 0.063), ("short", 12, 0.031)):
            path = folder / f"188916_i0_a0_z3_NIRCam_{channel}.fits"
            images = read_skirt_images(path)
            header = fits.getheader(path)
            missing = images.magnitude - [header[f"MAG{i + 1}"] for i in range(n_bands)]
            assert images.pixel_scale == pytest.approx(scale, rel=1e-5)
            assert np.all((missing > 0.0) & (missing < 0.022))
            assert np.ptp(missing) < 0.008

    def test_both_channels_come_onto_one_grid(self, shared_data):
        folder = shared_data / "simulations"
        paths = [folder / f"188916_i0_a0_z3_NIRCam_{name}.fits" for name in ("short", "long")]
        images = read_skirt_images(paths)
        assert images.image.shape == (27, 63, 63)
        assert (images.redshift, images.group) == (3.0, "188916")
        assert images.bands[:2] == ("F070W", "F090W")
        assert images.magnitude[:12] == pytest.approx(
            read_skirt_images(paths[0]).magnitude, abs=0.005
        )
        assert np.all(images.image[12:] == read_skirt_images(paths[1]).image)
        # The same galaxy at nearly the same wavelength peaks in the same pixel.
        short, long = (images.image[images.bands.index(name)] for name in ("F212N", "F250M"))
        peaks = [np.unravel_index(np.argmax(image), image.shape) for image in (short, long)]
        assert np.abs(np.subtract(*peaks)).max() <= 1
        assert read_skirt_images(paths, pixel_scale=0.1).image.shape == (27, 39, 39)

    def test_units(self, tmp_path):
        images = read_skirt_images(write_images(tmp_path / "a.fits"))
        assert images.pixel_scale == pytest.approx(0.036)
        expected = (1.0 * u.MJy / u.sr * (1e-5 * u.deg) ** 2).to_value(u.nJy)
        assert images.image == pytest.approx(np.full((2, 4, 4), expected))

    @pytest.mark.parametrize(
        ("header", "sentence"),
        [
            ({"EXT2": ""}, "lacks EXT2"),
            ({"EXT2": "unknown"}, "not a known band"),
            ({"BUNIT": "Jy"}, "does not hold images in known bands and units"),
            ({"BUNIT": "furlong"}, "unit 'furlong' .* is not understood"),
            ({"CDELT2": 3e-5}, "pixels .* must be square"),
            ({"CDELT1": ""}, "has no pixel size"),
        ],
    )
    def test_broken_headers_are_refused(self, tmp_path, header, sentence):
        with pytest.raises(ReadError, match=sentence):
            read_skirt_images(write_images(tmp_path / "a.fits", **header))

    def test_broken_files_are_refused(self, tmp_path):
        path = write_images(tmp_path / "a.fits", np.ones((2, 90, 90), dtype=np.float32))
        (tmp_path / "short.fits").write_bytes(path.read_bytes()[:20000])
        (tmp_path / "text.fits").write_bytes(b"galaxy")
        for name in ("short.fits", "text.fits"):
            with pytest.raises(
                ReadError, match=f"{name} (cannot be read as FITS|has 17120 bytes of the 64800)"
            ):
                read_skirt_images(tmp_path / name)
        with pytest.raises(ReadError, match="does not exist"):
            read_skirt_images(tmp_path / "no.fits")
        with pytest.raises(ReadError, match="pixels that are not finite"):
            read_skirt_images(write_images(tmp_path / "n.fits", np.full((2, 4, 4), np.nan)))
        with pytest.raises(ReadError, match="must be a cube"):
            read_skirt_images(write_images(tmp_path / "f.fits", np.ones((4, 4))))
        with pytest.raises(InputError, match="paths must name at least one file"):
            read_skirt_images([])

    def test_galaxies_are_not_mixed(self, tmp_path):
        paths = [write_images(tmp_path / f"{i}.fits", TARGET=i) for i in (1, 2)]
        with pytest.raises(ReadError, match=r"2.fits is of galaxy 2 .*, but .*1.fits of 1"):
            read_skirt_images(paths)

    @pytest.mark.parametrize(
        ("changed", "sentence"),
        [
            ({"image": np.ones((2, 4, 4))}, r"of shape \(1, ny, nx\)"),
            ({"image": np.full((1, 4, 4), np.nan)}, "image must be finite"),
            ({"pixel_scale": 0.0}, "pixel_scale must be a positive finite number"),
            ({"redshift": -1.0}, "redshift must be a finite number"),
        ],
    )
    def test_bad_records_are_refused(self, changed, sentence):
        good = {"bands": ["F277W"], "image": np.ones((1, 4, 4)), "pixel_scale": 1, "redshift": 1}
        with pytest.raises(InputError, match=sentence):
            SimulatedImages(**good | changed)

    @given(n=st.integers(1, 12), ratio=st.floats(0.3, 4.0))
    def test_resampling_keeps_flux_and_centre(self, n, ratio):
        image = np.zeros((1, 2 * n + 1, 2 * n + 1))
        image[0, n, n] = 1.0
        # A field of 4 + n / 2 pixels and more, in which the central one lies whole.
        images = SimulatedImages(["F277W"], image, 0.05, 1.0).resampled(0.05 * ratio, (9, 8))
        assert images.flux == pytest.approx([1.0])
        flipped = images.image[:, ::-1, ::-1]
        assert images.image == pytest.approx(flipped)


class TestCube:
    @pytest.mark.parametrize(
        ("unit", "factor"),
        [
            ("MJy/sr", np.ones_like),
            ("W/m2/Hz/sr", lambda w: np.full_like(w, 1e-20)),
            ("W/m2/sr", lambda w: 1e-20 * 2.99792458e18 / w),
            ("W/m2/arcsec2", lambda w: 1e-20 * 2.99792458e18 / w / 206264.806**2),
            ("W/m2/m/sr", lambda w: 1e-20 * 2.99792458e18 / w**2 * 1e10),
            ("W/m2/micron/arcsec2", lambda w: 1e-16 * 2.99792458e18 / w**2 / 206264.806**2),
        ],
    )
    def test_units(self, tmp_path, unit, factor):
        image = np.ones((120, 3, 4)) * factor(WAVELENGTH)[:, None, None]
        path = write_cube(tmp_path / "cube.fits", 1e20 * image, unit)
        cube = read_skirt_cube(path)
        assert cube.image == pytest.approx(np.full((120, 3, 4), 1e20), rel=1e-5)
        assert cube.wavelength == pytest.approx(WAVELENGTH, rel=1e-6)
        assert (cube.pixel_size, cube.group) == (pytest.approx(0.1), "cube")

    @pytest.mark.parametrize("ctype", [" ", "WAVE"])
    def test_wavelengths_along_the_third_axis(self, tmp_path, ctype):
        axis = {"CTYPE3": ctype, "CRPIX3": 1.0, "CRVAL3": 0.1, "CDELT3": 0.05}
        path = write_cube(
            tmp_path / "cube.fits", np.ones((5, 3, 3)), "MJy/sr", table=False, **axis
        )
        assert read_skirt_cube(path).wavelength == pytest.approx([1000, 1500, 2000, 2500, 3000])

    def test_a_logarithmic_axis_is_refused(self, tmp_path):
        axis = {"CTYPE3": "WAVE-LOG", "CRVAL3": 0.1, "CDELT3": 0.05}
        path = write_cube(
            tmp_path / "cube.fits", np.ones((5, 3, 3)), "MJy/sr", table=False, **axis
        )
        with pytest.raises(ReadError, match="nor along a linear third axis"):
            read_skirt_cube(path)

    def test_angles_become_lengths(self, tmp_path):
        image = np.ones((120, 3, 3))
        path = write_cube(tmp_path / "a.fits", image, "MJy/sr", cunit="arcsec", side=2.0)
        kpc = (2.0 * u.arcsec).to_value(u.rad) * 1e4
        assert read_skirt_cube(path, distance=10.0).pixel_size == pytest.approx(kpc)
        assert read_skirt_cube(path, distance=1e4 * u.kpc).pixel_size == pytest.approx(kpc)
        with pytest.raises(InputError, match="distance must be given"):
            read_skirt_cube(path)

    def test_a_cube_from_the_observed_frame_comes_back_to_rest(self, tmp_path):
        path = write_cube(
            tmp_path / "a.fits", np.ones((120, 3, 3)), "MJy/sr", cunit="arcsec", side=0.03
        )
        cube = read_skirt_cube(path, redshift=1.0)
        assert cube.wavelength == pytest.approx(WAVELENGTH / 2.0, rel=1e-6)
        images = cube_to_images(cube, ["F814W"], redshift=1.0)
        expected = (u.MJy / u.sr * (0.03 * u.arcsec) ** 2).to_value(u.nJy)
        assert images.pixel_scale == pytest.approx(0.03)
        assert images.image == pytest.approx(np.full((1, 3, 3), expected))

    def test_broken_cubes_are_refused(self, tmp_path):
        image = np.ones((5, 3, 3))
        path = write_cube(tmp_path / "none.fits", image, "MJy/sr", table=False)
        with pytest.raises(ReadError, match="has no wavelengths"):
            read_skirt_cube(path)
        path = write_cube(tmp_path / "unit.fits", image, "Jy")
        with pytest.raises(ReadError, match="must hold a surface brightness, but its unit is Jy"):
            read_skirt_cube(path)
        path = write_cube(tmp_path / "many.fits", image, "MJy/sr")
        with fits.open(path) as hdus:
            hdus[0].data = np.ones((6, 3, 3))
            hdus.writeto(tmp_path / "more.fits")
        with pytest.raises(ReadError, match="has 6 planes, but 5 wavelengths"):
            read_skirt_cube(tmp_path / "more.fits")
        axis = {"CRPIX3": 1.0, "CRVAL3": 1.0, "CDELT3": 0.5, "CUNIT3": "K"}
        path = write_cube(tmp_path / "kelvin.fits", image, "MJy/sr", table=False, **axis)
        with pytest.raises(ReadError, match=r"third axis .* must be wavelength"):
            read_skirt_cube(path)

    @pytest.mark.parametrize(
        ("wavelength", "shape", "pixel_size", "sentence"),
        [
            (WAVELENGTH, (3, 4, 4), 0.1, "image must have the shape"),
            (WAVELENGTH[::-1], (120, 4, 4), 0.1, "wavelength must ascend strictly"),
            (WAVELENGTH, (120, 4, 4), 0.0, "pixel_size must be a positive finite number"),
        ],
    )
    def test_bad_records_are_refused(self, wavelength, shape, pixel_size, sentence):
        with pytest.raises(InputError, match=sentence):
            SkirtCube(wavelength, np.ones(shape), pixel_size)


class TestRedshift:
    @pytest.mark.parametrize("redshift", [3.0, 7.0])
    def test_flux_is_that_of_the_luminosity_distance(self, redshift):
        cube = make_cube()
        images = cube_to_images(cube, ["F277W", "F356W"], redshift)
        # L_nu of a pixel is 4 pi times brightness times area; f_nu = (1 + z) L_nu / 4 pi D_L^2.
        area = (PIXEL * u.kpc) ** 2
        luminosity = 4 * np.pi * u.sr * (cube.image.sum(axis=(1, 2)) * u.MJy / u.sr) * area
        distance = Planck15.luminosity_distance(redshift)
        flux = ((1 + redshift) * luminosity / (4 * np.pi * distance**2)).to(u.nJy)
        observed = WAVELENGTH * (1 + redshift) * u.AA
        expected = synthetic_photometry(observed, flux, ["F277W", "F356W"]).to_value(u.nJy)
        assert images.flux == pytest.approx(expected, rel=1e-9)
        assert (images.redshift, images.group) == (redshift, "one")

    def test_pixels_shrink_to_their_angle(self):
        cosmology = FlatLambdaCDM(70.0, 0.3)
        images = cube_to_images(make_cube(), ["F277W"], 7.0, cosmology=cosmology)
        expected = PIXEL * cosmology.arcsec_per_kpc_proper(7.0).value
        assert images.pixel_scale == pytest.approx(expected)
        options = {"cosmology": cosmology, "pixel_scale": expected / 2.0}
        finer = cube_to_images(make_cube(), ["F277W"], 7.0, **options)
        assert finer.image.shape == (1, 12, 10)
        assert finer.flux == pytest.approx(images.flux)

    def test_a_band_off_the_cube_is_refused_with_both_ranges(self):
        sentence = (
            r"at redshift 7: wavelength must cover band 'F1500W' \(\d+ to \d+ Angstrom\), got "
        )
        with pytest.raises(InputError, match=sentence + "6400 to 96000 Angstrom"):
            cube_to_images(make_cube(), ["F277W", "F1500W"], 7.0)

    @pytest.mark.parametrize("redshift", [0.0, -1.0, np.nan, "high"])
    def test_redshift_must_be_above_zero(self, redshift):
        with pytest.raises(InputError, match="redshift must be a positive finite number"):
            cube_to_images(make_cube(), ["F277W"], redshift)

    def test_bands_must_be_named(self):
        with pytest.raises(InputError, match="bands must name at least one"):
            cube_to_images(make_cube(), [], 7.0)
