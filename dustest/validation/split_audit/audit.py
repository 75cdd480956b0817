"""Audit of a split into galaxies to train on and galaxies to test on."""

import hashlib
import warnings

import numpy as np
from astropy import units as u
from astropy.table import QTable

from dustest.data.checks.values import bare_values
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import DustestWarning, InputError
from dustest.validation.split_audit.twins import Stamps, common_noise, find_twins

__all__ = ["audit_split"]

_LEAST_BANDS = 2
_LEAST_SIZE = 8


def audit_split(train, test):
    """Find copies of galaxies on both sides of a split.

    A copy on the other side of a split makes a method look better than it is on new galaxies.

    Parameters
    ----------
    train, test : GalaxySample or anything that `~dustest.data.as_sample` takes
        The two sides. Images of the bands that both have are compared, without masked pixels.

    Returns
    -------
    copies : QTable
        One row for each row of ``test`` and reason, with the most similar row of ``train``:
        ``row`` and ``test_row``, numbers from 0; ``reason``; and ``similarity``, 1 for an exact
        copy. The reasons are "group", the same value in the column ``group``; "content", the
        same images or the same photometry, to the last digit; and "twin", images that agree after
        a rotation or reflection, also if noise was added. The meta contains ``n_train``,
        ``n_test`` and ``n_copied``, the number of rows of ``test`` with a copy.

    Raises
    ------
    InputError
        If a side is no sample, or images of one band have units that do not convert.

    Warns
    -----
    DustestWarning
        If the sides have nothing to compare: no group, no band of images and less than two bands
        of photometry that both have; or no images in which twins can be found.

    See Also
    --------
    dustest.data.splits.group_split : Split with whole groups on either side.

    Notes
    -----
    For a twin the similarity is one minus the mean squared difference of the pixels over the sum
    of both noise variances, in the best of eight orientations. Images of two galaxies have
    independent noise, and a similarity of 0 or less. A copy has the noise of its original: the
    similarity is 1 for an exact copy, 2/3 if as much noise was added again, and 1/2, the limit,
    if the added noise has 1.4 times the standard deviation of the original's. Candidates are found
    by sums over pixels that rotations and reflections exchange.

    Other copies are found by their group only: a galaxy with independent noise, from another
    direction, with other dust, rescaled, shifted, or rotated by other angles than 90 degrees.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.validation import audit_split
    >>> rng = np.random.default_rng(1)
    >>> train = rng.normal(size=(50, 1, 32, 32))
    >>> test = rng.normal(size=(50, 1, 32, 32))
    >>> test[3] = np.rot90(train[7], axes=(1, 2)) + rng.normal(scale=0.5, size=(1, 32, 32))
    >>> copies = audit_split(train, test)
    >>> copies["similarity"].info.format = ".2f"
    >>> print(copies)
    row test_row reason similarity
    --- -------- ------ ----------
      7        3   twin       0.89
    """
    samples = as_sample(train), as_sample(test)
    images, fluxes = _images(*samples), _fluxes(*samples)
    if images[0] is fluxes[0] is None and not _have_groups(*samples):
        _warn(
            "train and test have nothing in common that can be compared, so that no copy is "
            "found: give both a column group, images of a band or fluxes of two"
        )
    found = [*_same_groups(*samples), *_same_content(images, fluxes), *_twins(images)]
    names = ("row", "test_row", "reason", "similarity")
    # Rows, an empty list too, have no number of columns in older versions of astropy.
    columns = zip(*found, strict=True) if found else ([],) * len(names)
    copies = QTable(list(map(list, columns)), names=names, dtype=(int, int, "U7", float))
    copies.sort(["test_row", "reason"])
    copies.meta |= {
        "n_train": len(samples[0]),
        "n_test": len(samples[1]),
        "n_copied": len(set(copies["test_row"].tolist())),
    }
    return copies


def _warn(msg):
    """Warn of copies that are not looked for."""
    warnings.warn(msg, DustestWarning, stacklevel=3)


def _have_groups(*samples):
    """Whether all samples have groups."""
    return all("group" in sample.colnames for sample in samples)


def _same_groups(train, test):
    """Rows of one group."""
    if not _have_groups(train, test):
        return []
    values = [bare_values(sample["group"]) for sample in (train, test)]
    names = [
        [None if missing is not None and missing[i] else str(one) for i, one in enumerate(array)]
        for array, missing in values
    ]
    return [(*pair, "group", 1.0) for pair in _equal_rows(*names)]


def _same_content(*data):
    """Rows with the same images or the same photometry."""
    pairs = {pair for sides in data for pair in _equal_rows(*(_digests(side) for side in sides))}
    first = {test_row: row for row, test_row in sorted(pairs, reverse=True)}
    return [(row, test_row, "content", 1.0) for test_row, row in first.items()]


def _twins(images):
    """Rows with rotated, reflected or re-noised images."""
    if images[0] is None:
        return []
    squares = _common_squares(*images)
    if squares is None:
        shapes = " and ".join(f"{one.shape[2]} x {one.shape[3]}" for one in images)
        _warn(
            f"twins are not looked for in images of {shapes} pixels: both must have sides of "
            f"{_LEAST_SIZE} or more, that are all even or all odd"
        )
        return []
    scale = common_noise(np.concatenate(squares))
    found = find_twins(*(Stamps.measure(one, scale) for one in squares))
    return [
        (int(row), int(test_row), "twin", float(similarity))
        for row, test_row, similarity in zip(*found, strict=True)
    ]


def _equal_rows(keys, test_keys):
    """Pairs of rows with equal keys, the first of each; None is no key."""
    first = {}
    for row, key in enumerate(keys):
        first.setdefault(key, row)
    first.pop(None, None)
    return [(first[key], row) for row, key in enumerate(test_keys) if key in first]


def _digests(values):
    """A digest of the numbers of each row; None for rows that hold too few."""
    if values is None:
        return []
    flat = values.reshape(len(values), -1)
    known = np.isfinite(flat)
    varied = known.any(axis=1) & (np.ptp(np.where(known, flat, 0.0), axis=1) > 0)
    return [
        hashlib.sha256(row.tobytes()).digest() if use else None
        for row, use in zip(flat + 0.0, varied, strict=True)
    ]


def _images(train, test):
    """Images of the common bands of both sides, shape (n, n_bands, ny, nx); None without any."""
    bands = [band for band in train.cutout_bands if band in test.cutout_bands]
    if not bands:
        return None, None
    columns = [f"cutout_{band}" for band in bands]
    units = {name: getattr(train[name], "unit", None) or u.nJy for name in columns}
    return tuple(
        np.stack([_pixels(sample, name, units[name]) for name in columns], axis=1)
        for sample in (train, test)
    )


def _pixels(sample, name, unit):
    """Images of one band; masked pixels are NaN."""
    given = u.Quantity(sample[name], getattr(sample[name], "unit", None) or u.nJy)
    try:
        pixels = given.to_value(unit).astype("f4")
    except u.UnitConversionError as error:
        msg = (
            f"{name} must have one unit in train and test, got {unit} and {given.unit}: convert "
            "one of them"
        )
        raise InputError(msg) from error
    mask = name.replace("cutout_", "cutout_mask_")
    if mask in sample.colnames:
        pixels = np.where(np.asarray(sample[mask], dtype=bool), np.nan, pixels)
    return pixels


def _fluxes(train, test):
    """Photometry of the common bands of both sides, shape (n, n_bands); None without enough."""
    bands = [band for band in train.bands if band in test.bands]
    if len(bands) < _LEAST_BANDS:
        return None, None
    return tuple(
        np.stack([sample[f"flux_{band}"].value for band in bands], axis=1)
        for sample in (train, test)
    )


def _common_squares(*images):
    """The central squares of one size; None if they are too small or not around one centre."""
    sides = [min(one.shape[2:]) for one in images]
    size = min(sides)
    offsets = {(n - size) % 2 for one in images for n in one.shape[2:]}
    if size < _LEAST_SIZE or offsets != {0}:
        return None
    squares = []
    for one in images:
        top, left = ((n - size) // 2 for n in one.shape[2:])
        squares.append(one[:, :, top : top + size, left : left + size])
    return squares
