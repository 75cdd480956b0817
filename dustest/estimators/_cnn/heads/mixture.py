"""The head of mixtures of Gaussians over latent targets, and the mixtures as distributions.

The output is the parameters of a mixture in one row: logits of the weights, means, and logarithms
of the standard deviations before they are bounded.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from scipy.special import log_softmax, logsumexp, ndtr, ndtri

from dustest.data.errors import InputError
from dustest.estimators._cnn.heads.head import Head
from dustest.estimators._cnn.inputs import prepare
from dustest.estimators._cnn.targets import from_latent, latent_names, to_latent
from dustest.estimators._cnn.training.augmentation import AugmentOptions

__all__ = ["HEAD", "Mixture", "MixtureHead", "mixture_loss"]

# Bounds of ln sigma: 0.02 to 7.4. Below, a component could collapse onto single labels.
_MIDDLE, _REACH = -1.0, 3.0
# Limit of the means, whose squares would otherwise overflow in single precision.
_FARTHEST = 1e6
_LOG_ROOT_2PI = 0.5 * np.log(2.0 * np.pi)

_DRAWS = 128
"""Draws of each network of an ensemble: more Gaussians need more draws for percentiles within a
twentieth of the uncertainty."""

_BLUR, _NOISE = 0.3, 0.3
"""Largest blur (pixels) and noise (in units of the noise) of the augmentation."""

_MISSING = 0.05
"""Probability with which training removes a band, or the redshift, of a galaxy, so that networks
learn to predict without them."""

_HALVINGS = 60
# Number of probabilities of a draw, where uint16 wraps around: looking up a Gaussian takes a tenth
# of the time of computing it.
_CELLS = 2**16
# Steps of evenly spread draws: multiples of one are never close to those of another.
_STEPS = np.sqrt([2.0, 3.0, 5.0, 7.0, 11.0, 13.0]) % 1.0


# ---- loss -------------------------------------------------------------------------------------


def mixture_loss(labels, raw):
    """Negative log likelihood of a mixture, as a loss of Keras.

    Parameters
    ----------
    labels : tensor of shape (n, n_targets)
        Latent targets. NaN targets are integrated over: a diagonal component then has one
        dimension less.
    raw : tensor of shape (n, n_components * (1 + 2 * n_targets))
        Output of the network.

    Returns
    -------
    tensor of shape (n,)
        Negative log likelihood of each galaxy.
    """
    from keras import ops

    n_targets = labels.shape[-1]
    k = raw.shape[-1] // (1 + 2 * n_targets)
    means, log_sigmas = (
        ops.reshape(part, (-1, k, n_targets)) for part in ops.split(raw[:, k:], 2, axis=-1)
    )
    log_sigmas = _MIDDLE + _REACH * ops.tanh(log_sigmas / _REACH)
    known = ops.logical_not(ops.isnan(labels))
    # NaN must be replaced before the arithmetic: after a later `where` the gradient would be NaN.
    values = ops.where(known, labels, 0.0)[:, None, :]
    distance = (values - ops.clip(means, -_FARTHEST, _FARTHEST)) * ops.exp(-log_sigmas)
    terms = -0.5 * ops.square(distance) - log_sigmas - _LOG_ROOT_2PI
    log_density = ops.sum(ops.where(known[:, None, :], terms, 0.0), axis=-1)
    log_weights = ops.log_softmax(raw[:, :k], axis=-1)
    return -ops.logsumexp(log_weights + log_density, axis=-1)


# ---- head -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MixtureHead(Head):
    """A joint distribution of all targets: a mixture of diagonal Gaussians in latent targets.

    References
    ----------
    Bishop 1994, Mixture Density Networks, Aston University NCRG/94/004.
    """

    name: ClassVar[str] = "mixture"
    losses: ClassVar[dict] = {None: mixture_loss}
    references: ClassVar[tuple] = ("Bishop1994", "Cranley1976", "Loshchilov2017")
    augmentation_references: ClassVar[tuple] = ("Lindeberg1990",)

    def check(self, config):
        """Raise an error for a configuration without components."""
        if config.components == 0:
            msg = f"components of CNNConfig must be at least 1 for the kind {self.name!r}, got 0"
            raise InputError(msg)

    def n_outputs(self, config, n_targets):
        """Count a weight, and a mean and a deviation of each target, for every component."""
        return config.components * (1 + 2 * n_targets)

    def describe(self, config):
        """Number of components as text."""
        return f"mixture of {config.components} Gaussians"

    def inputs(self, batch, bands, **options):
        """Images of all bands on one scale, so that colours are preserved."""
        return prepare(batch, bands, **options)

    def latents(self, targets):
        """Quantities whose transforms are learned together."""
        return latent_names(targets)

    def labels(self, targets, truth):
        """Latent targets of the truth."""
        return to_latent(dict(zip(targets, truth.T, strict=True)), latent_names(targets))

    def truth(self, labels, targets):
        """Quantities of latent targets."""
        latent = labels.astype(float)
        # Without dust R_V is undefined; E(B-V) is then as small as A_V, for any R_V.
        latent[:, 1] = np.nan_to_num(latent[:, 1])
        return from_latent(latent, latent_names(targets))

    def prior_output(self, config, labels):
        """Components that describe equal fractions of the labels, in order of the first."""
        k = config.components
        order = np.argsort(labels[:, 0], kind="stable")
        first = np.arange(k) * len(labels) // k
        last = np.maximum(np.append(first[1:], len(labels)), first + 1)
        groups = [labels[order[low:high]] for low, high in zip(first, last, strict=True)]
        means = np.array([group.mean(axis=0) for group in groups])
        sigmas = np.array([group.std(axis=0) for group in groups])
        relative = (np.log(np.maximum(sigmas, np.exp(-_REACH))) - _MIDDLE) / _REACH
        raw = _REACH * np.arctanh(np.clip(relative, -0.9, 0.9))
        weights = np.log([len(group) for group in groups])
        return np.concatenate([weights, means.ravel(), raw.ravel()])

    def augmentation(self, task, *, wide=False):
        """Rotations, flips, shifts, wider point-spread functions, noise, and missing data."""
        missing_band = _MISSING if len(task.bands) > 1 else 0.0
        options = {"noise": _NOISE, "missing_band": missing_band, "missing_redshift": _MISSING}
        options["any_bands"] = task.any_bands
        return AugmentOptions.wide(**options) if wide else AugmentOptions(blur=_BLUR, **options)

    def samples(self, raw, targets, seeds):
        """Draws of the combined mixtures of all networks."""
        names = latent_names(targets)
        mixture = Mixture.pooled([Mixture.from_raw(part, len(names)) for part in raw])
        quantities = from_latent(mixture.draw(_DRAWS * len(raw), seeds), names)
        return {name: quantities[name] for name in targets}


HEAD = MixtureHead()


# ---- distribution -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Mixture:
    """Mixtures of Gaussians with diagonal covariances, one mixture per galaxy.

    Parameters
    ----------
    log_weights : ndarray of shape (n, k)
        Logarithms of the weights of k components, which sum up to 1.
    means, sigmas : ndarray of shape (n, k, n_targets)
        Means and standard deviations.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators._cnn.heads.mixture import Mixture
    >>> mixture = Mixture.from_raw(np.array([[0.0, 0.0, 1.0, 3.0, 0.0, 0.0]]), n_targets=1)
    >>> mixture.mean
    array([[2.]])
    >>> mixture.quantile([0.5])
    array([[[2.]]])
    """

    log_weights: np.ndarray
    means: np.ndarray
    sigmas: np.ndarray

    @classmethod
    def from_raw(cls, raw, n_targets=3):
        """Read the output of a network.

        Parameters
        ----------
        raw : array_like of shape (n, k * (1 + 2 * n_targets))
            Output of a mixture network.
        n_targets : int, optional
            Number of targets; three by default.

        Returns
        -------
        Mixture
            In double precision.
        """
        raw = np.asarray(raw, dtype=float)
        k = raw.shape[1] // (1 + 2 * n_targets)
        means, log_sigmas = raw[:, k:].reshape(len(raw), 2, k, n_targets).swapaxes(0, 1)
        return cls(
            log_softmax(raw[:, :k], axis=1),
            np.clip(means, -_FARTHEST, _FARTHEST),
            np.exp(_MIDDLE + _REACH * np.tanh(log_sigmas / _REACH)),
        )

    @classmethod
    def pooled(cls, mixtures):
        """Combine mixtures of several networks, each with the same weight.

        Parameters
        ----------
        mixtures : sequence of Mixture
            Mixtures of the same galaxies.

        Returns
        -------
        Mixture
            With the components of all of them.
        """
        log_weights = np.concatenate([part.log_weights for part in mixtures], axis=1)
        return cls(
            log_weights - np.log(len(mixtures)),
            np.concatenate([part.means for part in mixtures], axis=1),
            np.concatenate([part.sigmas for part in mixtures], axis=1),
        )

    @property
    def weights(self):
        """Weights (ndarray of shape (n, k))."""
        return np.exp(self.log_weights)

    @property
    def mean(self):
        """Means of the targets (ndarray of shape (n, n_targets))."""
        return np.einsum("nk,nkt->nt", self.weights, self.means)

    @property
    def std(self):
        """Standard deviations of the targets (ndarray of shape (n, n_targets))."""
        apart = (self.means - self.mean[:, None, :]) ** 2
        return np.sqrt(np.einsum("nk,nkt->nt", self.weights, apart + self.sigmas**2))

    def log_prob(self, values):
        """Logarithm of the density.

        Parameters
        ----------
        values : ndarray of shape (n, n_targets)
            Latent targets; NaN targets are integrated over.

        Returns
        -------
        ndarray of shape (n,)
            The logarithm.
        """
        distance = (values[:, None, :] - self.means) / self.sigmas
        terms = -0.5 * distance**2 - np.log(self.sigmas) - _LOG_ROOT_2PI
        log_density = np.where(np.isnan(terms), 0.0, terms).sum(axis=2)
        return logsumexp(self.log_weights + log_density, axis=1)

    def cdf(self, values):
        """Probability below a value, for each target separately.

        Parameters
        ----------
        values : ndarray of shape (n, n_targets)
            Latent targets. With the true ones, uniform if the mixtures are calibrated.

        Returns
        -------
        ndarray of shape (n, n_targets)
            Probabilities.
        """
        below = ndtr((values[:, None, :] - self.means) / self.sigmas)
        return np.einsum("nk,nkt->nt", self.weights, below)

    def quantile(self, probabilities):
        """Quantiles of each target separately.

        Parameters
        ----------
        probabilities : sequence of float
            Probabilities between 0 and 1.

        Returns
        -------
        ndarray of shape (n, n_targets, n_probabilities)
            Quantiles.
        """
        return np.stack([self._quantile(level) for level in probabilities], axis=-1)

    def _quantile(self, level):
        """One quantile by bisection; it is between those of the components."""
        ends = self.means + self.sigmas * ndtri(level)
        low, high = ends.min(axis=1), ends.max(axis=1)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            is_low = self.cdf(middle) < level
            low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
        return 0.5 * (low + high)

    def draw(self, n_draws, random_state):
        """Draw from the mixtures, all targets jointly.

        The draws of one galaxy are points of a low-discrepancy sequence, moved by a random
        shift [1]_. Each draw is distributed as the mixture, and the quantiles of the draws are
        much closer to its own than for independent draws (64 of these are as good as 600).

        Parameters
        ----------
        n_draws : int
            Number of draws per galaxy.
        random_state : Generator or ndarray of uint64 of shape (n,)
            A generator; or a seed for each galaxy, so that its draws do not depend on other rows.

        Returns
        -------
        ndarray of float32 of shape (n, n_draws, n_targets)
            Latent targets, of at most six.

        References
        ----------
        .. [1] R. Cranley and T. N. L. Patterson (1976), SIAM Journal on Numerical Analysis 13,
           904.
        """
        n, k, n_targets = self.means.shape
        shifts = _cells(_shifts(random_state, n, 1 + n_targets))
        steps = np.arange(n_draws)
        component = self._component(shifts[:, :1] + _cells(steps / n_draws))
        place = component + k * np.arange(n)[:, None]
        means, sigmas = (
            np.moveaxis(part, -1, 0).astype(np.float32) for part in (self.means, self.sigmas)
        )
        # One target after the other: arrays that fit in the cache are several times faster.
        draws = np.empty((n_targets, n, n_draws), dtype=np.float32)
        for target in range(n_targets):
            cells = shifts[:, target + 1, None] + _cells(steps * _STEPS[target] % 1.0)
            np.multiply(_at(sigmas[target], place), _at(_normals(), cells), out=draws[target])
            draws[target] += _at(means[target], place)
        return np.moveaxis(draws, 0, -1)

    def _component(self, cells):
        """Number of the component of a cell, in the shape of ``cells``."""
        edges = np.rint(_CELLS * np.cumsum(self.weights, axis=1)).astype(np.int32)
        cells = cells.astype(np.int32)
        component = np.zeros(cells.shape, dtype=np.uint16)
        for edge in edges.T[:-1]:
            component += cells >= edge[:, None]
        return component


def _at(values, places):
    """Values at indices within bounds: skipping the check avoids a copy."""
    return np.take(values, places, mode="clip")


def _cells(unit):
    """Cells of probabilities from 0 to below 1."""
    return (unit * _CELLS).astype(np.uint16)


@lru_cache
def _normals():
    """Gaussian deviates in the middle of each cell."""
    return ndtri((np.arange(_CELLS) + 0.5) / _CELLS).astype(np.float32)


def _shifts(random_state, n, n_axes):
    """Random points of the unit cube, shape (n, n_axes)."""
    if isinstance(random_state, np.random.Generator):
        return random_state.random((n, n_axes))
    # SplitMix64 (Steele, Lea & Flood 2014) on all seeds at once: a generator for each galaxy would
    # take longer than its network.
    seeds = np.asarray(random_state, dtype=np.uint64)[:, None]
    z = seeds + np.arange(1, n_axes + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
