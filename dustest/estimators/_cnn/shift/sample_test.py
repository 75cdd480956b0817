"""Test of a whole sample: which property of its stamps differs, and by how much."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dustest.estimators._cnn.corruptions import CORRUPTIONS, Corruption
from dustest.estimators._cnn.corruptions.pixels import blur, resample

__all__ = ["PROPERTIES", "Property", "compare_with_training", "responses"]

_RIDGE = 0.01
"""Ridge of the regression, relative to the number of galaxies."""
_SIGNIFICANT = 5.0
"""Distance in standard errors from the training set beyond which a property differs."""
_MARGIN = 0.15
"""Share of the distance to the next level of a property that populations may differ by."""


@dataclass(frozen=True)
class Property:
    """One property of the stamps of a sample.

    Parameters
    ----------
    name : str
        Name, which is a reason of the detector.
    quantity : str
        What the numbers are.
    levels : tuple of float
        Ascending values.
    usual : float
        Value of the training set, one of the levels.
    change : callable
        Function of stamps, errors, redshift, a level and a source of noise, like
        that of a `Corruption`.
    """

    name: str
    quantity: str
    levels: tuple
    usual: float
    change: Callable

    def corruption(self, level):
        """Change of galaxies to a level of the property."""
        return Corruption(self.name, self.name, (level, level), self.change)


def _widened(stamps, errors, redshift, level, source):
    """Galaxies with a wider point-spread function."""
    return blur(stamps, level, errors, source), errors, redshift


def _scaled(stamps, errors, redshift, level, source):  # noqa: ARG001
    """Galaxies with pixels of another size."""
    return resample(stamps, level), errors, redshift


def _raised(stamps, errors, redshift, level, source):  # noqa: ARG001
    """Galaxies on a background."""
    return stamps + (level * errors)[..., None, None], errors, redshift


def _coloured(stamps, errors, redshift, level, source):  # noqa: ARG001
    """Galaxies whose last band is fainter against the first by some magnitudes."""
    factor = 10.0 ** (-0.4 * level * np.linspace(0.0, 1.0, errors.shape[1]))
    return stamps * factor[..., None, None].astype(stamps.dtype), errors * factor, redshift


PROPERTIES = (
    Property(
        "PSF",
        "sigma in pixels of the Gaussian that widens it",
        (0.0, 0.5, 1.0, 1.5, 2.0),
        0.0,
        _widened,
    ),
    Property(
        "noise",
        "noise over that of the training set",
        (1.0, 1.25, 1.5, 2.0, 2.5),
        1.0,
        CORRUPTIONS["noise"].change,
    ),
    Property(
        "pixel scale",
        "side of a pixel over the stated one",
        (0.65, 0.8, 1.0, 1.25, 1.5),
        1.0,
        _scaled,
    ),
    Property(
        "background",
        "level over the noise of a pixel",
        (-2.0, -1.0, 0.0, 1.0, 2.0),
        0.0,
        _raised,
    ),
    Property(
        "centre", "offset in pixels", (0.0, 1.5, 3.0, 5.0, 7.0), 0.0, CORRUPTIONS["offset"].change
    ),
    Property(
        "colour",
        "magnitudes by which the last band is fainter against the first",
        (-0.6, -0.3, 0.0, 0.3, 0.6),
        0.0,
        _coloured,
    ),
)
"""Properties that are tested."""


def responses(tables, detection):
    """Fit linear responses of features to all properties.

    Parameters
    ----------
    tables : list of list of ndarray of shape (n, p)
        Features of changed galaxies, for each level of each property.
    detection : Detection
        Detector whose features they are.

    Returns
    -------
    effects : ndarray of shape (p + n_hidden + 1, n_properties)
        Weights of features, hidden units and a constant.
    levels, scatter : ndarray of shape (n_surveys, n_properties, n_levels)
        Means and standard deviations of the predictions.
    """
    columns = [[_columns(table, detection) for table in row] for row in tables]
    n_rows = len(tables[0][0])
    rows = np.concatenate([one for row in columns for one in row])
    targets = np.zeros((len(PROPERTIES), len(PROPERTIES[0].levels), n_rows, len(PROPERTIES)))
    for number, one in enumerate(PROPERTIES):
        targets[number, ..., number] = (np.array(one.levels) - one.usual)[:, None]
    targets = targets.reshape(-1, len(PROPERTIES))
    square = rows.T @ rows + _RIDGE * len(rows) * np.eye(rows.shape[1])
    effects = np.linalg.solve(square, rows.T @ targets)
    usual = tables[0][PROPERTIES[0].levels.index(PROPERTIES[0].usual)]
    survey = detection.survey_of(usual)
    shape = len(detection.surveys), len(PROPERTIES), len(PROPERTIES[0].levels)
    levels, scatter = np.zeros(shape), np.ones(shape)
    for number, row in enumerate(columns):
        for step, one in enumerate(row):
            found = one @ effects[:, number]
            for place in np.unique(survey):
                part = found[survey == place]
                levels[place, number, step], scatter[place, number, step] = part.mean(), part.std()
    return effects, np.maximum.accumulate(levels, axis=2), scatter


def compare_with_training(table, detection):
    """Compare a sample with the training set.

    Parameters
    ----------
    table : ndarray of shape (n, p)
        Features of the galaxies.
    detection : Detection
        Fitted detector.

    Returns
    -------
    rows : list of dict
        For each property its ``value`` with ``error``, that of the training set, the distance in
        standard errors, and whether it ``differs``.
    """
    found = _columns(table, detection) @ detection.effects
    survey = detection.survey_of(table)
    share = np.bincount(survey, minlength=len(detection.surveys)) / len(survey)
    rows = []
    for number, one in enumerate(PROPERTIES):
        curve = share @ detection.levels[:, number]
        usual = one.levels.index(one.usual)
        steps = np.maximum(np.abs(np.diff(curve)), 1e-9)
        step = steps[min(usual, len(steps) - 1)]
        error = found[:, number].std() / np.sqrt(len(found))
        moved = found[:, number].mean() - curve[usual]
        significance = moved / np.hypot(error, _MARGIN * step / _SIGNIFICANT)
        value, low, high = np.interp(
            found[:, number].mean() + error * np.array([0.0, -1.0, 1.0]), curve, one.levels
        )
        rows.append(
            {
                "property": one.name,
                "quantity": one.quantity,
                "usual": float(one.usual),
                "value": value,
                "error": 0.5 * (high - low),
                "significance": significance,
                "differs": abs(significance) > _SIGNIFICANT,
            }
        )
    return rows


def _columns(table, detection):
    """Features, hidden units and a constant."""
    values = detection.values(table)
    return np.concatenate(
        [values, detection.activations(values), np.ones((len(values), 1))], axis=1
    )
