"""Fluxes of bins of pixels of one galaxy."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from astropy import units as u
from astropy.nddata import NDData, StdDevUncertainty
from astropy.stats import mad_std
from astropy.table import Column

from dustest.data.checks.numbers import check_number, check_positive, check_whole
from dustest.data.checks.sample_columns import band_column_name, by_band
from dustest.data.containers.sample import GalaxySample
from dustest.data.errors import DustestWarning, InputError
from dustest.data.flags import FLAGS
from dustest.data.kinds import KINDS, canonical_item
from dustest.data.messages import did_you_mean, not_one_of, shown
from dustest.data.signal_to_noise import SNR_MIN
from dustest.physics import broadest_psf
from dustest.resolved.binary_tree import bounding_box, divide_pixels
from dustest.resolved.galaxy_mask import (
    blank_sky,
    detection_image,
    find_galaxy,
    read_segmentation,
)
from dustest.resolved.image_stack import stack_bands, stack_lines
from dustest.resolved.psf_matched import find_psfs, match_images, measure_noise

__all__ = ["BinnedGalaxy", "bin_cutouts"]

_MOST_BAD = 0.1
"""Share of the pixels of a bin that may be bad in a band."""


@dataclass(frozen=True, eq=False)
class BinnedGalaxy:
    """A galaxy whose pixels are in bins, with the fluxes of each bin.

    Parameters
    ----------
    sample : GalaxySample
        A row for each bin: ``id`` (number from 1 on, brightest first), ``redshift``, fluxes and
        errors in all bands and lines, ``n_pixels``, ``x`` and ``y`` (mean position in pixels from
        0), ``snr`` in the reference band, and ``flags``.
    total : GalaxySample
        One row with the sum of all pixels; its ``id`` is 0.
    bins : `~astropy.nddata.NDData`
        Number of the bin of each pixel, 0 outside the galaxy, with ``wcs``.
    images : dict of str to `~astropy.nddata.NDData`
        Images with one point-spread function by band and line. Their uncertainty is the standard
        deviation of each pixel; neighbouring pixels are correlated.
    reference : str
        Band of the signal-to-noise ratio of bins.
    target : str
        Band or line to whose point-spread function all others are matched; empty if they were
        before.
    pixel_scale : float
        Side of a pixel in arcsec.
    """

    sample: GalaxySample
    total: GalaxySample
    bins: NDData = field(repr=False)
    images: dict = field(repr=False)
    reference: str
    target: str
    pixel_scale: float

    def __repr__(self):
        return (
            f"BinnedGalaxy({len(self)} bins of {np.count_nonzero(self.bins.data)} pixels at "
            f"redshift {self.redshift:g}, {len(self.sample.bands)} bands, reference "
            f"{self.reference})"
        )

    def __len__(self):
        return len(self.sample)

    @property
    def redshift(self):
        """Redshift of the galaxy (float)."""
        return float(self.total["redshift"][0])

    @cached_property
    def centre(self):
        """Column and row of the centroid of the galaxy in the reference band (ndarray)."""
        rows, columns = np.nonzero(self.bins.data)
        light = np.maximum(self.images[self.reference].data[rows, columns], 0.0)
        return np.array([columns @ light, rows @ light]) / light.sum()

    @property
    def radius(self):
        """Distance of each bin from the centroid in arcsec (Quantity of shape (n,))."""
        x, y = (self.sample[name] - place for name, place in zip("xy", self.centre, strict=True))
        return np.hypot(x, y) * self.pixel_scale * u.arcsec

    def with_equal_errors(self):
        """Make all bins as uncertain as the faintest, for gradients within a galaxy.

        Where the prior has a say, it has more in faint bins than in bright ones. If A_V is uniform
        in a galaxy, a fit finds a gradient with the signal-to-noise ratio, and so with radius.
        Here, the error of each band over the flux in the reference band is raised to its largest
        value among the bins, so that the prior has the same influence on all of them. Fluxes stay
        as they are.

        Returns
        -------
        BinnedGalaxy
            With larger errors of bright bins; the sum of all pixels keeps its own.

        Examples
        --------
        >>> maps = map_attenuation(galaxy.with_equal_errors())  # doctest: +SKIP
        """
        sample = self.sample.copy()
        light = sample[f"flux_{self.reference}"].value
        use = light > 0.0
        for band in sample.bands:
            column = sample[f"flux_err_{band}"]
            relative = column[use] / light[use]
            if np.isfinite(relative).any():
                known = use & np.isfinite(column)
                column[known] = np.nanmax(relative) * light[known]
        sample["snr"] = light / sample[f"flux_err_{self.reference}"].value
        return replace(self, sample=sample)

    def sum(self, image):
        """Sum an image over the pixels of each bin.

        Parameters
        ----------
        image : array_like of shape (ny, nx)
            The image, such as a map of true masses.

        Returns
        -------
        ndarray of shape (n,)
            The sums.

        Raises
        ------
        InputError
            If the image has other pixels than the bins.
        """
        image = np.asarray(image, dtype=float)
        if image.shape != self.bins.data.shape:
            shape = self.bins.data.shape
            msg = f"image must have the {shape} pixels of the bins, got {image.shape}"
            raise InputError(msg)
        return np.bincount(self.bins.data.ravel(), image.ravel(), len(self) + 1)[1:]

    def paint(self, values):
        """Give each pixel the value of its bin.

        Parameters
        ----------
        values : array_like of shape (n,)
            A value for each bin.

        Returns
        -------
        ndarray of shape (ny, nx)
            NaN outside the galaxy.

        Raises
        ------
        InputError
            If there is not one value for each bin.
        """
        values = np.asarray(values, dtype=float)
        if values.shape != (len(self),):
            msg = f"values must be one for each of {len(self)} bins, got the shape {values.shape}"
            raise InputError(msg)
        return np.concatenate([[np.nan], values])[self.bins.data]


def bin_cutouts(
    cutouts,
    redshift=None,
    *,
    psf=None,
    signal_to_noise=10.0,
    min_pixels=None,
    reference=None,
    segmentation=None,
    lines=None,
    noise=None,
    pixel_scale=None,
    unit=None,
):
    """Measure the fluxes of one galaxy in bins of pixels of a signal-to-noise ratio.

    All images are convolved to the broadest of their point-spread functions. The pixels of
    the galaxy, from a segmentation, are divided into bins. Errors of the fluxes of a bin are
    those of correlated noise.

    Parameters
    ----------
    cutouts : dict of str to NDData, str, path-like, HDUList, Row or Table
        An image for each band on one grid of pixels, in all forms that
        `~dustest.io.add_cutouts` takes; a file whose extensions are named by band, see
        `~dustest.io.read_images`; or a row of a `~dustest.data.GalaxySample` with cutouts.
    redshift : float, optional
        Redshift of the galaxy; by default that of the row.
    psf : dict of str to PSF or ndarray, or "matched", optional
        Point-spread functions by band, those of arrays on pixels of the cutouts; bands of JWST
        that are left out have that of `~dustest.physics.make_psf`. ``"matched"`` for images that
        have the same one.
    signal_to_noise : float, optional
        Signal-to-noise ratio of a bin in the reference band.
    min_pixels : int, optional
        Smallest number of pixels of a bin; by default those of a circle with the width (FWHM) of
        the common point-spread function, since smaller bins are not independent. It is 1 for
        images that are matched already.
    reference : str, optional
        Band of this ratio; by default the one in which the ratio of the whole galaxy is the
        median of all bands.
    segmentation : ndarray of shape (ny, nx) or NDData, optional
        Pixels of the galaxy: True, or the number of the source that is closest to the centre; by
        default from the sum of all images, see the notes.
    lines : dict of str to NDData, optional
        Maps of fluxes of emission lines, per pixel or as surface brightness, on the same grid.
        Those that ``psf`` names are matched, others must have the common point-spread function.
    noise : dict of str to NoiseCorrelation, optional
        Noise of the images before they are matched, by band or line, in units of their errors
        (of nJy or erg/s/cm2 per pixel if they have none); by default it is measured on the sky of
        each cutout.
    pixel_scale : float or `~astropy.units.Quantity`, optional
        Side of a pixel in arcsec; by default from the coordinates.
    unit : Unit or str, optional
        Unit of images that declare none.

    Returns
    -------
    BinnedGalaxy
        Bins and their fluxes, for any estimator.

    Raises
    ------
    InputError
        If images are on different grids or have no unit, a line is unknown, a point-spread
        function is unknown or that of no image, no source is found, there is too little sky to
        measure the noise, or an argument is out of range.

    Warns
    -----
    DustestWarning
        If a given point-spread function is off centre, or has an improbable width for its band of
        JWST, or the galaxy does not reach ``signal_to_noise``.

    See Also
    --------
    map_attenuation : Fit the bins of a galaxy.

    Notes
    -----
    Without a segmentation, images are summed in units of their noise, and connected pixels above
    twice the noise are sources; the galaxy is the one closest to the centre. A neighbour that
    touches the galaxy is a part of it: pass a segmentation that divides them.

    The covariance of the pixels of the sky, up to 8 pixels apart and in units of the errors, is
    measured on each image, as the mean of the eight orientations of a square. Matching convolves
    it with the autocorrelation of the kernel. The variance of a bin is the sum of the covariances
    of all pairs of its pixels. Errors of bins that touch each other are correlated too, which is
    left out.

    A bin has no flux in a band of which more than 10 % of its pixels are bad, and the flag
    ``MISSING_BAND``. Fewer bad pixels are interpolated, with the flag ``BAD_PIXELS``.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from astropy.nddata import NDData
    >>> from dustest.resolved import bin_cutouts
    >>> y, x = np.mgrid[-32:32, -32:32]
    >>> light = 9.0 * np.exp(-0.5 * (x**2 + y**2) / 5.0**2)
    >>> sky = np.random.default_rng(1).normal(size=(2, 64, 64))
    >>> images = {band: NDData(light + noise, unit=u.nJy)
    ...           for band, noise in zip(("F150W", "F277W"), sky)}
    >>> bin_cutouts(images, 7.1, psf="matched", pixel_scale=0.03, signal_to_noise=20)
    BinnedGalaxy(9 bins of 290 pixels at redshift 7.1, 2 bands, reference F277W)
    """
    wanted = check_positive(signal_to_noise, "signal_to_noise")
    stack = stack_bands(cutouts, pixel_scale, unit)
    redshift = _redshift(redshift, stack)
    stacks = [stack] if lines is None else [stack, stack_lines(lines, stack)]
    _check_names(psf, [name for one in stacks for name in one.names])
    psfs = find_psfs(psf, stack)
    line_psfs = _line_psfs(psf, stacks[1:], psfs)
    rough = detection_image(stack.flux, _scatter(stack.flux))
    first = _segments(rough, segmentation)
    sky = [blank_sky(rough, first, one.bad) for one in stacks]
    noises = [measure_noise(one, part, noise) for one, part in zip(stacks, sky, strict=True)]
    every = psfs | line_psfs
    target = broadest_psf(every) if every else ""
    matched = [
        match_images(one, part, known, every.get(target))
        for one, part, known in zip(stacks, (psfs, line_psfs), noises, strict=False)
    ]
    segments = _segments(detection_image(matched[0].stack.flux, matched[0].rms()), segmentation)
    number = _reference(matched[0], reference, segments == 1)
    member = (segments == 1) & ~matched[0].stack.bad[number]
    if not member.any():
        msg = (
            f"reference must be a band with good pixels of the galaxy, got "
            f"{stack.names[number]}: choose another band"
        )
        raise InputError(msg)
    bins = divide_pixels(
        member,
        matched[0].stack.flux[number],
        matched[0].stack.error[number],
        matched[0].noise[number],
        wanted,
        _fewest(min_pixels, every.get(target), stack.pixel_scale),
    )
    galaxy = _binned(bins, redshift, matched, number, target)
    _warn_of_faint(galaxy, wanted)
    return galaxy


def _warn_of_faint(galaxy, wanted):
    """Warn of a galaxy that is one bin since it does not reach the ratio."""
    ratio = float(galaxy.total["snr"][0])
    if ratio < wanted:
        msg = (
            f"the galaxy has a signal-to-noise ratio of {ratio:.1f} in {galaxy.reference}, below "
            f"signal_to_noise={wanted:g}: all its pixels are one bin; ask for a lower ratio, or "
            "give another reference"
        )
        warnings.warn(msg, DustestWarning, stacklevel=3)


def _fewest(min_pixels, psf, pixel_scale):
    """Smallest number of pixels of a bin."""
    if min_pixels is not None:
        return check_whole(min_pixels, "min_pixels")
    return 1 if psf is None else max(round(0.25 * np.pi * (psf.fwhm / pixel_scale) ** 2), 1)


def _redshift(redshift, stack):
    """Redshift of the galaxy: the given one, or that of its row."""
    if redshift is None:
        if stack.redshift is None:
            msg = "redshift must be given for cutouts without one, got None: pass redshift=7.1"
            raise InputError(msg)
        return stack.redshift
    return check_number(redshift, "redshift", 0.0)


def _check_names(psf, names):
    """Refuse point-spread functions of bands and lines without an image."""
    for key in by_band(psf, None, "psf") if isinstance(psf, Mapping) else ():
        if not {key, canonical_item(KINDS["line"], key)} & set(names):
            msg = (
                f"psf names {key!r}, which is not one of the images {shown(names)}: "
                f"{did_you_mean(key, names)}correct the key or leave it out"
            )
            raise InputError(msg)


def _line_psfs(psf, stacks, psfs):
    """Given point-spread functions of maps of lines, on the pixels of the cutouts."""
    if not stacks or not psfs:
        return {}
    names = stacks[0].names
    given = {canonical_item(KINDS["line"], key): one for key, one in (psf or {}).items()}
    known = {name: given[name] for name in names if name in given}
    return find_psfs(known, stacks[0].only(known)) if known else {}


def _scatter(flux):
    """Robust scatter of the pixels of each image; infinite for images without any."""
    scatter = [mad_std(one[np.isfinite(one)]) if np.isfinite(one).any() else 0.0 for one in flux]
    return np.array([one if one > 0.0 else np.inf for one in scatter])


def _segments(image, segmentation):
    """Galaxy and other sources, given or found in a detection image."""
    if segmentation is not None:
        return read_segmentation(segmentation, image.shape)
    return find_galaxy(image)


def _reference(matched, reference, member):
    """Number of the band of the signal-to-noise ratio of bins."""
    names = matched.stack.names
    if reference is not None:
        name = band_column_name(reference) if isinstance(reference, str) else reference
        if name not in names:
            raise InputError(not_one_of("reference", reference, names))
        return names.index(name)
    flux, error, good = _sums(member[np.newaxis], matched)
    ratio = np.where(good, flux / error, -np.inf)[:, 0]
    order = np.argsort(ratio)
    usable = order[np.isfinite(ratio[order])]
    return int(usable[len(usable) // 2]) if len(usable) else int(order[-1])


def _sums(members, matched):
    """Flux and error of the sums of pixels, and whether a sum has enough good pixels.

    All of shape (n_images, n_sums), for pixels of shape (n_sums, ny, nx).
    """
    flux, error = matched.stack.flux, matched.stack.error
    share = np.einsum("kyx,byx->bk", members, matched.stack.bad.astype(float))
    share = share / members.sum(axis=(1, 2))
    filled = np.where(np.isfinite(flux), flux, 0.0)
    sums = np.einsum("kyx,byx->bk", members.astype(float), filled) / np.maximum(1.0 - share, 0.5)
    boxes = _boxes(members)
    variance = np.array(
        [
            noise.variance(_crop(members, boxes) * _crop(one, boxes))
            for noise, one in zip(matched.noise, error, strict=True)
        ]
    )
    return sums, np.sqrt(variance), share <= _MOST_BAD


def _boxes(members):
    """First row and column of boxes of one shape around sets of pixels, and that shape."""
    boxes = [bounding_box(one) for one in members]
    shape = np.max([[side.stop - side.start for side in box] for box in boxes], axis=0)
    first = np.array([[side.start for side in box] for box in boxes])
    return np.minimum(first, np.array(members.shape[1:]) - shape), shape


def _crop(images, boxes):
    """Pixels of boxes, (n_sums, height, width), of one image or of one for each box."""
    first, shape = boxes
    rows = first[:, :1, np.newaxis] + np.arange(shape[0])[:, np.newaxis]
    columns = first[:, 1:, np.newaxis] + np.arange(shape[1])
    if images.ndim == 2:
        return images[rows, columns]
    return images[np.arange(len(images))[:, np.newaxis, np.newaxis], rows, columns]


def _binned(bins, redshift, matched, number, target):
    """Record of the bins and their fluxes."""
    n_bins = int(bins.max())
    members = bins == np.arange(1, n_bins + 1)[:, np.newaxis, np.newaxis]
    sample = _as_rows(members, np.arange(1, n_bins + 1), redshift, matched, number)
    total = _as_rows(bins[np.newaxis] > 0, np.zeros(1, dtype=int), redshift, matched, number)
    stack = matched[0].stack
    return BinnedGalaxy(
        sample,
        total,
        NDData(bins, mask=bins == 0, wcs=stack.wcs),
        {name: image for one in matched for name, image in _as_images(one).items()},
        stack.names[number],
        target,
        stack.pixel_scale,
    )


def _as_rows(members, ids, redshift, matched, number):
    """Sample with a row for each set of pixels."""
    sample = GalaxySample({"id": ids, "redshift": np.full(len(ids), redshift)})
    flags = np.zeros(len(ids), dtype=np.int32)
    for kind, one in zip((KINDS["flux"], KINDS["line"]), matched, strict=False):
        value, error = kind.with_role("value")[0], kind.with_role("error")[0]
        flux, sigma, good = _sums(members, one)
        flux, sigma = (np.where(good, part, np.nan) for part in (flux, sigma))
        for name, f, s in zip(one.stack.names, flux, sigma, strict=True):
            sample[kind.column_name(value, name)] = f << one.stack.unit
            sample[kind.column_name(error, name)] = s << one.stack.unit
        if kind.name == "flux":
            snr = (flux / sigma)[number]
            some = good.any(axis=0)
            flags[some & ~good.all(axis=0)] |= FLAGS["MISSING_BAND"].value
            flags[~some] |= FLAGS["NO_DATA"].value
            flags[snr < SNR_MIN] |= FLAGS["LOW_SNR"].value
            touched = np.einsum("kyx,byx->k", members, one.stack.bad.astype(float)) > 0
            flags[touched] |= FLAGS["BAD_PIXELS"].value
    rows, columns = np.indices(members.shape[1:])
    n_pixels = members.sum(axis=(1, 2))
    sample["n_pixels"] = n_pixels
    for name, place in (("x", columns), ("y", rows)):
        sample[name] = np.einsum("kyx,yx->k", members, place.astype(float)) / n_pixels
    sample["snr"] = Column(snr)
    sample["flags"] = flags
    return sample


def _as_images(matched):
    """Matched images as NDData."""
    stack = matched.stack
    scale = [noise.rms for noise in matched.noise]
    return {
        name: NDData(
            flux,
            StdDevUncertainty(error * rms),
            mask=~np.isfinite(flux),
            wcs=stack.wcs,
            unit=stack.unit,
        )
        for name, flux, error, rms in zip(stack.names, stack.flux, stack.error, scale, strict=True)
    }
