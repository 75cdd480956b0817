"""Detection probability of galaxies in bins, from a function or from simulated galaxies."""

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from dustest.data.checks.values import to_floats
from dustest.data.containers.truth import as_truth
from dustest.data.errors import InputError

__all__ = ["detection_probability"]

_LEAST = 1e-3
"""Smallest detection probability that is corrected for, and smallest of simulated galaxies."""
_SMOOTHING = 1.0
"""Standard deviation in bins of the kernel that smooths fractions of simulated galaxies."""
_LEAST_SIMULATED = 3.0
"""Simulated galaxies near a bin, below which it has the fraction of the nearest other bin."""


def detection_probability(selection, bins):
    """Evaluate the probability of detection in each bin.

    Parameters
    ----------
    selection : callable or (Table, array_like of bool)
        See `dustest.studies.infer_population`.
    bins : ValueBins
        The bins.

    Returns
    -------
    probability : ndarray of shape (n_cells,)
        Relative to the largest.

    Raises
    ------
    InputError
        If it is neither a function nor a pair, or a probability is outside 0 to 1 or too small.
    """
    found = (_of_function if callable(selection) else _of_galaxies)(selection, bins)
    if not np.all((found >= _LEAST) & (found <= 1.0)):
        low, high = np.min(found), np.max(found)
        msg = (
            f"selection must give probabilities from {_LEAST:g} to 1 for all values that the "
            f"sample may have, got {low:.3g} to {high:.3g}: what is never detected cannot be "
            "corrected for"
        )
        raise InputError(msg)
    return found / found.max()


def _of_function(selection, bins):
    """Probabilities by a function of the quantities."""
    values = [bins.of_each(name) for name in bins.names]
    found = to_floats(selection(*values), "selection", sentinels=False)
    return np.broadcast_to(found, values[0].shape)


def _of_galaxies(selection, bins):
    """Fractions of simulated galaxies that are detected, smoothed over bins."""
    try:
        truth, detected = selection
        detected = np.asarray(detected)
    except (TypeError, ValueError):
        detected = None
    if detected is None or detected.dtype != bool or detected.shape != (len(truth),):
        msg = (
            "selection must be a function of the quantities, or a pair of the true values of "
            "simulated galaxies and whether each of them is detected, True or False, got "
            f"{selection!r}"
        )
        raise InputError(msg)
    values = as_truth(truth, bins.names)
    place = bins.place(dict(zip(bins.names, values.T, strict=True)))
    parts = [
        np.bincount(place[rows], minlength=int(np.prod(bins.shape))).reshape(bins.shape)
        for rows in (slice(None), detected)
    ]
    every, found = (
        gaussian_filter(part.astype(float), _SMOOTHING, mode="nearest") for part in parts
    )
    return np.clip(_filled(every, found).ravel(), _LEAST, 1.0)


def _filled(every, found):
    """Fractions, with those of the nearest bin where there are few simulated galaxies."""
    few = every < _LEAST_SIMULATED / (2.0 * np.sqrt(np.pi) * _SMOOTHING)
    if few.all():
        msg = f"selection must have more simulated galaxies, got {every.sum():.0f}"
        raise InputError(msg)
    nearest = distance_transform_edt(few, return_distances=False, return_indices=True)
    fractions = np.divide(found, every, out=np.ones_like(found), where=~few)
    return fractions[tuple(nearest)]
