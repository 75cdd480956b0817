"""Galaxies of a reproduction: simulated, augmented and split in two ways; and observed."""

from dataclasses import dataclass

import numpy as np
from astropy.table import vstack
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from dustest.data.checks.sample_columns import by_band
from dustest.data.containers.conversion import as_sample
from dustest.data.containers.rows import RowTable
from dustest.data.containers.sample import GalaxySample
from dustest.data.errors import InputError
from dustest.data.signal_to_noise import SNR_MIN
from dustest.estimators.network_tools import (
    PAPER_COPIES,
    augment_paper,
    balance_weights,
)

__all__ = [
    "BANDS",
    "SURVEY",
    "Split",
    "bright",
    "dust_simulator",
    "honest_split",
    "paper_split",
    "read_sky",
    "sky_simulator",
    "stamp_simulator",
]

BANDS = ("F277W", "F356W", "F444W")
SURVEY = "JADES-deep"
_STAMP_BANDS = ("F115W", "F150W", "F200W", *BANDS)
_REDSHIFT = (6.0, 8.0)
_LOG_MASS = (8.0, 11.0)
_TEST_SHARE = 0.15
_NEIGHBOURS, _OFFSET = 0.1, 0.5


def dust_simulator(bands=BANDS, **options):
    """Make the simulator of the training set.

    Parameters
    ----------
    bands : sequence of str, optional
        Bands of the images.
    **options : dict
        Further arguments of `GalaxySimulator`.

    Returns
    -------
    GalaxySimulator
        Galaxies above 1e8 solar masses at redshifts 6 to 8, in four views each, with any
        fraction of their metals in dust.
    """
    from dustest.simulate import GalaxyPopulation, GalaxySimulator

    defaults = {"photometry_bands": (), "spectrograph": None}
    return GalaxySimulator(
        bands,
        SURVEY,
        _REDSHIFT,
        (0.0, 1.0),
        population=GalaxyPopulation(log_mass=_LOG_MASS),
        neighbours=_NEIGHBOURS,
        offset=_OFFSET,
        **defaults | options,
    )


def stamp_simulator():
    """The same simulator with more bands, for a figure of stamps."""
    return dust_simulator(_STAMP_BANDS)


def sky_simulator():
    """Simulator of observed galaxies, one view each: images, photometry and spectra."""
    from dustest.simulate import PrismSpectrograph

    options = {"photometry_bands": None, "spectrograph": PrismSpectrograph(), "views": ("xy",)}
    return dust_simulator(**options)


def bright(sample, truth):
    """Select galaxies that are bright enough in the first band, as the paper does.

    Parameters
    ----------
    sample : GalaxySample
        n galaxies.
    truth : RowTable
        Their truth.

    Returns
    -------
    sample : GalaxySample
        Galaxies with a signal-to-noise ratio of 5 or more.
    truth : RowTable
        Their truth.
    """
    rows = np.asarray(sample[f"snr_{BANDS[0]}"]) >= SNR_MIN
    return sample[rows], truth[rows]


@dataclass(frozen=True)
class Split:
    """Training and test set.

    Parameters
    ----------
    train, test : GalaxySample
        Observed columns; ``group`` marks rows that must stay together in further splits.
    train_truth, test_truth : RowTable
        True values.
    originals : GalaxySample
        Training set before augmentation.
    originals_truth : RowTable
        Their truth.
    """

    train: GalaxySample
    train_truth: RowTable
    test: GalaxySample
    test_truth: RowTable
    originals: GalaxySample
    originals_truth: RowTable


def paper_split(sample, truth, copies, seed):
    """Augment, then split: copies of a galaxy are in both sets.

    Parameters
    ----------
    sample : GalaxySample
        n galaxies.
    truth : RowTable
        Their truth.
    copies : float
        Images of each galaxy on average.
    seed : int
        Seed of all random numbers.

    Returns
    -------
    Split
        The training set has 85 % of the images; each image is its own group.
    """
    images, rows = _augment(sample, truth, copies, seed)
    images["group"] = np.arange(len(images))
    truth_of = truth[rows]
    train, test = train_test_split(
        np.arange(len(images)), test_size=_TEST_SHARE, random_state=seed
    )
    return Split(images[train], truth_of[train], images[test], truth_of[test], sample, truth)


def honest_split(sample, truth, copies, seed):
    """Split by galaxy, then augment the training set.

    Parameters
    ----------
    sample : GalaxySample
        n galaxies, with ``group``.
    truth : RowTable
        Their truth.
    copies : float
        Images of each galaxy on average.
    seed : int
        Seed of all random numbers.

    Returns
    -------
    Split
        No galaxy has views in both sets, and the test images are as simulated.
    """
    splitter = GroupShuffleSplit(1, test_size=_TEST_SHARE, random_state=seed)
    train, test = next(splitter.split(sample, groups=np.asarray(sample["group"])))
    images, rows = _augment(sample[train], truth[train], copies, seed)
    return Split(
        images,
        truth[train][rows],
        sample[test],
        truth[test],
        sample[train],
        truth[train],
    )


def _augment(sample, truth, copies, seed):
    """Images of galaxies and copies of them, with more copies for rarer A_V.

    Returns a sample, and the row of the galaxy for each of its rows. Copies are made of images
    scaled to 0 to 1, as in the paper, and are then scaled back to the brightness of the galaxy.
    """
    rng = np.random.default_rng(seed)
    n, n_kinds = len(sample), len(PAPER_COPIES)
    rarity = np.repeat(balance_weights(truth["A_V"].value), n_kinds - 1)
    n_more = min(round((copies - 1.0) * n), rarity.size)
    more = np.sort(rng.choice(rarity.size, n_more, replace=False, p=rarity / rarity.sum()))
    rows = np.concatenate([np.arange(n), more // (n_kinds - 1)])
    kinds = np.concatenate([np.zeros(n, dtype=int), more % (n_kinds - 1) + 1])
    enlarged = sample[["redshift", "group", "pixel_scale"]][rows]
    enlarged["id"] = [
        f"{name}-{kind}" for name, kind in zip(sample["id"][rows], kinds, strict=True)
    ]
    for band in BANDS:
        images = sample[f"cutout_{band}"]
        copied = _copy(images.value, rows, kinds, rng)
        enlarged[f"cutout_{band}"] = copied << images.unit
    return as_sample(enlarged), rows


def _copy(images, rows, kinds, rng):
    """Copies of images of one band."""
    low = images.min(axis=(1, 2), keepdims=True)
    spread = np.maximum(images.max(axis=(1, 2), keepdims=True) - low, np.finfo(float).tiny)
    normalised = ((images - low) / spread).astype(np.float32)
    copies = augment_paper(normalised[rows][..., None], kinds, rng)[..., 0]
    return (copies * spread[rows] + low[rows]).astype(np.float32)


def read_sky(catalog, images):
    """Read observed galaxies.

    Parameters
    ----------
    catalog : path-like or GalaxySample
        Catalogue.
    images : dict of str to path-like or sequence of path-like, or None
        Mosaics by band. If a band has several, a galaxy is cut from the first that covers it;
        the n-th mosaics of all bands belong together.

    Returns
    -------
    GalaxySample
        The galaxies, with NaN as images if there are none.

    Raises
    ------
    InputError
        If bands have different numbers of images, or one has none.
    ReadError
        If a file cannot be read.
    """
    from dustest.io import add_cutouts, read_catalog

    sample = catalog if isinstance(catalog, GalaxySample) else read_catalog(catalog)
    if not images:
        return sample
    lists = {band: _as_list(paths) for band, paths in by_band(images, None, "images").items()}
    _check_images(lists)
    fields = [
        add_cutouts(sample, {band: paths[i] for band, paths in lists.items()})
        for i in range(len(next(iter(lists.values()))))
    ]
    covered = np.array([_has_image(field, lists) for field in fields])
    first = np.argmax(covered, axis=0)
    merged = vstack([fields[place][row : row + 1] for row, place in enumerate(first)])
    return as_sample(merged)


def _check_images(lists):
    """Raise an error for images that cannot be of a few fields in the bands of the networks."""
    got = ", ".join(f"{len(paths)} in {band}" for band, paths in lists.items())
    if missing := [band for band in BANDS if band not in lists]:
        msg = f"images must be in {', '.join(BANDS)}, got {got}, and none in {', '.join(missing)}"
        raise InputError(msg)
    numbers = {len(paths) for paths in lists.values()}
    if len(numbers) > 1 or not min(numbers):
        msg = (
            "images must be as many in every band, one or more, as the n-th belong together, "
            f"got {got}"
        )
        raise InputError(msg)


def _has_image(sample, bands):
    """Galaxies with a good pixel in any band."""
    good = [~sample[f"cutout_mask_{band}"] for band in bands]
    return np.any(good, axis=(0, 2, 3))


def _as_list(paths):
    """One path or many as a list."""
    return list(paths) if isinstance(paths, list | tuple) else [paths]
