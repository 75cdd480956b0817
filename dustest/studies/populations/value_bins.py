"""Bins of quantities, and the likelihood of each galaxy in them from posterior and prior draws."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

from dustest.data.errors import InputError
from dustest.data.quantities import QUANTITIES

__all__ = ["ValueBins", "galaxy_likelihoods", "make_bins", "prior_fractions_of"]

_N_BINS = {1: 48, 2: 20, 3: 12}
"""Bins of each quantity by the number of quantities."""
_LEAST_PRIOR = 32
"""Distinct prior draws that lie beyond the first and last edge but one."""
_BEYOND = 0.002
"""Fraction of all posterior draws beyond the same edges, at most."""
_PRIOR_SHARE = 1e-3
"""Share of the prior that is added to each posterior."""
_CONCENTRATIONS = (0.0, 14.0)
"""Natural logarithms of the smallest and largest concentration of priors around their mean."""
_MOST_ROWS = 1000
"""Galaxies that determine the concentration."""


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
        """Whether the first bin of a quantity begins at zero, since it is not negative (bool)."""
        return self.edges[name][0] == 0.0

    def latent_of_each(self, name):
        """Latent value of one quantity in each bin (ndarray of shape (n_cells,)), flattened."""
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
        others = [
            axis - len(self.shape)
            for axis, other in enumerate(self.names)
            if other != name
        ]
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

    def count(self, draws):
        """Count draws in the bins.

        Parameters
        ----------
        draws : dict of str to ndarray of shape (n, n_draws)
            Draws by quantity.

        Returns
        -------
        counts : ndarray of shape (n, n_cells)
            For each galaxy.
        """
        n_cells = int(np.prod(self.shape))
        place = self.place(draws)
        shifted = place + n_cells * np.arange(len(place))[:, None]
        counts = np.bincount(shifted.ravel(), minlength=n_cells * len(place))
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
    low = max(values[_LEAST_PRIOR], inner[0])
    high = min(values[-1 - _LEAST_PRIOR], inner[1])
    if high <= low:
        low, high = values[_LEAST_PRIOR], values[-1 - _LEAST_PRIOR]
    low, high = _latent(name, np.array([low, high]))
    step = (high - low) / (n_bins - 2)
    low, high = low - step, high + step
    with np.errstate(divide="ignore"):
        zero = float(_latent(name, np.float64(0.0)))
    if values[0] >= 0.0 and low < zero + 2.0 * step:
        low = zero
    return _values(name, np.linspace(low, high, n_bins + 1))


def prior_fractions_of(bins, prior):
    """Prior probabilities of bins, shrunk towards the mean of all galaxies.

    Priors of galaxies differ, but not much. Each is Dirichlet distributed around their mean, with
    the concentration of greatest likelihood, so that few draws for each galaxy suffice.

    Parameters
    ----------
    bins : ValueBins
        The bins.
    prior : dict of str to ndarray of shape (n, n_draws)
        Prior draws by quantity. Draws with replacement from few count as these few.

    Returns
    -------
    fractions : ndarray of shape (n, n_cells)
        They sum to one for each galaxy.
    """
    counts = bins.count(prior)
    distinct = np.array([len(np.unique(row)) for row in prior[bins.names[0]]], dtype=float)
    mean = counts.sum(axis=0) / counts.sum()
    scaled = counts * (distinct / counts.sum(axis=1))[:, None]
    strength = _concentration(scaled, mean)
    return (scaled + strength * mean) / (scaled.sum(axis=1) + strength)[:, None]


def _concentration(counts, mean):
    """Concentration of a Dirichlet distribution of greatest likelihood, given its mean."""
    used = mean > 0.0
    step = -(-len(counts) // _MOST_ROWS)
    counts, mean = counts[::step][:, used], mean[used]

    def cost(log_concentration):
        strength = np.exp(log_concentration) * mean
        total = strength.sum()
        gained = gammaln(counts + strength).sum() - len(counts) * gammaln(strength).sum()
        return -gained - np.sum(gammaln(total) - gammaln(total + counts.sum(axis=1)))

    return np.exp(minimize_scalar(cost, bounds=_CONCENTRATIONS, method="bounded").x)


def galaxy_likelihoods(bins, draws, fractions):
    """Likelihood of each galaxy, averaged over each bin: posterior over prior probability.

    Parameters
    ----------
    bins : ValueBins
        The bins.
    draws : dict of str to ndarray of shape (n, n_draws)
        Draws of posteriors by quantity.
    fractions : ndarray of shape (n, n_cells)
        Prior probabilities of the bins.

    Returns
    -------
    likelihood : ndarray of shape (n, n_cells)
        One where the data add nothing to the prior; zero in bins without prior. Since draws do
        not exclude what is rare, posteriors are taken to include 0.1 % of their prior.
    """
    posterior = bins.count(draws) / draws[bins.names[0]].shape[1]
    ratio = np.divide(posterior, fractions, out=np.zeros_like(posterior), where=fractions > 0.0)
    return np.where(fractions > 0.0, _PRIOR_SHARE + (1.0 - _PRIOR_SHARE) * ratio, 0.0)


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
