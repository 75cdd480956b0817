"""Augmentation: rotations, shifts, blur, noise, other sources, calibration, and missing data.

`augment` works on the inputs of `prepare`, and returns what `prepare` would have returned for the
changed galaxies: fluxes, signal-to-noise ratios and the common scale are measured again.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage, special

from dustest.data.checks.numbers import check_number
from dustest.data.errors import InputError, MissingDependencyError
from dustest.estimators._cnn.context import ContextLayout, describe
from dustest.estimators._cnn.corruptions import CORRUPTIONS
from dustest.estimators._cnn.inputs import aperture, border_noise, stretch, unstretch

__all__ = [
    "ANY_BANDS",
    "PAPER_COPIES",
    "AugmentOptions",
    "PaperCopies",
    "apply_symmetry",
    "augment",
    "augment_paper",
    "balance_weights",
]

_N_SHIFTS, _N_BLURS = 33, 9
"""Least number of steps of shifts, and steps of blurs: fine enough, and a table of 1.2 MB contains
them all."""

_STEPS_PER_PIXEL = 8
"""Least number of steps of shifts in a pixel; with shifts of 4 pixels the table has 2.4 MB."""

_LARGEST_PATCH = 3
"""Largest side of a patch of bad pixels, as cosmic rays and hot pixels leave."""

_REDSHIFT_UNIT, _HIGHEST_REDSHIFT = 0.1, 2.0
"""A redshift of 1, and the highest, in the unit of the context."""

_TINY = 1e-20
"""Noise of stamps without any."""

_PAPER_NOISE = 0.05
_PROBABILITIES = (
    *("missing_band", "missing_redshift", "missing_pixel_scale"),
    *("neighbours", "agn", "bad_pixels"),
)
_HIGHEST = {
    "shift": 3.0,
    "blur": 2.0,
    "noise": np.inf,
    "noise_smoothing": 2.0,
    "misalignment": 1.0,
    "background": np.inf,
    "zero_point": 0.5,
    "redshift_error": 0.5,
}
_HIGHEST |= dict.fromkeys(_PROBABILITIES, 1.0)


@dataclass(frozen=True)
class AugmentOptions:
    """Options of `augment`; 0 and False switch a change off.

    Parameters
    ----------
    symmetries : bool, optional
        Whether to rotate and flip, by one of the eight symmetries of the square.
    shift : float, optional
        Largest shift along each axis in pixels, up to 3.
    blur : float, optional
        Largest standard deviation in pixels, up to 2, of the Gaussian that widens the
        point-spread function, drawn for each band. The long bands of NIRCam have 1.4 to 2
        pixels on their own.
    noise : float, optional
        Largest added noise in units of the noise in the aperture, drawn for each band.
    noise_smoothing : float, optional
        Standard deviation in pixels, up to 2, of the Gaussian that correlates the added noise,
        as drizzling does.
    missing_band : float, optional
        Probability with which each band is removed; at least one is kept.
    any_bands : bool, optional
        Whether each galaxy draws that probability evenly from 0 to 1, so that subsets of all sizes
        are equally frequent.
    missing_redshift, missing_pixel_scale : float, optional
        Probabilities with which the redshift and the pixel scale are removed.
    misalignment : float, optional
        Largest further shift of each band along each axis in pixels, up to 1; two bands differ by
        up to twice as much.
    background : float, optional
        Largest background that is added or subtracted, in units of the noise of a pixel, drawn
        for each band.
    zero_point : float, optional
        Largest relative change of the flux, up to 0.5, drawn for each band.
    neighbours : float, optional
        Probability of a fainter neighbour: another galaxy of the batch.
    agn : float, optional
        Probability of a point source in the centre, with up to 30 % of the light.
    bad_pixels : float, optional
        Probability with which each band has a patch of up to 3 x 3 bad pixels, which become 0 as
        in `prepare`.
    redshift_error : float, optional
        Standard deviation of the error of redshifts z, in units of 1 + z.

    Raises
    ------
    InputError
        If a value is out of range.
    """

    symmetries: bool = True
    any_bands: bool = False
    shift: float = 0.5
    blur: float = 0.4
    noise: float = 0.5
    noise_smoothing: float = 0.8
    missing_band: float = 0.0
    missing_redshift: float = 0.0
    missing_pixel_scale: float = 0.0
    misalignment: float = 0.0
    background: float = 0.0
    zero_point: float = 0.0
    neighbours: float = 0.0
    agn: float = 0.0
    bad_pixels: float = 0.0
    redshift_error: float = 0.0

    def __post_init__(self):
        for name in ("symmetries", "any_bands"):
            if not isinstance(getattr(self, name), bool):
                msg = f"{name} must be True or False, got {getattr(self, name)!r}"
                raise InputError(msg)
        for name, highest in _HIGHEST.items():
            check_number(getattr(self, name), name, 0.0, highest)

    @classmethod
    def wide(cls, **changes):
        """Options for everything that mosaics and catalogues do to galaxies.

        Parameters
        ----------
        **changes : dict
            Options with other values.

        Returns
        -------
        AugmentOptions
            Options with the limits of `CORRUPTIONS` inside the range that networks learn.

        Examples
        --------
        >>> from dustest.estimators._cnn.training.augmentation import AugmentOptions
        >>> options = AugmentOptions.wide(agn=0.0)
        >>> options.shift, options.background, options.agn
        (3.0, 1.0, 0.0)
        """
        return cls(**_WIDE | changes)

    def __call__(self, image, context, rng):
        """Change galaxies, see `augment`."""
        return augment(image, context, rng, self)


@dataclass(frozen=True)
class PaperCopies:
    """Augmentation of the paper: each galaxy becomes one of its copies at random."""

    def __call__(self, image, context, rng):
        """Change galaxies, see `augment_paper`."""
        kinds = rng.integers(len(PAPER_COPIES), size=len(image))
        return augment_paper(image, kinds, rng), context


def augment(image, context, rng, options=None):
    """Change galaxies at random, as options allow.

    Parameters
    ----------
    image : ndarray of float32 of shape (n, size, size, n_bands)
        From `prepare`; of shape (n, 0) without images, and then only redshifts are changed.
    context : ndarray of float32 of shape (n, n_context)
        From `prepare`.
    rng : numpy.random.Generator
        Source of random numbers.
    options : AugmentOptions, optional
        Kinds and sizes of changes; ``AugmentOptions()`` by default.

    Returns
    -------
    image : ndarray of float32 of shape (n, size, size, n_bands)
        Changed images.
    context : ndarray of float32 of shape (n, n_context)
        Their context.

    Notes
    -----
    Symmetry and shift are the same for all bands of a galaxy. Shifts interpolate by splines
    of fifth order and blurs are discrete Gaussians [1]_, both with the stamp mirrored at its
    border; neither changes the noise in the aperture by much, so it is taken to stay. Added noise
    raises it, and zero points scale it. A neighbour has the signal-to-noise ratio of the galaxy
    or a higher one, so that its noise stays below that of the galaxy.

    References
    ----------
    .. [1] Lindeberg 1990, IEEE Trans. Pattern Anal. Mach. Intell. 12, 234.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.data import as_sample
    >>> from dustest.estimators import make_batch
    >>> from dustest.estimators._cnn.training.augmentation import augment
    >>> from dustest.estimators._cnn.inputs import prepare
    >>> stamps = np.random.default_rng(1).normal(size=(2, 1, 32, 32))
    >>> inputs = prepare(make_batch(as_sample(stamps, bands=["F277W"])), ["F277W"])
    >>> image, context = augment(inputs.image, inputs.context, np.random.default_rng(2))
    >>> image.shape, context.shape
    ((2, 32, 32, 1), (2, 8))
    """
    options = AugmentOptions() if options is None else options
    layout = ContextLayout(image.shape[-1])
    if layout.n_bands:
        image, context = _changed_images(image, context, rng, options, layout)
    context = np.array(context)
    _change_redshifts(context, layout, rng, options.redshift_error)
    redshift = [layout["redshift"], layout["redshift_known"]]
    _forget(context, redshift, rng, options.missing_redshift)
    if layout.n_bands:
        scale = [layout["log_pixel_scale"], layout["pixel_scale_known"]]
        _forget(context, scale, rng, options.missing_pixel_scale)
    return image, context


def _changed_images(image, context, rng, options, layout):
    """Images changed as options allow, and the context that describes them."""
    n = len(image)
    present = context[:, layout["present"]] > 0.0
    log_snr, log_flux = (context[:, layout[name]] for name in ("log_snr", "log_flux"))
    # For any limits of both logarithms, their difference is that of noise and scale.
    noise = 10.0 ** (log_flux.astype(float) - log_snr.astype(float))
    if options.symmetries:
        image = apply_symmetry(image, rng.integers(8, size=n))
    linear = unstretch(np.ascontiguousarray(np.moveaxis(image, -1, 1)))
    rms = _pixel_rms(linear) if options.neighbours or options.agn or options.background else None
    for name, probability in (("neighbour", options.neighbours), ("AGN", options.agn)):
        if probability:
            _add_source(CORRUPTIONS[name], linear, rms, rng, probability)
    if options.shift or options.blur or options.misalignment:
        linear = _shift_and_blur(linear, rng, options.shift, options.blur, options.misalignment)
    if options.noise:
        added = noise * rng.uniform(0.0, options.noise, size=noise.shape)
        linear += _noise(rng, linear.shape, added, options.noise_smoothing)
        noise = np.hypot(noise, added)
    if options.background:
        level = rms * rng.uniform(-options.background, options.background, size=rms.shape)
        linear += level[..., None, None].astype(np.float32)
    if options.zero_point:
        gain = rng.uniform(1.0 - options.zero_point, 1.0 + options.zero_point, size=noise.shape)
        linear *= gain[..., None, None].astype(np.float32)
        noise = noise * gain
    if options.bad_pixels:
        linear[_patches(linear.shape, rng, options.bad_pixels)] = 0.0
    if options.any_bands or options.missing_band:
        share = rng.random((n, 1)) if options.any_bands else options.missing_band
        present = _kept(present, rng, share)
    return _measured_again(linear, noise, present, context)


def apply_symmetry(image, element):
    """Rotate and flip images by symmetries of the square.

    Parameters
    ----------
    image : ndarray of shape (n, size, size, n_bands)
        Images.
    element : ndarray of int of shape (n,)
        Symmetry of each, from 0 (none) to 7: the sum of 1 (columns reversed), 2 (rows reversed)
        and 4 (rows and columns exchanged, after the others).

    Returns
    -------
    turned : ndarray of shape (n, size, size, n_bands)
        New images.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._cnn.training.augmentation import apply_symmetry
    >>> image = np.arange(4).reshape(1, 2, 2, 1)
    >>> apply_symmetry(image, np.array([1]))[0, ..., 0].tolist()
    [[1, 0], [3, 2]]
    """
    turned = np.array(image)
    for bit, turn in (
        (1, lambda stamps: stamps[:, :, ::-1]),
        (2, lambda stamps: stamps[:, ::-1]),
        (4, lambda stamps: stamps.swapaxes(1, 2)),
    ):
        rows = np.flatnonzero(element & bit)
        turned[rows] = turn(turned[rows])
    return turned


def augment_paper(images, kinds, rng, *, noise=_PAPER_NOISE):
    """Make copies of images as the paper does.

    Parameters
    ----------
    images : ndarray of shape (n, size, size, n_bands)
        From `prepare_paper`.
    kinds : ndarray of int of shape (n,)
        Kind of copy for each image, by its number in ``PAPER_COPIES``.
    rng : numpy.random.Generator
        Source of random numbers.
    noise : float, optional
        Standard deviation of the Gaussian noise, for images from 0 to 1. The paper does not state
        its value.

    Returns
    -------
    copies : ndarray of float32 of shape (n, size, size, n_bands)
        New images.

    Raises
    ------
    InputError
        If ``noise`` is out of range.
    MissingDependencyError
        If scikit-image is not installed.

    Notes
    -----
    The histogram of oriented gradients [1]_ is drawn as an image, from 0 to 1, for each band,
    with the defaults of scikit-image: 9 directions in cells of 8 pixels.

    References
    ----------
    .. [1] Dalal & Triggs 2005, CVPR 1, 886.
    """
    check_number(noise, "noise", 0.0, np.inf)
    copies = np.array(images, dtype=np.float32)
    for kind, change in enumerate(PAPER_COPIES.values()):
        rows = np.flatnonzero(kinds == kind)
        if rows.size:
            copies[rows] = change(copies[rows], rng, noise)
    return copies


def balance_weights(labels, *, power=0.5, bound=5.0, n_bins=20):
    """Weights that make the distribution of a label more even.

    Parameters
    ----------
    labels : array_like of shape (n,)
        True values of one quantity.
    power : float, optional
        0 leaves the distribution unchanged, 1 makes it flat within ``bound``.
    bound : float, optional
        Largest weight over the smallest, from 1.
    n_bins : int, optional
        Number of bins between the smallest and the largest label.

    Returns
    -------
    weights : ndarray of shape (n,)
        Weights with mean 1.

    Raises
    ------
    InputError
        If a label is not a finite number, or an argument is out of range.

    Notes
    -----
    A network trained with these weights learns a distribution with them as its prior: its point
    estimates are less biased to the commonest value, and its intervals no longer have their
    nominal coverage for galaxies distributed as in the training set.

    Examples
    --------
    >>> from dustest.estimators._cnn.training.augmentation import balance_weights
    >>> balance_weights([0.1] * 9 + [2.0], power=1.0).round(2)
    array([0.71, 0.71, 0.71, 0.71, 0.71, 0.71, 0.71, 0.71, 0.71, 3.57])
    """
    weights = _rarity(labels, power, bound, n_bins)
    return weights / weights.mean()


def _pixel_rms(linear):
    """Noise of a pixel of each stamp of (n, n_bands, size, size), (n, n_bands)."""
    shape = linear.shape
    return border_noise(linear.reshape(-1, *shape[2:]))[0].reshape(shape[:2])


def _add_source(corruption, linear, rms, rng, probability):
    """Apply a corruption, inside the range that networks learn, to some galaxies in place."""
    rows = np.flatnonzero(rng.random(len(linear)) < probability)
    if not rows.size:
        return
    errors = np.maximum(rms[rows], _TINY)
    linear[rows], _, _ = corruption.apply(linear[rows], errors, None, rng, corruption.inside)


def _patches(shape, rng, probability):
    """Bad pixels: a patch at a random place in some stamps, as an array of bool."""
    size = shape[-1]
    place = np.arange(size)
    first = rng.integers(size, size=(2, *shape[:2], 1))
    side = rng.integers(1, _LARGEST_PATCH + 1, size=(2, *shape[:2], 1))
    rows, columns = (place >= first) & (place < first + side)
    spoiled = rng.random(shape[:2]) < probability
    return rows[..., :, None] & columns[..., None, :] & spoiled[..., None, None]


def _change_redshifts(context, layout, rng, relative_error):
    """Add errors to redshifts in place."""
    if not relative_error:
        return
    redshift = context[:, layout["redshift"]]
    error = relative_error * (_REDSHIFT_UNIT + redshift) * rng.standard_normal(len(context))
    changed = np.clip(redshift + error, 0.0, _HIGHEST_REDSHIFT)
    known = context[:, layout["redshift_known"]] > 0.0
    context[:, layout["redshift"]] = np.where(known, changed, redshift)


def _forget(context, columns, rng, probability):
    """Set columns of some galaxies to 0 in place: what they describe is then unknown."""
    if probability:
        context[:, columns] *= rng.random((len(context), 1)) >= probability


def _shift_and_blur(linear, rng, shift, blur, misalignment=0.0):
    """Images of shape (n, n_bands, size, size) shifted, and blurred band by band."""
    n, n_bands, size, _ = linear.shape
    table = _operators(size, float(shift + misalignment), float(blur))
    middle = table.shape[1] // 2
    most = round(middle * shift / (shift + misalignment)) if middle else 0
    steps = rng.integers(middle - most, middle + most + 1, size=(2, n, 1))
    widths = rng.integers(table.shape[0], size=(n, n_bands))
    if misalignment:
        steps = steps + rng.integers(most - middle, middle - most + 1, size=(2, n, n_bands))
    down, along = table[widths, steps[0]], table[widths, steps[1]]
    return down @ linear @ along.swapaxes(2, 3)


@lru_cache(maxsize=8)
def _operators(size, shift, blur):
    """Blur and shift along one axis as matrices, (n_blurs, n_shifts, size, size)."""
    blurs = np.linspace(0.0, blur, _N_BLURS if blur else 1)
    n_shifts = max(_N_SHIFTS, 2 * int(np.ceil(_STEPS_PER_PIXEL * shift)) + 1)
    shifts = np.linspace(-shift, shift, n_shifts if shift else 1)
    unit = np.eye(size)
    moved = [ndimage.shift(unit, (step, 0.0), order=5, mode="mirror") for step in shifts]
    return np.array([[_smoother(size, width) @ one for one in moved] for width in blurs], "f4")


@lru_cache(maxsize=32)
def _smoother(size, width):
    """Discrete Gaussian of a width in pixels along one axis, as a matrix."""
    reach = np.arange(-8, 9)
    kernel = special.ive(reach, width**2)
    return ndimage.correlate1d(np.eye(size), kernel / kernel.sum(), axis=0, mode="mirror")


def _noise(rng, shape, level, smoothing):
    """Correlated noise of a level in the aperture, given for each band of each galaxy."""
    smoother = _smoother(shape[-1], float(smoothing))
    # Summing smoothed noise in the aperture equals summing noise in a smoothed aperture.
    smoothed = smoother.T @ aperture(shape[-1]) @ smoother
    rms = (level / np.sqrt(np.sum(smoothed**2))).astype(np.float32)
    noise = rng.standard_normal(shape, dtype=np.float32)
    noise *= rms[..., None, None]
    smoother = smoother.astype(np.float32)
    return smoother @ noise @ smoother.T


def _kept(present, rng, probability):
    """Bands that are kept if some are removed, at least one."""
    drawn = rng.random(present.shape)
    kept = present & (drawn >= probability)
    # Of galaxies that would lose all bands, the one with the highest number is kept.
    spared = np.argmax(np.where(present, drawn, -1.0), axis=1)
    rows = np.flatnonzero(~kept.any(axis=1))
    kept[rows, spared[rows]] = present[rows, spared[rows]]
    return kept


def _measured_again(linear, noise, present, context):
    """Image and context of changed galaxies, whose common scale has changed too."""
    n, n_bands, size, _ = linear.shape
    flux = (linear.reshape(n, n_bands, -1) @ aperture(size).ravel()).astype(float)
    scale, columns = describe(flux, noise, present)
    context, layout = np.array(context), ContextLayout(n_bands)
    layout.fill(context, columns)
    context[:, layout["log_scale"]] += np.log10(scale)
    factor = np.where(present, 1.0 / scale[:, None], 0.0).astype(np.float32)
    image = stretch(linear * factor[..., None, None])
    return np.ascontiguousarray(np.moveaxis(image, 1, -1)), context


def _rotate(quarters):
    """Copy that rotates images by quarters of a circle."""
    return lambda images, rng, noise: np.rot90(images, quarters, axes=(1, 2))  # noqa: ARG005


def _noisy(images, rng, noise):
    """Copy with Gaussian noise."""
    added = np.float32(noise) * rng.standard_normal(images.shape, dtype=np.float32)
    return np.clip(images + added, 0.0, 1.0)


def _gradients(images, rng=None, noise=None):  # noqa: ARG001
    """Histograms of oriented gradients, drawn as images from 0 to 1."""
    try:
        from skimage.feature import hog
    except ImportError as error:
        msg = 'augmentation by HOG needs scikit-image: pip install "dustest[cnn]"'
        raise MissingDependencyError(msg) from error
    drawn = np.empty_like(images)
    for row, band in np.ndindex(len(images), images.shape[-1]):
        drawn[row, ..., band] = hog(images[row, ..., band], visualize=True)[1]
    highest = drawn.max(axis=(1, 2), keepdims=True)
    return np.divide(drawn, highest, out=np.zeros_like(drawn), where=highest > 0.0)


def _rarity(labels, power, bound, n_bins):
    """Rarity of each label relative to the commonest, from 1 up to a bound."""
    labels = np.asarray(labels, dtype=float)
    if labels.ndim != 1 or not labels.size or not np.all(np.isfinite(labels)):
        msg = f"labels must be finite numbers along one axis, got the shape {labels.shape}"
        raise InputError(msg)
    check_number(power, "power", 0.0, 1.0)
    check_number(bound, "bound", 1.0, np.inf)
    check_number(n_bins, "n_bins", 1, 10_000)
    edges = np.linspace(labels.min(), labels.max(), int(n_bins) + 1)
    place = np.clip(np.searchsorted(edges, labels, side="right") - 1, 0, int(n_bins) - 1)
    counts = np.bincount(place)
    return np.minimum((counts.max() / counts[place]) ** power, bound)


_WIDE = {
    "shift": CORRUPTIONS["offset"].inside[1],
    "misalignment": CORRUPTIONS["shifted band"].inside[1],
    "blur": CORRUPTIONS["wide PSF"].inside[1],
    "background": CORRUPTIONS["background"].inside[1],
    "zero_point": CORRUPTIONS["zero point"].inside[1],
    "neighbours": 0.2,
    "agn": 0.2,
    "bad_pixels": 0.05,
    "redshift_error": 0.02,
    "missing_pixel_scale": 0.05,
}
"""Options that `AugmentOptions.wide` changes."""

ANY_BANDS = AugmentOptions(symmetries=False, any_bands=True, shift=0.0, blur=0.0, noise=0.0)
"""Options that change nothing but the bands that are there."""

PAPER_COPIES = {
    "original": _rotate(0),
    "rot90": _rotate(1),
    "rot180": _rotate(2),
    "rot270": _rotate(3),
    "flip_x": lambda images, rng, noise: images[:, :, ::-1],  # noqa: ARG005
    "flip_y": lambda images, rng, noise: images[:, ::-1],  # noqa: ARG005
    "noise": _noisy,
    "hog": _gradients,
}
"""Copies of `augment_paper`: functions of images, a generator and the noise."""
