"""Point-spread functions, computed from the pupil of JWST or read from files."""

import warnings
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from astropy import units as u
from astropy.wcs import WCS, FITSFixedWarning
from astropy.wcs.utils import proj_plane_pixel_scales
from scipy import ndimage

from dustest.data.bands import canonical_name, get_band
from dustest.data.checks.numbers import as_arcsec, check_odd, check_whole
from dustest.data.checks.values import to_floats
from dustest.data.errors import DustestWarning, InputError, ReadError
from dustest.data.files.contents import open_fits
from dustest.physics.telescope.jwst_optics import blurred_diffraction, drizzled_width

__all__ = [
    "PSF",
    "PSF_FIELD",
    "PSF_REFERENCES",
    "encircled_energy",
    "make_psf",
    "read_psf",
    "resample_psf",
    "warn_of_unlikely",
]

PSF_REFERENCES = ("Goodman1985", "Perrin2012")
"""Of the point-spread functions that `make_psf` computes."""
PSF_FIELD = 6.0
"""Arcsec: contains all the light of a point source except a per cent or two."""
_FINEST = 0.0101
_MOST_POINTS = 4096
_CENTROID_RADIUS = 0.4
_CENTROID_STEPS = 10
_MOST_OFF_CENTRE = 0.6
"""Pixels from the central one to the centroid of a point-spread function."""
_MOST_UNLIKE = 1.4
"""Ratio of the width of a point-spread function and that of the band."""
_SCALE_KEYWORDS = ("PIXSCL", "PIXELSCL", "PIXSCALE")


@dataclass(frozen=True, eq=False)
class PSF:
    """The image of a point source.

    Parameters
    ----------
    image : ndarray of shape (size, size)
        Intensity per pixel, on any scale: it is divided by its sum. The source is at the centre
        of the central pixel, so the size is odd.
    pixel_scale : float or `~astropy.units.Quantity`
        Side of a pixel, in arcsec.
    band : str, optional
        Canonical name of the band.

    Raises
    ------
    InputError
        If the image is not square, odd-sized and finite with a positive sum.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import PSF
    >>> y, x = np.mgrid[-15:16, -15:16]
    >>> psf = PSF(np.exp(-0.5 * (x**2 + y**2) / 2.0**2), pixel_scale=0.03)
    >>> round(psf.fwhm, 3), round(float(psf.image.sum()), 6)
    (0.141, 1.0)
    """

    image: np.ndarray = field(repr=False)
    pixel_scale: float
    band: str | None = None

    def __post_init__(self):
        image = np.array(self.image, dtype=float)
        if image.ndim != 2 or image.shape[0] != image.shape[1] or image.shape[0] % 2 == 0:
            msg = f"image must be square with an odd number of pixels, got shape {image.shape}"
            raise InputError(msg)
        if not np.all(np.isfinite(image)) or image.sum() <= 0:
            msg = "image must be finite with a positive sum; fill or crop missing pixels"
            raise InputError(msg)
        image /= image.sum()
        image.setflags(write=False)
        object.__setattr__(self, "image", image)
        object.__setattr__(self, "pixel_scale", as_arcsec(self.pixel_scale, "pixel_scale"))

    @property
    def size(self):
        """Side of the image in pixels."""
        return self.image.shape[0]

    @property
    def fwhm(self):
        """Diameter in arcsec of the circle with the area that is brighter than half the peak."""
        bright = np.argwhere(self.image > 0.5 * self.image.max())
        low = np.maximum(bright.min(axis=0) - 3, 0)
        high = np.minimum(bright.max(axis=0) + 3, self.size - 1)
        step = 0.05
        points = np.mgrid[low[0] : high[0] + step : step, low[1] : high[1] + step : step]
        fine = ndimage.map_coordinates(self.image, points, order=3, mode="nearest")
        area = step**2 * np.count_nonzero(fine > 0.5 * fine.max())
        return float(2.0 * np.sqrt(area / np.pi) * self.pixel_scale)


def make_psf(band, *, pixel_scale=0.03, size=101, oversampling=None):
    r"""Compute the point-spread function of a drizzled JWST image.

    Parameters
    ----------
    band : str or Band
        A band of JWST, see `dustest.data.get_band`.
    pixel_scale : float or `~astropy.units.Quantity`, optional
        Side of a pixel of the mosaic, in arcsec.
    size : int, optional
        Side of the image in pixels, odd.
    oversampling : int, optional
        Points per pixel and axis at which the diffraction pattern is computed; by default enough
        for a spacing of at most 0.01 arcsec.

    Returns
    -------
    PSF
        The point-spread function, normalised to a sum of 1 within the image.

    Raises
    ------
    InputError
        If the band is not one of JWST, an argument is out of range, or the image would have too
        many points.
    MissingDependencyError
        If poppy is not installed.

    Notes
    -----
    poppy computes the diffraction of the segmented pupil [1]_ at five wavelengths, each of which
    represents a fifth of the light of a source that is flat in photons per wavelength. The steps
    below follow in Fourier space:

    1. wavefront errors of rms :math:`\sigma` = 58 nm and Gaussian correlation over :math:`L` =
       0.20 m of the pupil, averaged over their realisations [2]_. They multiply the transfer
       function by :math:`\exp[-(2 \pi \sigma / \lambda)^2 (1 - e^{-(\lambda f / L)^2})]` and move
       light from the core to a halo, more at shorter wavelengths;
    2. the square pixel of the detector, and a Gaussian for charge diffusion, jitter and the
       drops of drizzling, with a standard deviation of 0.37 (short channel of NIRCam) or 0.43
       (all other) detector pixels;
    3. the square pixel of the mosaic.

    The four numbers were fitted to the drizzled point-spread functions of CEERS at 0.04 arcsec.
    From F090W to F444W encircled energies agree with them to 0.012 at 0.1, 0.2 and 0.4 arcsec,
    and widths to 3 per cent. Nothing was fitted for NIRISS and MIRI: on mosaics of 0.03 and
    0.06 arcsec, MIRI's widths from F560W to F2550W are 4 to 10 per cent above the published
    ones [3]_.

    The pattern is point-symmetric, does not vary over the field, and is not rotated to the
    position angle of an observation. Light outside the image is not included: a drizzled image of
    4 arcsec contains 95 to 98 per cent of all light.

    References
    ----------
    .. [1] Perrin et al. 2012, Proc. SPIE 8442, 84423D (JWST from poppy).
    .. [2] Goodman 1985, Statistical Optics, chapter 8 (average transfer function of random
       phase screens).
    .. [3] JWST User Documentation, MIRI Point Spread Functions (table 1).

    Examples
    --------
    >>> from dustest.physics import encircled_energy, make_psf
    >>> psf = make_psf("F444W", pixel_scale=0.04)
    >>> psf.image.shape, round(psf.fwhm, 2), round(float(encircled_energy(psf, 0.2)), 2)
    ((101, 101), 0.16, 0.75)
    """
    band = _jwst_band(band)
    scale = as_arcsec(pixel_scale, "pixel_scale")
    size = check_odd(size, "size")
    if oversampling is None:
        oversampling = int(np.ceil(scale / _FINEST))
    oversampling = check_whole(oversampling, "oversampling")
    # Wide enough that light that leaves the image does not reappear at its other side.
    n_pixels = max(size, int(PSF_FIELD / scale) | 1)
    if n_pixels * oversampling > _MOST_POINTS:
        msg = (
            f"size, pixel_scale and oversampling make {n_pixels * oversampling} points along a "
            f"side, more than {_MOST_POINTS}; make size or oversampling smaller"
        )
        raise InputError(msg)
    return PSF(_crop(_drizzled(band.name, scale, n_pixels, oversampling), size), scale, band.name)


@lru_cache(maxsize=64)
def _drizzled(band, scale, n_pixels, oversampling):
    """Pattern of a band by name, which takes a second, of shape (n_pixels, n_pixels)."""
    shape = (n_pixels, oversampling, n_pixels, oversampling)
    image = blurred_diffraction(get_band(band), scale / oversampling, n_pixels * oversampling)
    image = image.reshape(shape).sum(axis=(1, 3))
    image.setflags(write=False)
    return image


def read_psf(path, pixel_scale=None, band=None, *, size=None, file_pixel_scale=None):
    """Read a point-spread function from a FITS file.

    Parameters
    ----------
    path : str or path-like
        File whose first two-dimensional image is the point-spread function.
    pixel_scale : float or `~astropy.units.Quantity`, optional
        Side in arcsec of the requested pixels; by default those of the file.
    band : str, optional
        The band; by default that of the keyword FILTER, if it is known.
    size : int, optional
        Side of the result in pixels, odd; by default the largest that the file covers.
    file_pixel_scale : float or `~astropy.units.Quantity`, optional
        Side in arcsec of the pixels of the file, if the header does not give it (by PIXSCL,
        PIXELSCL, PIXSCALE or celestial coordinates) or gives a wrong one.

    Returns
    -------
    PSF
        Normalised, with its centroid (within 0.4 arcsec) on the central pixel, resampled by
        `resample_psf`.

    Raises
    ------
    InputError
        If the pixel size is neither in the header nor given, or an argument is out of range.
    ReadError
        If the file is missing, cannot be read, or has no image of a point source.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from dustest.physics import read_psf
    >>> y, x = np.mgrid[0:40, 0:40]
    >>> image = np.exp(-0.5 * ((x - 19.6) ** 2 + (y - 19.3) ** 2) / 2.0**2)
    >>> header = fits.Header({"PIXSCL": 0.04, "FILTER": "F814W"})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "psf.fits"
    ...     fits.writeto(path, image, header)
    ...     psf = read_psf(path, pixel_scale=0.03)
    >>> psf.band, psf.size, round(psf.fwhm, 3)
    ('F814W', 51, 0.188)
    """
    image, header = _read_image(path)
    native = file_pixel_scale if file_pixel_scale is not None else _header_scale(header, path)
    native = as_arcsec(native, "file_pixel_scale")
    scale = native if pixel_scale is None else as_arcsec(pixel_scale, "pixel_scale")
    name = canonical_name(band) if band is not None else _header_band(header)
    center = _centroid(image, _CENTROID_RADIUS / native)
    return PSF(_resample(image, center, scale / native, size), scale, name)


def resample_psf(psf, pixel_scale, *, size=None):
    """Resample a point-spread function to pixels of another size.

    Smaller pixels are interpolated (cubic splines) and keep the blur of the larger ones. Larger
    pixels are integrated over the additional width.

    Parameters
    ----------
    psf : PSF
        The point-spread function.
    pixel_scale : float or `~astropy.units.Quantity`
        Side in arcsec of the new pixels.
    size : int, optional
        Side of the result in pixels, odd; by default the largest within the old image.

    Returns
    -------
    PSF
        The point-spread function, normalised to a sum of 1 within the new image.

    Raises
    ------
    InputError
        If an argument is out of range, or the new image would extend beyond the old one.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import PSF, resample_psf
    >>> y, x = np.mgrid[-15:16, -15:16]
    >>> psf = PSF(np.exp(-0.5 * (x**2 + y**2) / 2.0**2), pixel_scale=0.04)
    >>> resample_psf(psf, 0.03).image.shape
    (41, 41)
    """
    scale = as_arcsec(pixel_scale, "pixel_scale")
    center = np.full(2, psf.size // 2, dtype=float)
    return PSF(_resample(psf.image, center, scale / psf.pixel_scale, size), scale, psf.band)


def encircled_energy(psf, radius):
    """Fraction of the light within circles around the centre.

    Parameters
    ----------
    psf : PSF
        The point-spread function.
    radius : array_like or `~astropy.units.Quantity`
        Radii of the circles, in arcsec.

    Returns
    -------
    ndarray
        Fractions of the light of the image, in the shape of ``radius``.

    Raises
    ------
    InputError
        If a radius is not positive, or extends beyond the image.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import PSF, encircled_energy
    >>> y, x = np.mgrid[-15:16, -15:16]
    >>> psf = PSF(np.exp(-0.5 * (x**2 + y**2) / 2.0**2), pixel_scale=0.03)
    >>> encircled_energy(psf, [0.06, 0.12]).round(2)
    array([0.38, 0.86])
    """
    from photutils.aperture import CircularAperture, aperture_photometry

    radii = to_floats(radius, "radius", unit=u.arcsec) / psf.pixel_scale
    if not np.all((radii > 0) & (radii <= psf.size / 2.0)):
        msg = (
            "radius must be positive and within the image, up to "
            f"{psf.size * psf.pixel_scale / 2.0:.3f} arcsec, got {radius!r}"
        )
        raise InputError(msg)
    center = (psf.size // 2, psf.size // 2)
    apertures = [CircularAperture(center, value) for value in radii.flat]
    sums = [aperture_photometry(psf.image, each)["aperture_sum"][0] for each in apertures]
    return np.reshape(sums, radii.shape)


def warn_of_unlikely(psfs, given):
    """Warn of point-spread functions that are off centre, or improbable for their bands.

    Parameters
    ----------
    psfs : dict of str to PSF
        Point-spread functions by band, on the pixels of the images.
    given : iterable of str
        Bands of those to check; the others are computed.

    Warns
    -----
    DustestWarning
        If the centroid is not on the central pixel, the width is far below that of the band, or
        far above that of the broadest band, as if the pixel scale were wrong.
    """
    widths = {band: _known_width(band, psf.pixel_scale) for band, psf in psfs.items()}
    broadest = max(filter(None, widths.values()), default=None)
    for band in given:
        problem = _off_centre(psfs[band]) or _unlike(psfs[band], widths[band], broadest)
        if problem:
            msg = f"the psf of band {band} {problem}"
            warnings.warn(msg, DustestWarning, stacklevel=4)


def _known_width(band, pixel_scale):
    """Width (FWHM) of a band of JWST in arcsec; None for others."""
    try:
        return drizzled_width(_jwst_band(band), pixel_scale)
    except InputError:
        return None


def _off_centre(psf):
    """What is wrong with the position of the source; empty if it is on the central pixel."""
    center = _centroid(psf.image, _CENTROID_RADIUS / psf.pixel_scale)
    off = float(np.hypot(*(center - psf.size // 2)))
    if off <= _MOST_OFF_CENTRE:
        return ""
    return (
        f"has its source {off:.1f} pixels from the central pixel, as if images were shifted: "
        "centre it, as dustest.physics.read_psf does"
    )


def _unlike(psf, width, broadest):
    """What is wrong with the width of a band; empty if it is probable or unknown."""
    if width is None:
        return ""
    # The width of an undersampled one is that of its pixels.
    most = max(broadest * _MOST_UNLIKE, 2.0 * psf.pixel_scale)
    if width / _MOST_UNLIKE <= psf.fwhm <= most:
        return ""
    return (
        f"has a width (FWHM) of {psf.fwhm:.3f} arcsec, and that of the band is {width:.3f} arcsec "
        "on a drizzled image: check its pixel scale"
    )


def _jwst_band(band):
    """The band, if it is one of JWST."""
    hint = "read a PSF of the band from a FITS file with read_psf"
    if isinstance(band, str):
        try:
            # Other telescopes' SVO identifiers, whose curves would have to be fetched.
            elsewhere = "__" in canonical_name(band)
        except InputError as error:
            msg = f"{error}; or {hint}"
            raise InputError(msg) from error
        if elsewhere:
            msg = f"band must be one of JWST for a computed PSF, got {band!r}; {hint}"
            raise InputError(msg)
    band = get_band(band)
    if not band.svo_id.startswith("JWST/"):
        msg = f"band must be one of JWST for a computed PSF, got {band.svo_id!r}; {hint}"
        raise InputError(msg)
    return band


def _crop(image, size):
    """Crop the central square of an odd-sized image."""
    start = (image.shape[0] - size) // 2
    return image[start : start + size, start : start + size]


def _read_image(path):
    """First two-dimensional image of a file, finite, and its header."""
    with open_fits(path) as hdus:
        found = [(hdu.data, hdu.header) for hdu in hdus if hdu.is_image]
    found = [(data, header) for data, header in found if np.ndim(data) == 2]
    if not found:
        msg = f"the file {path} holds no image of two dimensions"
        raise ReadError(msg)
    image = np.nan_to_num(np.array(found[0][0], dtype=float), posinf=0.0, neginf=0.0)
    if image.sum() <= 0:
        msg = f"the image in {path} has no positive sum, so it is not that of a point source"
        raise ReadError(msg)
    return image, found[0][1]


def _header_scale(header, path):
    """Side of a pixel in arcsec, by keyword or celestial coordinates."""
    for keyword in _SCALE_KEYWORDS:
        if keyword in header:
            return header[keyword]
    with warnings.catch_warnings():
        # Repairs of old headers by astropy do not affect the size of the pixels.
        warnings.simplefilter("ignore", FITSFixedWarning)
        wcs = WCS(header)
    if not wcs.has_celestial:
        msg = (
            f"file_pixel_scale must be given to read_psf for {path}, since its header has none of "
            f"{', '.join(_SCALE_KEYWORDS)} and no celestial coordinates: call "
            "dustest.physics.read_psf(path, file_pixel_scale=0.03), with the pixels of the file"
        )
        raise InputError(msg)
    return float(np.mean(proj_plane_pixel_scales(wcs.celestial)) * 3600.0)


def _header_band(header):
    """Canonical name of the band in the header's FILTER; None without one."""
    for word in str(header.get("FILTER", "")).split("-"):
        try:
            return canonical_name(word)
        except InputError:
            continue
    return None


def _centroid(image, radius):
    """Row and column of the centroid within a radius in pixels around itself."""
    rows, columns = np.indices(image.shape)
    center = np.array(np.unravel_index(image.argmax(), image.shape), dtype=float)
    for _ in range(_CENTROID_STEPS):
        near = np.hypot(rows - center[0], columns - center[1]) <= max(radius, 1.5)
        center = np.array(
            [
                np.average(rows[near], weights=image[near]),
                np.average(columns[near], weights=image[near]),
            ]
        )
    return center


def _resample(image, center, ratio, size):
    """Resample an image to pixels ``ratio`` times as wide, around a centre in row and column."""
    reach = min(center.min(), (np.array(image.shape) - 1 - center).min())
    # The error of a centroid must not remove the outermost pixels of a centred image.
    largest = 2 * int(reach / ratio + 0.01) + 1
    size = largest if size is None else check_odd(size, "size")
    if size > largest:
        msg = f"size must be at most {largest}, the size of the original image, got {size}"
        raise InputError(msg)
    extra = np.sqrt(max(ratio**2 - 1.0, 0.0))
    n_points = 1 + int(np.ceil(3.0 * extra))
    offsets = extra * ((np.arange(n_points) + 0.5) / n_points - 0.5)
    steps = ratio * (np.arange(size) - size // 2)
    along = (steps[:, np.newaxis] + offsets).ravel()
    points = np.meshgrid(center[0] + along, center[1] + along, indexing="ij")
    fine = ndimage.map_coordinates(image, points, order=3, mode="nearest")
    return fine.reshape(size, n_points, size, n_points).mean(axis=(1, 3))
