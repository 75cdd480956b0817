"""Images and datacubes of simulated galaxies, made by the radiative-transfer code SKIRT."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.cosmology import Planck15

from dustest.data.bands import canonical_name, get_band
from dustest.data.checks.numbers import check_not_negative, check_positive
from dustest.data.errors import InputError, ReadError
from dustest.data.files.contents import open_fits
from dustest.physics.photometry import band_flux

__all__ = [
    "SimulatedImages",
    "SkirtCube",
    "cube_to_images",
    "read_skirt_cube",
    "read_skirt_images",
]

_SURFACE_UNIT = u.MJy / u.sr
_WAVELENGTH_COLUMNS = ("grid_points", "wavelength", "wave", "lambda")
_SQUARE = 1e-3
"""Relative difference of the sides up to which a pixel counts as square."""


@dataclass(frozen=True, eq=False)
class SimulatedImages:
    """Noiseless images of a galaxy in several bands, on one pixel grid.

    Parameters
    ----------
    bands : tuple of str
        Canonical names of the bands.
    image : ndarray of shape (n_bands, ny, nx)
        Flux densities per pixel in nJy.
    pixel_scale : float
        Side of a pixel in arcsec.
    redshift : float
        Redshift of the galaxy.
    group : str, optional
        Name of the galaxy, shared by all its views.

    Raises
    ------
    InputError
        If the shapes do not match, a pixel is not finite, the pixel scale is not above zero, or
        the redshift is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate import SimulatedImages
    >>> images = SimulatedImages(["f277w"], np.full((1, 4, 4), 363.1), 0.03, redshift=7.0)
    >>> images.bands, images.flux, images.magnitude.round(2)
    (('F277W',), array([5809.6]), array([21.99]))
    """

    bands: tuple
    image: np.ndarray
    pixel_scale: float
    redshift: float
    group: str = ""

    def __post_init__(self):
        object.__setattr__(self, "bands", tuple(canonical_name(band) for band in self.bands))
        image = np.array(self.image, dtype=float)
        if image.ndim != 3 or len(image) != len(self.bands) or not np.all(np.isfinite(image)):
            msg = (
                f"image must be finite and of shape ({len(self.bands)}, ny, nx), one plane per "
                f"band, got the shape {image.shape}"
            )
            raise InputError(msg)
        image.setflags(write=False)
        object.__setattr__(self, "image", image)
        check_positive(self.pixel_scale, "pixel_scale")
        check_not_negative(self.redshift, "redshift")

    @property
    def flux(self):
        """Flux densities of the whole images in nJy, ndarray of shape (n_bands,)."""
        return self.image.sum(axis=(1, 2))

    @property
    def magnitude(self):
        """AB magnitudes of the whole images, ndarray of shape (n_bands,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return (self.flux * u.nJy).to_value(u.ABmag)

    def resampled(self, pixel_scale, shape=None):
        """Resample the images to pixels of another size about the same centre.

        Every new pixel sums the old ones by the area that they share, so that flux is conserved
        except at the edges.

        Parameters
        ----------
        pixel_scale : float
            Side of the new pixels in arcsec.
        shape : tuple of int, optional
            Rows and columns; by default the largest shape within the old field.

        Returns
        -------
        SimulatedImages
            The new images.

        Raises
        ------
        InputError
            If the pixel scale is not above zero.

        Examples
        --------
        >>> import numpy as np
        >>> from dustest.simulate import SimulatedImages
        >>> images = SimulatedImages(["F277W"], np.ones((1, 4, 4)), 0.03, redshift=7.0)
        >>> images.resampled(0.06).image
        array([[[4., 4.],
                [4., 4.]]])
        """
        check_positive(pixel_scale, "pixel_scale")
        ratio = pixel_scale / self.pixel_scale
        if shape is None:
            # A small tolerance, so that rounding does not remove a pixel from an exact fit.
            shape = [max(1, int(n / ratio + 1e-6)) for n in self.image.shape[1:]]
        rows, columns = (
            _overlaps(n, n_new, ratio)
            for n, n_new in zip(self.image.shape[1:], shape, strict=True)
        )
        image = rows @ self.image @ columns.T
        return SimulatedImages(self.bands, image, pixel_scale, self.redshift, self.group)


@dataclass(frozen=True, eq=False)
class SkirtCube:
    """Datacube of a galaxy in its rest frame.

    Parameters
    ----------
    wavelength : ndarray of shape (n_wave,)
        Rest-frame wavelengths in Angstrom, ascending.
    image : ndarray of shape (n_wave, ny, nx)
        Surface brightness per unit frequency in MJy/sr, not dimmed by any redshift.
    pixel_size : float
        Side of a pixel in kpc.
    group : str, optional
        Name of the galaxy.

    Raises
    ------
    InputError
        If the shapes do not match, the wavelengths do not ascend or the pixel size is not above
        zero.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate import SkirtCube
    >>> cube = SkirtCube(np.linspace(1e3, 1e4, 50), np.ones((50, 8, 8)), pixel_size=0.1)
    >>> cube.image.shape
    (50, 8, 8)
    """

    wavelength: np.ndarray
    image: np.ndarray
    pixel_size: float
    group: str = ""

    def __post_init__(self):
        if self.image.ndim != 3 or self.wavelength.shape != self.image.shape[:1]:
            msg = (
                "image must have the shape (n_wave, ny, nx), one plane per wavelength, got "
                f"{self.image.shape} and {self.wavelength.shape} wavelengths"
            )
            raise InputError(msg)
        if len(self.wavelength) < 2 or not np.all(np.diff(self.wavelength) > 0.0):
            msg = "wavelength must ascend strictly and be at least 2 long"
            raise InputError(msg)
        if not np.all(np.isfinite(self.image)):
            msg = "image must be finite: set empty pixels to zero"
            raise InputError(msg)
        check_positive(self.pixel_size, "pixel_size")


def read_skirt_images(paths, *, pixel_scale=None):
    """Read broad-band images of a galaxy made by SKIRT, as one set.

    Such a file has a cube with one plane per band. Its header names the bands (``EXT1``, ``EXT2``,
    ...), the unit, the pixel scale and the redshift.

    Parameters
    ----------
    paths : str, path-like or sequence of them
        FITS files of one galaxy, for example of the short and of the long channel of NIRCam.
    pixel_scale : float, optional
        Side in arcsec of the pixels of the result, resampled by area; by default the coarsest of
        the files, whose bands then stay unchanged.

    Returns
    -------
    SimulatedImages
        All bands, in the order of the files.

    Raises
    ------
    ReadError
        If a file is missing, damaged or of another layout, or the files have different galaxies.

    References
    ----------
    Costantin et al. 2023, ApJ 946, 71 (such images of TNG50 galaxies).

    Examples
    --------
    >>> from dustest.simulate import read_skirt_images
    >>> images = read_skirt_images(["short.fits", "long.fits"])  # doctest: +SKIP
    >>> images.image.shape, images.pixel_scale  # doctest: +SKIP
    ((27, 63, 63), 0.063)
    """
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    if not paths:
        msg = "paths must name at least one file"
        raise InputError(msg)
    parts = [_read_images(path) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        if (part.group, part.redshift) != (parts[0].group, parts[0].redshift):
            msg = (
                f"the file {path} is of galaxy {part.group} at redshift {part.redshift:g}, but "
                f"{paths[0]} of {parts[0].group} at {parts[0].redshift:g}: read them one by one"
            )
            raise ReadError(msg)
    coarsest = max(parts, key=lambda part: part.pixel_scale)
    if pixel_scale is not None:
        coarsest = coarsest.resampled(pixel_scale)
    target, shape = coarsest.pixel_scale, coarsest.image.shape[1:]
    alike = [
        part if part.pixel_scale == target else part.resampled(target, shape) for part in parts
    ]
    bands = [band for part in alike for band in part.bands]
    image = np.concatenate([part.image for part in alike])
    return SimulatedImages(bands, image, target, parts[0].redshift, parts[0].group)


def read_skirt_cube(path, *, distance=None, redshift=0.0, group=None, cosmology=Planck15):
    """Read an IFU datacube made by SKIRT, in the rest frame of the galaxy.

    The first image is the cube. Its wavelengths are in a table extension (column ``GRID_POINTS``
    of SKIRT 9) or along a linear third axis of the header. Its unit may be a surface brightness
    per unit frequency, per unit wavelength, or neutral (``W/m2/sr``, lambda times the former).

    Parameters
    ----------
    path : str or path-like
        FITS file.
    distance : float or `~astropy.units.Quantity`, optional
        Distance of the instrument, in Mpc if it has no unit; needed for a local instrument whose
        pixels are angles.
    redshift : float, optional
        Redshift of the galaxy in SKIRT; 0 for a local instrument.
    group : str, optional
        Name of the galaxy, by default that of the file.
    cosmology : `~astropy.cosmology.FLRW`, optional
        Converts angles at a redshift to lengths.

    Returns
    -------
    SkirtCube
        The cube.

    Raises
    ------
    ReadError
        If the file is missing or damaged, or has no wavelengths, units or pixel size.
    InputError
        If the distance is needed but not given.

    References
    ----------
    Camps & Baes 2020, Astronomy and Computing 31, 100381 (SKIRT 9).

    Examples
    --------
    >>> from dustest.simulate import read_skirt_cube
    >>> cube = read_skirt_cube("galaxy_total.fits", distance=10.0)  # doctest: +SKIP
    """
    check_not_negative(redshift, "redshift")
    with open_fits(path) as hdus:
        header, data = _primary(hdus, path)
        wavelength = _wavelengths(hdus, header, path)
        pixel = _pixel_side(header, path)
        unit = _unit(header.get("BUNIT"), path)
    if len(wavelength) != len(data):
        msg = f"the file {path} has {len(data)} planes, but {len(wavelength)} wavelengths"
        raise ReadError(msg)
    order = np.argsort(wavelength)
    wavelength, data = wavelength[order], data[order]
    equivalence = u.spectral_density(wavelength[:, np.newaxis, np.newaxis])
    try:
        image = u.Quantity(data, unit * u.sr).to_value(u.MJy, equivalence)
    except u.UnitConversionError as error:
        msg = f"the file {path} must hold a surface brightness, but its unit is {unit}"
        raise ReadError(msg) from error
    # From the observed frame: wavelengths are stretched, surface brightness per unit frequency
    # is dimmed by (1 + z)^3.
    stretch = 1.0 + redshift
    return SkirtCube(
        wavelength.to_value(u.AA) / stretch,
        image * stretch**3,
        _to_kpc(pixel, distance, redshift, cosmology),
        Path(path).stem if group is None else group,
    )


def cube_to_images(cube, bands, redshift, *, pixel_scale=None, cosmology=Planck15):
    """Compute images of a datacube in bands at a redshift.

    Surface brightness per unit frequency is dimmed by (1 + z)^3, and pixels have the angle of
    their length. Flux densities are means over photon-counting bands. The intergalactic medium is
    not included.

    Parameters
    ----------
    cube : SkirtCube
        The cube.
    bands : sequence of str or Band
        The bands, see `~dustest.data.get_band`.
    redshift : float
        Redshift of the images, above zero.
    pixel_scale : float, optional
        Side of the pixels in arcsec, to which the images are resampled by area; by default the
        angle of the cube's pixels.
    cosmology : `~astropy.cosmology.FLRW`, optional
        Converts lengths to angles.

    Returns
    -------
    SimulatedImages
        The images.

    Raises
    ------
    InputError
        If the redshift is not above zero, a band is unknown, or the cube's wavelengths at this
        redshift do not cover it.

    References
    ----------
    Hogg 1999, astro-ph/9905116, sections 6 and 7; Bessell & Murphy 2012, PASP 124, 140, their
    equation A19.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate import SkirtCube, cube_to_images
    >>> cube = SkirtCube(np.linspace(1e3, 1e4, 50), np.ones((50, 8, 8)), pixel_size=0.2)
    >>> images = cube_to_images(cube, ["F277W", "F444W"], redshift=7.0)
    >>> images.bands, round(images.pixel_scale, 4), images.image.shape
    (('F277W', 'F444W'), 0.0374, (2, 8, 8))
    """
    check_positive(redshift, "redshift")
    bands = [get_band(band) for band in bands]
    if not bands:
        msg = "bands must name at least one band"
        raise InputError(msg)
    weights = _band_weights(cube.wavelength * (1.0 + redshift), bands, redshift)
    brightness = np.tensordot(weights, cube.image, axes=1) / (1.0 + redshift) ** 3
    angle = cube.pixel_size * u.kpc / cosmology.angular_diameter_distance(redshift)
    angle = angle.to(u.rad, u.dimensionless_angles())
    image = (brightness * _SURFACE_UNIT * angle**2).to_value(u.nJy)
    names = [band.name for band in bands]
    images = SimulatedImages(names, image, float(angle.to_value(u.arcsec)), redshift, cube.group)
    return images if pixel_scale is None else images.resampled(pixel_scale)


def _overlaps(n, n_new, ratio):
    """Fraction of each old pixel within each new one, about one centre, (n_new, n)."""
    old = np.arange(n + 1) - n / 2
    new = ratio * (np.arange(n_new + 1) - n_new / 2)
    low = np.maximum(old[:-1], new[:-1, np.newaxis])
    high = np.minimum(old[1:], new[1:, np.newaxis])
    return np.maximum(high - low, 0.0)


def _band_weights(wavelength, bands, redshift):
    """Weights of the planes of a cube in the mean over each band, (n_bands, n_wave)."""
    planes = np.eye(len(wavelength))
    try:
        return np.stack([band_flux(wavelength, planes, band) for band in bands])
    except InputError as error:
        msg = f"bands must lie within the cube's wavelengths at redshift {redshift:g}: {error}"
        raise InputError(msg) from error


def _primary(hdus, path):
    """Header and pixels (n, ny, nx) of the first image."""
    header, data = hdus[0].header, hdus[0].data
    if data is None or data.ndim != 3:
        shape = None if data is None else data.shape
        msg = f"the first image of the file {path} must be a cube of (n, ny, nx), got {shape}"
        raise ReadError(msg)
    if not np.all(np.isfinite(data)):
        msg = f"the cube of the file {path} has pixels that are not finite: set them to zero"
        raise ReadError(msg)
    return header, data.astype(data.dtype.newbyteorder("="))


def _unit(text, path):
    """Unit in a header."""
    try:
        with warnings.catch_warnings():
            # SKIRT writes several slashes, which the FITS standard discourages.
            warnings.simplefilter("ignore", u.UnitsWarning)
            return u.Unit(text)
    except (TypeError, ValueError) as error:
        msg = f"the unit {text!r} in the header of the file {path} is not understood"
        raise ReadError(msg) from error


def _pixel_side(header, path):
    """Side of a square pixel, an angle or a length."""
    if "CDELT1" not in header or "CDELT2" not in header:
        msg = f"the header of the file {path} has no pixel size (CDELT1 and CDELT2)"
        raise ReadError(msg)
    width, height = abs(header["CDELT1"]), abs(header["CDELT2"])
    if width == 0.0 or abs(width - height) > _SQUARE * width:
        msg = f"the pixels of the file {path} must be square, got {width:g} by {height:g}"
        raise ReadError(msg)
    return width * _unit(header.get("CUNIT1", "deg"), path)


def _read_images(path):
    """Images of one file."""
    with open_fits(path) as hdus:
        header, data = _primary(hdus, path)
    missing = [key for key in ("REDSHIFT", "BUNIT") if key not in header]
    missing += [f"EXT{i}" for i in range(1, len(data) + 1) if f"EXT{i}" not in header]
    if missing:
        msg = f"the header of the file {path} lacks {', '.join(missing[:3])}: not SKIRT images"
        raise ReadError(msg)
    side = _pixel_side(header, path)
    unit = _unit(header["BUNIT"], path)
    try:
        image = (data.astype(float) * unit * side**2).to_value(u.nJy)
        scale = side.to_value(u.arcsec)
        bands = [canonical_name(header[f"EXT{i}"]) for i in range(1, len(data) + 1)]
    except (u.UnitConversionError, InputError) as error:
        msg = f"the file {path} does not hold images in known bands and units: {error}"
        raise ReadError(msg) from error
    group = str(header.get("TARGET", Path(path).stem))
    return SimulatedImages(bands, image, round(scale, 9), float(header["REDSHIFT"]), group)


def _wavelengths(hdus, header, path):
    """Wavelengths of the planes, from a table extension or the header's third axis."""
    for hdu in hdus[1:]:
        for column in getattr(hdu, "columns", ()):
            if column.name.lower() in _WAVELENGTH_COLUMNS:
                unit = _unit(column.unit or header.get("CUNIT3"), path)
                return _to_angstrom(np.asarray(hdu.data[column.name], float) * unit, path)
    linear = "CDELT3" in header and "CRVAL3" in header and "-" not in header.get("CTYPE3", "")
    if not linear:
        msg = (
            f"the file {path} has no wavelengths, neither in a table (column GRID_POINTS) nor "
            "along a linear third axis (CRVAL3, CDELT3)"
        )
        raise ReadError(msg)
    # Not with astropy.wcs, which does not know the unit "micron" of SKIRT.
    pixel = np.arange(header["NAXIS3"]) + 1.0 - header.get("CRPIX3", 0.0)
    values = header["CRVAL3"] + header["CDELT3"] * pixel
    return _to_angstrom(values * _unit(header.get("CUNIT3"), path), path)


def _to_angstrom(values, path):
    """Wavelengths in Angstrom."""
    try:
        return values.to(u.AA, u.spectral())
    except u.UnitConversionError as error:
        msg = (
            f"the third axis of the file {path} must be wavelength, but its unit is {values.unit}"
        )
        raise ReadError(msg) from error


def _to_kpc(pixel, distance, redshift, cosmology):
    """Side of a pixel in kpc."""
    if pixel.unit.is_equivalent(u.kpc):
        return pixel.to_value(u.kpc)
    if redshift > 0.0:
        distance = cosmology.angular_diameter_distance(redshift)
    if distance is None:
        msg = "distance must be given (in Mpc) for a cube whose pixels are angles"
        raise InputError(msg)
    return (pixel.to_value(u.rad) * u.Quantity(distance, u.Mpc)).to_value(u.kpc)
