"""Star-formation histories of one component, as masses formed in segments of an age grid."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dustest.physics._stellar.age_grid import N_NODES

__all__ = ["SHAPES", "Continuity", "SampledShape"]

_STEEP = 1.5  # e-folds from the middle of a segment to its end
_FAINT = 30.0  # e-folds below the greatest rate
_EARLY = 0.3  # half a segment over the time since the Big Bang
_BEND = 0.7  # half a segment over sqrt(2) times the width of a lognormal
_NEVER = 1e-100  # yr


@dataclass(frozen=True)
class SampledShape:
    """A history as a function of age.

    Parameters
    ----------
    needs : tuple of str
        Names of its parameters.
    columns : Callable
        Function of an age grid, the parameters and the age of the Universe that returns what
        the other functions take, arrays of shape (n, 1) in yr by name.
    rate : Callable
        ``rate(age, **columns)``, the star-formation rate on any scale.
    rough : Callable
        ``rough(low, high, **columns)`` tells where the rate is no smooth function between ages.
    oldest : Callable
        ``oldest(**columns)``, the age below which there are stars.
    """

    needs: tuple
    columns: Callable
    rate: Callable
    rough: Callable
    oldest: Callable

    def sums(self, grid, parameters, age_of_universe):
        """Sum a history over the ages of segments.

        Parameters
        ----------
        grid : AgeGrid
            Ages and segments.
        parameters : dict of str to ndarray of shape (n,)
            Parameters of the component.
        age_of_universe : ndarray of shape (n,) or (1,)
            Age of the Universe in yr.

        Returns
        -------
        mass : ndarray of shape (n, n_segments)
            Mass formed in the segments, on any scale per model.
        moment : ndarray of shape (n,)
            Sum of mass times age, on the same scale.
        oldest : ndarray of shape (n,)
            Age in yr below which there are stars.
        """
        columns = self.columns(grid, parameters, age_of_universe)
        use = np.searchsorted(grid.low, age_of_universe.max())
        rough = self.rough(grid.low[:use], grid.high[:use], **columns)
        nodes = slice(0, use * N_NODES)
        rate = self.rate(grid.nodes[nodes], **columns)
        rate.reshape(len(rate), use, N_NODES)[rough] = 0.0
        mass, moment = rate @ grid.node_sums[nodes], rate @ grid.node_moments[nodes]
        self._add_rough(grid, columns, np.nonzero(rough), mass, moment)
        return mass, moment, np.broadcast_to(self.oldest(**columns), (len(mass), 1))[:, 0]

    def _add_rough(self, grid, columns, pairs, mass, moment):
        """Add the sums over all ages of segments where nodes do not do; changes its arrays."""
        rows, segments = pairs
        own = {key: value[rows] if len(value) > 1 else value for key, value in columns.items()}
        ages = grid.segment_ages[segments]
        formed = self.rate(ages, **own)
        formed *= grid.segment_widths[segments]
        mass[rows, segments] = formed.sum(axis=1)
        moments = np.einsum("ij,ij->i", formed, ages)
        moment += np.bincount(rows, moments, minlength=len(moment))


def _in_years(_grid, parameters, _age_of_universe):
    """Times in yr of times in Gyr."""
    return {key: 1e9 * value[:, np.newaxis] for key, value in parameters.items()}


def _lognormal_columns(_grid, parameters, age_of_universe):
    """Cosmic times of observation and of the maximum, and the width in the logarithm of time.

    About its maximum, a lognormal is a Gaussian of the logarithm of time even with the factor
    1/t, so that fwhm = 2 tmax sinh(sqrt(2 ln 2) tau).
    """
    tmax, fwhm = parameters["tmax"], parameters["fwhm"]
    tau = np.arcsinh(0.5 * fwhm / tmax) / np.sqrt(2.0 * np.log(2.0))
    return {
        "now": age_of_universe[:, np.newaxis],
        "log_tmax": np.log(1e9 * tmax)[:, np.newaxis],
        "inverse": (np.sqrt(0.5) / tau)[:, np.newaxis],
    }


def _log_time(age, now):
    """Logarithm of the cosmic time at which stars of an age formed; very low before time 0."""
    time = now - age
    np.maximum(time, _NEVER, out=time)
    return np.log(time, out=time)


def _lognormal_rate(age, now, log_tmax, inverse):
    """Rate over its maximum."""
    x = _log_time(age, now) - log_tmax
    x *= inverse
    x *= x
    np.negative(x, out=x)
    return np.exp(x, out=x)


def _lognormal_rough(low, high, now, inverse, **_):
    """Segments at whose earliest time the rate bends by much, or that the first one falls into."""
    half, early = 0.5 * (high - low), np.maximum(now - high, _NEVER)
    return (low < now) & (half > early * np.minimum(_EARLY, _BEND / inverse))


def _no_limit(**_):
    """Stars that form with time are never older than it."""
    return np.zeros((1, 1))


def _declining_rough(low, high, age, tau):
    """Segments that the first stars fall into, or in which the rate falls by much."""
    steep = (high - low > 2.0 * _STEEP * tau) & (age - high < _FAINT * tau)
    return (low < age) & ((high >= age) | steep)


def _exponential_rate(age_of_stars, age, tau):
    """Rate over that of the first stars."""
    since = age - age_of_stars
    return np.where(since > 0, np.exp(-np.maximum(since, 0.0) / tau), 0.0)


def _delayed_rate(age_of_stars, age, tau):
    """Rate in units of its slope at the first stars."""
    since = np.maximum(age - age_of_stars, 0.0) / tau
    return since * np.exp(-since)


def _first_stars(age, **_):
    """The age at which stars began to form."""
    return age


def _constant_rate(age_of_stars, age_max, age_min):
    """One between the limits."""
    return ((age_of_stars > age_min) & (age_of_stars < age_max)).astype(float)


def _constant_rough(low, high, age_max, age_min):
    """Segments that a limit falls into."""
    return ((low < age_max) & (high >= age_max)) | ((low <= age_min) & (high > age_min))


def _older_limit(age_max, **_):
    """The age at which stars began to form."""
    return age_max


def _burst_columns(grid, parameters, _age_of_universe):
    """The sampled age nearest to the burst."""
    return {"age": grid.nearest(1e9 * parameters["age"])[:, np.newaxis]}


def _burst_rate(age_of_stars, age):
    """One at the age."""
    return (age_of_stars == age).astype(float)


def _burst_rough(low, high, age):
    """The segment of the age."""
    return (low <= age) & (age <= high)


def _age_and_beyond(age, **_):
    """The age itself is part of the history."""
    return np.nextafter(age, np.inf)


class Continuity:
    """Constant rates between ages that all models share: a sum of constant histories."""

    needs = ("bin_edges",)

    @staticmethod
    def sums(grid, parameters, _age_of_universe):
        """Sum a history over the ages of segments, see `SampledShape.sums`."""
        edges = 1e6 * parameters["bin_edges"][::-1]
        first = np.zeros_like(parameters["dsfr1"])
        steps = [parameters[f"dsfr{i}"] for i in range(1, edges.size - 1)]
        log_rate = np.cumsum([first, *steps], axis=0)
        rate = 10.0 ** (log_rate - log_rate.max(axis=0)).T
        old, young = edges[:-1, np.newaxis, np.newaxis], edges[1:, np.newaxis, np.newaxis]
        ages = grid.segment_ages
        formed = np.where((ages < old) & (ages > young), grid.segment_widths, 0.0)
        moment = rate @ np.sum(formed * ages, axis=(1, 2))
        return rate @ formed.sum(axis=2), moment, np.full(len(rate), edges[0])


SHAPES = {
    "lognormal": SampledShape(
        ("tmax", "fwhm"), _lognormal_columns, _lognormal_rate, _lognormal_rough, _no_limit
    ),
    "exponential": SampledShape(
        ("age", "tau"), _in_years, _exponential_rate, _declining_rough, _first_stars
    ),
    "delayed": SampledShape(
        ("age", "tau"), _in_years, _delayed_rate, _declining_rough, _first_stars
    ),
    "constant": SampledShape(
        ("age_max", "age_min"), _in_years, _constant_rate, _constant_rough, _older_limit
    ),
    "burst": SampledShape(("age",), _burst_columns, _burst_rate, _burst_rough, _age_and_beyond),
    "continuity": Continuity(),
}
"""Histories of one component by name."""
