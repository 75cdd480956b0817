"""Bins of quantities, and the likelihood of each galaxy in them from posterior and prior draws."""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np
from scipy.special import logsumexp

from dustest.data.errors import InputError
from dustest.data.quantities import QUANTITIES

__all__ = ["ValueBins", "galaxy_likelihoods", "make_bins", "prior_fractions_of", "tilted"]

_N_BINS = {1: 48, 2: 20, 3: 12}
"""Bins of each quantity by the number of quantities."""
_LEAST_PRIOR = 32
"""Distinct prior draws that lie beyond the first and last edge but one."""
_SHARE_BEYOND = 500
"""At most one of as many distinct prior draws lies beyond an edge."""
_BEYOND = 0.002
"""Fraction of all posterior draws beyond the same edges, at most."""
_PRIOR_SHARE = 1e-3
"""Share of the prior that is added to each posterior."""
_TILT = 1.0
"""Standard deviation of the coefficients by which priors of galaxies differ from their mean."""
_N_NEWTON = 40
_N_RAKING = 5
_DAMPING = (1e-6, 1e12)
_CONVERGED = 0.001
"""Change of the log posterior density by a step, below which a fit has converged."""


@dataclass(frozen=True, eq=False)
class ValueBins:
    """Bins of one or several quantities, evenly spaced in their latent values.

    The first and last bin of each quantity are open, and as wide as the others in figures.

    Parameters
    ----------
    edges : dict of str to ndarray of shape (n_bins + 1,)
        Ascending edges in the unit of the quantity.
    """

    edges: dict

    @property
    def names(self):
        """Names of the quantities (tuple of str)."""
        return tuple(self.edges)

    @property
    def shape(self):
        """Number of bins of each quantity (tuple of int)."""
        return tuple(len(edges) - 1 for edges in self.edges.values())

    @cached_property
    def centers(self):
        """Values at the middle of the bins in latent space, by quantity (dict of ndarray)."""
        return {name: _values(name, _middle(name, edges)) for name, edges in self.edges.items()}

    def begins_at_zero(self, name):
        """Whether the first bin of a quantity begins at zero, since it is not negative.

        Parameters
        ----------
        name : str
            The quantity.

        Returns
        -------
        bool
            True for A_V if the prior has no negative values.
        """
        return self.edges[name][0] == 0.0

    def latent_of_each(self, name):
        """Latent value of one quantity in each bin, flattened.

        Parameters
        ----------
        name : str
            The quantity.

        Returns
        -------
        values : ndarray of shape (n_cells,)
            In the order of `place`.
        """
        return _latent(name, self.of_each(name))

    def of_each(self, name):
        """Value of one quantity in each bin, flattened.

        Parameters
        ----------
        name : str
            The quantity.

        Returns
        -------
        values : ndarray of shape (n_cells,)
            In the order of `place`.
        """
        meshes = np.meshgrid(*self.centers.values(), indexing="ij")
        return meshes[self.names.index(name)].ravel()

    def powers(self):
        """Powers of latent values up to the third, or up to the second for several quantities.

        Returns
        -------
        powers : ndarray of shape (n_cells, n_powers)
            With products of the quantities, and whether a bin is the first of a quantity that
            begins at zero.
        """
        columns = [self.latent_of_each(name) for name in self.names]
        columns = [(one - one.mean()) / one.std() for one in columns]
        degree = 3 if len(columns) == 1 else 2
        powers = [
            np.prod(chosen, axis=0)
            for number in range(1, degree + 1)
            for chosen in combinations_with_replacement(columns, number)
        ]
        at_zero = [
            (self.of_each(name) == self.centers[name][0]).astype(float)
            for name in self.names
            if self.begins_at_zero(name)
        ]
        return np.stack(powers + at_zero, axis=1)

    def marginal(self, probability, name):
        """Sum probabilities over all quantities but one.

        Parameters
        ----------
        probability : ndarray of shape (..., n_cells)
            Probability of each bin.
        name : str
            The quantity that remains.

        Returns
        -------
        probability : ndarray of shape (..., n_bins)
            Probability of each bin of this quantity.
        """
        split = probability.reshape(*probability.shape[:-1], *self.shape)
        others = [axis - len(self.shape) for axis, other in enumerate(self.names) if other != name]
        return split.sum(axis=tuple(others))

    def place(self, draws):
        """Flat number of the bin of each draw.

        Parameters
        ----------
        draws : dict of str to ndarray of shape (n, n_draws)
            Draws by quantity.

        Returns
        -------
        place : ndarray of int of shape (n, n_draws)
            From 0 to the number of bins of all quantities together.
        """
        places = [
            np.searchsorted(edges[1:-1], draws[name], side="right")
            for name, edges in self.edges.items()
        ]
        return np.ravel_multi_index(places, self.shape)

    def count(self, draws, weight=None):
        """Count draws in the bins.

        Parameters
        ----------
        draws : dict of str to ndarray of shape (n, n_draws)
            Draws by quantity.
        weight : ndarray of shape (n, n_draws), optional
            Weights of the draws, by default one.

        Returns
        -------
        counts : ndarray of shape (n, n_cells)
            For each galaxy.
        """
        n_cells = int(np.prod(self.shape))
        place = self.place(draws)
        shifted = place + n_cells * np.arange(len(place))[:, None]
        weight = None if weight is None else weight.ravel()
        counts = np.bincount(shifted.ravel(), weight, minlength=n_cells * len(place))
        return counts.reshape(len(place), n_cells).astype(float)


def make_bins(draws, prior, n_bins=None):
    """Choose bins that posterior and prior draws fill.

    Parameters
    ----------
    draws, prior : dict of str to ndarray of shape (n, n_draws)
        Draws of posteriors and priors by quantity; the numbers of draws may differ.
    n_bins : int, optional
        Number of bins of each quantity; 48, 20 or 12 for one, two or three quantities.

    Returns
    -------
    bins : ValueBins
        Evenly spaced in the latent values of each quantity. They end where there are neither
        posterior nor prior draws. A quantity that is never negative begins at zero.
    """
    n_bins = n_bins or _N_BINS[len(draws)]
    return ValueBins({name: _edges(name, draws[name], prior[name], n_bins) for name in draws})


def _edges(name, draws, prior, n_bins):
    """Edges of the bins of one quantity."""
    values = np.unique(prior)
    if len(values) < 2 * _LEAST_PRIOR:
        msg = (
            f"prior of {name} must have at least {2 * _LEAST_PRIOR} different values, got "
            f"{len(values)}: {name} is fixed, or there are too few prior draws"
        )
        raise InputError(msg)
    inner = np.quantile(draws, [_BEYOND / 2.0, 1.0 - _BEYOND / 2.0])
    n_beyond = min(_LEAST_PRIOR, -(-len(values) // _SHARE_BEYOND))
    low, high = max(values[n_beyond], inner[0]), min(values[-1 - n_beyond], inner[1])
    if high <= low:
        low, high = values[n_beyond], values[-1 - n_beyond]
    low, high = _latent(name, np.array([low, high]))
    step = (high - low) / (n_bins - 2)
    low, high = low - step, high + step
    with np.errstate(divide="ignore"):
        zero = float(_latent(name, np.float64(0.0)))
    if values[0] >= 0.0 and low < zero + 2.0 * step:
        low = zero
    return _values(name, np.linspace(low, high, n_bins + 1))


def prior_fractions_of(bins, prior, rng=None):
    """Prior probabilities of bins: the mean of all galaxies, tilted for each of them.

    The logarithm of the prior of a galaxy over the mean prior is a cubic polynomial of the latent
    values (a quadratic one of several quantities) of greatest likelihood, so that few draws for
    each galaxy suffice. Their mean is that of all draws. The first bin of a quantity that is not
    negative has a tilt of its own, since many galaxies may be there.

    Parameters
    ----------
    bins : ValueBins
        The bins.
    prior : dict of str to ndarray of shape (n, n_draws)
        Prior draws by quantity. Draws with replacement from few count as these few.
    rng : Generator, optional
        Source of the weights of a Bayesian bootstrap over the different draws (Rubin 1981), for
        the error of the prior; by default all have the same weight.

    Returns
    -------
    fractions : ndarray of shape (n, n_cells)
        They sum to one for each galaxy.
    """
    counts = bins.count(prior, None if rng is None else _weights(prior[bins.names[0]], rng))
    mean = counts.sum(axis=0) / counts.sum()
    shares, group = np.unique(counts, axis=0, return_inverse=True)
    n_draws = np.zeros(len(shares))
    n_draws[group] = _distinct(prior[bins.names[0]])
    shares = shares / shares.sum(axis=1, keepdims=True)
    powers = bins.powers()
    powers = powers - mean @ powers
    powers = _TILT * powers / np.sqrt(np.maximum(mean @ powers**2, 1e-12))
    fitted = tilted(shares, n_draws, np.broadcast_to(mean, shares.shape), powers)[group]
    for _ in range(_N_RAKING):
        average = fitted.mean(axis=0)
        fitted *= np.divide(mean, average, out=np.zeros_like(mean), where=average > 0.0)
        fitted /= fitted.sum(axis=1, keepdims=True)
    return fitted


def galaxy_likelihoods(bins, draws, fractions, basis):
    """Likelihood of each galaxy in each bin, and its prior, both over the mean prior.

    The logarithm of the likelihood is smooth: a combination of the columns of ``basis`` of
    greatest posterior density. Counts of draws alone are too noisy where the prior is low, and
    noise would make the population wider (Essick & Farr 2022).

    Parameters
    ----------
    bins : ValueBins
        The bins.
    draws : dict of str to ndarray of shape (n, n_draws)
        Draws of posteriors by quantity.
    fractions : ndarray of shape (n, n_cells)
        Prior probabilities of the bins.
    basis : ndarray of shape (n_cells, n_modes)
        Modes of log likelihoods, whose coefficients have a standard normal prior.

    Returns
    -------
    likelihood, relative_prior : ndarray of shape (n, n_cells)
        Zero in bins without prior. Since draws do not exclude what is rare, posteriors are taken
        to include 0.1 % of their prior.
    """
    mean = fractions.mean(axis=0)
    shares = bins.count(draws) * (mean > 0.0)
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1.0)
    posterior = tilted(shares, _distinct(draws[bins.names[0]]), fractions, basis)
    posterior = _PRIOR_SHARE * fractions + (1.0 - _PRIOR_SHARE) * posterior
    return tuple(
        np.divide(part, mean, out=np.zeros_like(part), where=mean > 0.0)
        for part in (posterior, fractions)
    )


def tilted(shares, n_draws, start, modes):
    """Probabilities times exponentials of smooth functions, fitted to shares of draws.

    Parameters
    ----------
    shares : ndarray of shape (n, n_cells)
        Fractions of draws in each bin.
    n_draws : ndarray of shape (n,)
        Numbers of draws.
    start : ndarray of shape (n, n_cells)
        Probabilities without tilt.
    modes : ndarray of shape (n_cells, n_modes)
        Functions whose coefficients have a standard normal prior.

    Returns
    -------
    fitted : ndarray of shape (n, n_cells)
        Probabilities at the coefficients of greatest posterior density.
    """
    with np.errstate(divide="ignore"):
        log_start = np.log(start)
    n_modes = modes.shape[1]
    products = (modes[:, :, None] * modes[:, None, :]).reshape(len(modes), -1)
    best = np.zeros((len(shares), n_modes))
    fitted, value = _tilt(best, log_start, shares, n_draws, modes)
    damping = np.ones(len(shares))
    rows = np.arange(len(shares))
    for _ in range(_N_NEWTON):
        first = fitted[rows] @ modes
        second = (fitted[rows] @ products).reshape(-1, n_modes, n_modes)
        curvature = n_draws[rows, None, None] * (second - first[:, :, None] * first[:, None, :])
        curvature += (1.0 + damping[rows, None, None]) * np.eye(n_modes)
        gradient = n_draws[rows, None] * (shares[rows] @ modes - first) - best[rows]
        proposed = best[rows] + np.linalg.solve(curvature, gradient[..., None])[..., 0]
        new, new_value = _tilt(proposed, log_start[rows], shares[rows], n_draws[rows], modes)
        gain = new_value - value[rows]
        better = gain >= 0.0
        taken = rows[better]
        best[taken], fitted[taken], value[taken] = proposed[better], new[better], new_value[better]
        damping[rows] = np.clip(np.where(better, 0.2, 8.0) * damping[rows], *_DAMPING)
        rows = rows[np.abs(gain) > _CONVERGED]
        if not rows.size:
            break
    return fitted


def _tilt(coefficients, log_start, shares, n_draws, modes):
    """Tilted probabilities, and the log posterior density of the coefficients."""
    log_density = log_start + coefficients @ modes.T
    log_density -= logsumexp(log_density, axis=1, keepdims=True)
    known = np.where(shares > 0.0, log_density, 0.0)
    value = n_draws * np.sum(shares * known, axis=1) - 0.5 * np.sum(coefficients**2, axis=1)
    return np.exp(log_density), value


def _weights(draws, rng):
    """Exponential weights, the same for equal draws (ndarray of shape (n, n_draws))."""
    values, number = np.unique(draws, return_inverse=True)
    return rng.exponential(size=len(values))[number].reshape(draws.shape)


def _distinct(draws):
    """Numbers of different draws of galaxies (ndarray of float of shape (n,))."""
    ordered = np.sort(draws, axis=1)
    return 1.0 + np.count_nonzero(np.diff(ordered, axis=1), axis=1)


def _latent(name, values):
    """Latent values of a quantity; the values themselves if it has none."""
    latent = QUANTITIES[name].latent
    return values if latent is None else latent.latent(values)


def _values(name, latent):
    """Values of a quantity from latent ones."""
    record = QUANTITIES[name].latent
    return latent if record is None else record.values(latent)


def _middle(name, edges):
    """Middle of bins in latent space."""
    latent = _latent(name, edges)
    return 0.5 * (latent[1:] + latent[:-1])
