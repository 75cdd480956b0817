"""Views of methods: numbers that a combination sees of each method, galaxy by galaxy."""

from dataclasses import dataclass

import numpy as np

from dustest.data.quantities import QUANTITIES
from dustest.estimators.base import DustEstimator
from dustest.estimators.run.runner import run
from dustest.estimators.run.summary import Summary

__all__ = ["LEVELS", "MethodView", "TransformerView", "is_transformer", "seen_quantities"]

LEVELS = (0.05, 0.16, 0.35, 0.5, 0.65, 0.84, 0.95)
"""Levels of the quantiles of a method that are seen."""

_MEDIAN = LEVELS.index(0.5)


def is_transformer(member):
    """Whether a member makes features of galaxies, and does not estimate dust.

    Parameters
    ----------
    member : object
        Any.

    Returns
    -------
    bool
        True if it does.
    """
    return not isinstance(member, DustEstimator) and callable(getattr(member, "transform", None))


def seen_quantities(method):
    """List quantities of a method of which quantiles are seen: those with a latent transform.

    Parameters
    ----------
    method : DustEstimator
        Any.

    Returns
    -------
    names : tuple of str
        In the order of `~dustest.data.QUANTITIES`.

    Examples
    --------
    >>> from dustest import MeurerEstimator
    >>> from dustest.estimators._fusion.views import seen_quantities
    >>> seen_quantities(MeurerEstimator())
    ('A_V', 'R_V', 'log_sSFR')
    """
    wanted = set(method._wanted)
    return tuple(name for name, one in QUANTITIES.items() if name in wanted and one.latent)


@dataclass(frozen=True)
class MethodView:
    """Columns of a method: for each quantity whether it has an estimate, and its quantiles.

    Parameters
    ----------
    quantities : tuple of str
        Quantities that the method gives.

    Examples
    --------
    >>> from dustest.estimators._fusion.views import MethodView
    >>> len(MethodView(("A_V",)))
    8
    """

    quantities: tuple

    def __len__(self):
        return (1 + len(LEVELS)) * len(self.quantities)

    @classmethod
    def of(cls, method, sample, seed, n_jobs=None):
        """Run a method, and find the quantities that it gives.

        Parameters
        ----------
        method : DustEstimator
            Fitted method.
        sample : GalaxySample
            n galaxies.
        seed : int
            Seed of the run.
        n_jobs : int, optional
            Number of workers.

        Returns
        -------
        view : MethodView
            With quantities that are estimated for at least one galaxy.
        columns : ndarray of shape (n, n_columns)
            Columns of the view.
        flags : ndarray of int32 of shape (n,)
            Flags of the method.
        """
        found, flags = _quantiles(method, sample, seed, n_jobs)
        names = [name for name in seen_quantities(method) if _is_given(found.get(name))]
        view = cls(tuple(names))
        return view, view._columns(found, len(sample)), flags

    def __call__(self, method, sample, seed, n_jobs=None):
        """Run a method.

        Parameters
        ----------
        method, sample, seed, n_jobs
            As of `of`.

        Returns
        -------
        columns : ndarray of shape (n, n_columns)
            For each quantity whether the method has an estimate, and quantiles of its latent
            values; 0 without.
        flags : ndarray of int32 of shape (n,)
            Flags of the method.
        """
        found, flags = _quantiles(method, sample, seed, n_jobs)
        return self._columns(found, len(sample)), flags

    def _columns(self, found, n):
        """Columns from quantiles by quantity."""
        parts, blank = [np.empty((n, 0))], np.full((n, len(LEVELS)), np.nan)
        for name in self.quantities:
            values = QUANTITIES[name].latent.latent(_filled(found.get(name, blank)))
            known = np.isfinite(values).all(axis=1)
            parts += [known[:, None], np.where(known[:, None], values, 0.0)]
        return np.concatenate(parts, axis=1)

    def has_estimate(self, columns):
        """Whether galaxies have an estimate of any quantity (ndarray of bool of shape (n,))."""
        return columns[:, :: 1 + len(LEVELS)].any(axis=1)

    def changed(self, columns, member, rng):  # noqa: ARG002 - as of other views
        """Columns as they are: a method would have to be run again."""
        return columns

    def to_dict(self):
        """The quantities in JSON types (dict)."""
        return {"quantities": list(self.quantities)}


@dataclass(frozen=True)
class TransformerView:
    """Columns of a transformer: whether any feature is not 0, and the features.

    Parameters
    ----------
    n_features : int
        Number of features.
    """

    n_features: int

    def __len__(self):
        return 1 + self.n_features

    @classmethod
    def of(cls, transformer, sample, seed, n_jobs=None):  # noqa: ARG003 - as of `MethodView`
        """Make the features of galaxies, and count them.

        Parameters
        ----------
        transformer : transformer of scikit-learn
            Fitted.
        sample : GalaxySample
            n galaxies.
        seed, n_jobs : int
            Not used.

        Returns
        -------
        view : TransformerView
            Of as many features.
        columns : ndarray of shape (n, n_columns)
            Columns of the view.
        flags : ndarray of int32 of shape (n,)
            None.
        """
        features = _features(transformer, sample)
        view = cls(features.shape[1])
        return view, view._columns(transformer, features), np.zeros(len(sample), np.int32)

    def __call__(self, transformer, sample, seed, n_jobs=None):  # noqa: ARG002
        """Make the features of galaxies.

        Parameters
        ----------
        transformer, sample, seed, n_jobs
            As of `of`.

        Returns
        -------
        columns : ndarray of shape (n, n_columns)
            Whether the galaxy has features, and these; 0 without.
        flags : ndarray of int32 of shape (n,)
            None.
        """
        columns = self._columns(transformer, _features(transformer, sample))
        return columns, np.zeros(len(sample), np.int32)

    def _columns(self, transformer, features):
        """Columns from features; NaN are missing."""
        has_data = getattr(transformer, "has_data", lambda values: np.isfinite(values).all(axis=1))
        known = np.asarray(has_data(features), dtype=bool)
        values = np.where(known[:, None], np.nan_to_num(features, posinf=0.0, neginf=0.0), 0.0)
        return np.column_stack([known, values])

    def has_estimate(self, columns):
        """Whether galaxies have features (ndarray of bool of shape (n,))."""
        return columns[:, 0] > 0

    def changed(self, columns, member, rng):
        """Columns of galaxies that are changed at random, if the transformer can do that."""
        augment = getattr(member, "augment", None)
        if augment is None:
            return columns
        return self._columns(member, augment(columns[:, 1:].astype(float), rng))

    def to_dict(self):
        """Number of features (dict)."""
        return {"n_features": self.n_features}


def _quantiles(method, sample, seed, n_jobs):
    """Quantiles by quantity of a method, and its flags."""
    ready = method._ready(sample)
    rows = run(method, ready, Summary(LEVELS), seed=seed, n_jobs=n_jobs)
    return rows.values, rows.flags


def _is_given(values):
    """Whether some galaxy has an estimate."""
    return values is not None and np.isfinite(values[:, _MEDIAN]).any()


def _filled(values):
    """Quantiles; those of point estimates are all the same."""
    return np.where(np.isnan(values), values[:, _MEDIAN : _MEDIAN + 1], values)


def _features(transformer, sample):
    """Features of galaxies as a matrix of numbers."""
    found = transformer.transform(sample)
    found = found.toarray() if hasattr(found, "toarray") else np.asarray(found, dtype=float)
    return found.reshape(len(found), -1)
