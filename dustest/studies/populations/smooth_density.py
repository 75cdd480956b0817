"""Smooth densities on bins, sampled given the likelihoods of all galaxies."""

from dataclasses import dataclass
from functools import reduce
from itertools import product

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, softmax

__all__ = ["DensityDraws", "SmoothPrior", "sample_densities"]

_ORDER = 3
"""Order of the differences of the log density that are penalised."""
_MOST_MODES = {1: 26, 2: 60, 3: 90}
"""Modes of the deviations from the smoothest density, by number of quantities."""
_LOW_MODES = 6
"""Modes of log likelihoods for two smoothest ones."""
_FREE_SCALE = 12.0
"""Standard deviation of the coefficients of the smoothest densities."""
_AMPLITUDES = np.geomspace(0.08, 5.0, 7)
"""Standard deviations of the log density around the smoothest one that are averaged."""
_RATE = 1.0
"""Rate of the exponential prior of this standard deviation."""
_ATOM = (-2.0, 1.5)
"""Mean and standard deviation of the prior of the logit of an atom's fraction."""
_TREND_SCALE = 3.0
"""Standard deviation of the prior of trends, in log density per standard deviations of both."""
_LEAST_WEIGHT = 0.01
"""Smallest posterior probability of an amplitude that is sampled."""
_N_CHAINS = 8
_WARM_UP = 10
_N_STEPS = 6
_STEP = (0.06, 0.5)
_LEAST_CURVATURE = 0.5
"""Smallest curvature of the posterior in units of the prior's."""


@dataclass(frozen=True, eq=False)
class DensityDraws:
    """Draws from the posterior of a density, with or without an atom and trends.

    Parameters
    ----------
    probability : ndarray of shape (n_draws, n_cells)
        Probability of each bin; at the mean of the covariates, if there are trends.
    atom : ndarray of shape (n_draws,)
        Probability of the atom in the first bin, which ``probability`` includes.
    trend : ndarray of shape (n_draws, n_trends)
        Change of the log density per unit of the tilt and of the covariate.
    atom_probability : float
        Posterior probability that there is an atom.
    acceptance : float
        Mean acceptance of the sampler.
    modes : dict of (bool, float) to ndarray of shape (n_parameters,)
        Modes of the posteriors that were sampled, by whether there is an atom and the amplitude
        of deviations from the smoothest density.
    """

    probability: np.ndarray
    atom: np.ndarray
    trend: np.ndarray
    atom_probability: float
    acceptance: float
    modes: dict


class SmoothPrior:
    """Prior of log densities on a grid of bins: Gaussian around the smoothest ones.

    The smoothest log densities are parabolas in latent space, so that the density is normal.
    Deviations from them are penalised by their third differences (Silverman 1982).

    Parameters
    ----------
    shape : tuple of int
        Number of bins of each quantity.
    """

    def __init__(self, shape):
        values, vectors = zip(*(_difference_modes(n) for n in shape), strict=True)
        free, smooth, eigenvalues = [], [], []
        for numbers in product(*(range(n) for n in shape)):
            inside = all(number < _ORDER for number in numbers)
            if inside and sum(numbers) < _ORDER:
                if sum(numbers):
                    free.append(numbers)
                continue
            smooth.append(numbers)
            eigenvalues.append(_eigenvalue(values, numbers))
        order = np.argsort(eigenvalues, kind="stable")[: _MOST_MODES[len(shape)]]
        scale = np.array(eigenvalues)[order] ** -0.5
        modes = _columns(vectors, [smooth[number] for number in order]) * scale
        modes /= np.sqrt(np.mean(np.sum(modes**2, axis=1)))
        polynomials = _columns(vectors, free) * np.sqrt(np.prod(shape))
        self.n_free = len(free)
        self.basis = np.concatenate([_FREE_SCALE * polynomials, modes], axis=1)

    def low_modes(self):
        """The smoothest modes (ndarray of shape (n_cells, n_modes)), for log likelihoods."""
        return self.basis[:, : self.n_free + _LOW_MODES * self.n_free // 2]

    def scaled_basis(self, amplitude):
        """Basis of the log density.

        Parameters
        ----------
        amplitude : float
            Standard deviation of the log density around the smoothest one.

        Returns
        -------
        basis : ndarray of shape (n_cells, n_modes)
            Modes, whose coefficients have a standard normal prior.
        """
        scale = np.ones(self.basis.shape[1])
        scale[self.n_free :] = amplitude
        return self.basis * scale


def _difference_modes(n):
    """Eigenvalues and vectors of the penalty of one quantity; polynomials come first."""
    penalty = np.diff(np.eye(n), _ORDER, axis=0)
    values, vectors = np.linalg.eigh(penalty.T @ penalty)
    powers = np.linspace(-1.0, 1.0, n)[:, None] ** np.arange(_ORDER)
    vectors[:, :_ORDER] = np.linalg.qr(powers)[0]
    values[:_ORDER] = 0.0
    return values, vectors


def _eigenvalue(values, numbers):
    """Eigenvalue of a product of modes; products of polynomials have that of the first mode."""
    total = sum(of_one[number] for of_one, number in zip(values, numbers, strict=True))
    return total or min(of_one[_ORDER] for of_one in values)


def _columns(vectors, numbers):
    """Products of modes as columns."""
    columns = [
        reduce(np.multiply.outer, [one[:, k] for one, k in zip(vectors, each, strict=True)])
        for each in numbers
    ]
    return np.stack([column.ravel() for column in columns], axis=1)


@dataclass(frozen=True, eq=False)
class _Target:
    """Log posterior of a density at one amplitude, with its gradient, for several chains."""

    prior: SmoothPrior
    amplitude: float
    likelihood: np.ndarray
    relative_prior: np.ndarray
    with_atom: bool
    tilt: np.ndarray
    covariate: np.ndarray

    @property
    def n_modes(self):
        return self.prior.basis.shape[1]

    @property
    def n_parameters(self):
        return self.n_modes + self.covariate.shape[1] + self.with_atom

    def unpack(self, parameters):
        """Smooth probability, fraction of the atom, and trends."""
        log_density = self.basis @ parameters[: self.n_modes]
        smooth = softmax(log_density, axis=0)
        trend = _TREND_SCALE * parameters[self.n_modes : self.n_modes + self.covariate.shape[1]]
        mean, scale = _ATOM
        atom = expit(mean + scale * parameters[-1]) if self.with_atom else np.zeros(len(smooth.T))
        return smooth, atom, trend

    def __call__(self, parameters):
        """Log posterior of shape (n_chains,) and gradient of the shape of the parameters."""
        smooth, atom, trend = self.unpack(parameters)
        value, of_probability, of_trend = self._likelihood(_with_atom(smooth, atom), trend)
        inner = np.sum(smooth * of_probability, axis=0)
        of_density = (1.0 - atom) * smooth * (of_probability - inner)
        parts = [self.basis.T @ of_density, _TREND_SCALE * of_trend]
        if self.with_atom:
            slope = _ATOM[1] * atom * (1.0 - atom)
            parts.append((slope * (of_probability[0] - inner))[None])
        gradient = np.concatenate(parts) - parameters
        return value - 0.5 * np.sum(parameters**2, axis=0), gradient

    @property
    def basis(self):
        return self.prior.scaled_basis(self.amplitude)

    def _likelihood(self, probability, trend):
        """Log likelihood, and its derivatives by probabilities and trends."""
        if not len(trend):
            marginal, prior = self.likelihood @ probability, self.relative_prior @ probability
            of_probability = self.likelihood.T @ (1.0 / marginal)
            of_probability -= self.relative_prior.T @ (1.0 / prior)
            return np.sum(np.log(marginal) - np.log(prior), axis=0), of_probability, trend
        parts = [self._tilted(*column) for column in zip(probability.T, trend.T, strict=True)]
        return tuple(np.stack(part, axis=-1) for part in zip(*parts, strict=True))

    def _tilted(self, probability, trend):
        """The same for one chain with trends."""
        exponent = (self.covariate * trend) @ self.tilt.T
        factor = np.exp(exponent - exponent.max(axis=1, keepdims=True))
        posterior, before = factor * self.likelihood, factor * self.relative_prior
        marginal, prior = posterior @ probability, before @ probability
        excess = posterior / marginal[:, None] - before / prior[:, None]
        of_trend = np.sum(self.covariate * (excess @ (probability[:, None] * self.tilt)), axis=0)
        value = np.sum(np.log(marginal) - np.log(prior))
        return value, excess.sum(axis=0), of_trend


def sample_densities(
    likelihood,
    relative_prior,
    prior,
    n_draws,
    rng,
    *,
    atom=False,
    tilt=None,
    covariate=None,
    modes=None,
):
    """Sample densities given the likelihoods of all galaxies.

    Parameters
    ----------
    likelihood : ndarray of shape (n, n_cells)
        Likelihood of each galaxy in each bin, of any scale.
    relative_prior : ndarray of shape (n, n_cells)
        Prior of each galaxy over the mean prior: the density of a galaxy is proportional to the
        product of this and the density that is sampled.
    prior : SmoothPrior
        Prior of the log density.
    n_draws : int
        Number of densities.
    rng : Generator
        Source of random numbers.
    atom : bool, optional
        Whether the first bin may have more probability than a smooth density.
    tilt : ndarray of shape (n_cells, n_trends), optional
        Standardised values whose distribution depends on the covariates.
    covariate : ndarray of shape (n, n_trends), optional
        Standardised covariates of the galaxies.
    modes : dict, optional
        ``DensityDraws.modes`` of similar likelihoods: only these amplitudes are averaged, and
        their searches start there.

    Returns
    -------
    draws : DensityDraws
        Draws of the posterior.

    Notes
    -----
    Densities with different amplitudes of the deviations from the smoothest density, and with and
    without an atom, are averaged by the Laplace approximation of their evidence. For each of them
    Hamiltonian Monte Carlo starts from this approximation, which also is its metric.
    """
    n, n_cells = likelihood.shape
    tilt = np.empty((n_cells, 0)) if tilt is None else tilt
    covariate = np.empty((n, 0)) if covariate is None else covariate
    keys = list(modes or product((False, True) if atom else (False,), _AMPLITUDES))
    targets = [
        _Target(prior, amplitude, likelihood, relative_prior, with_atom, tilt, covariate)
        for with_atom, amplitude in keys
    ]
    found = _modes(targets, [modes[key] for key in keys] if modes else [None] * len(keys))
    weight = _weights(targets, found)
    kept = np.where(weight >= _LEAST_WEIGHT, weight, 0.0)
    shares = rng.multinomial(n_draws, kept / kept.sum())
    parts, accepted = [], 0.0
    for target, mode, share in zip(targets, found, shares, strict=True):
        if share:
            drawn, acceptance = _sample(target, mode, share, rng)
            accepted += share * acceptance / n_draws
            smooth, atoms, trend = target.unpack(drawn)
            parts.append((_with_atom(smooth, atoms).T, atoms, trend.T))
    probability, atoms, trend = (np.concatenate(part) for part in zip(*parts, strict=True))
    of_atom = float(weight @ [with_atom for with_atom, _ in keys])
    sampled = {key: mode for key, (mode, *_), one in zip(keys, found, kept, strict=True) if one}
    return DensityDraws(probability, atoms, trend, of_atom, float(accepted), sampled)


def _with_atom(smooth, atom):
    """Add an atom to the first of smooth probabilities of shape (n_cells, n_chains)."""
    probability = (1.0 - atom) * smooth
    probability[0] += atom
    return probability


def _modes(targets, starts):
    """Modes with their curvature and evidence, searched from starts or the mode before."""
    found, before = [], None
    for target, start in zip(targets, starts, strict=True):
        found.append(_mode(target, before if start is None else start))
        before = found[-1][0]
    return found


def _weights(targets, modes):
    """Posterior probabilities of amplitudes, which are evenly spaced in their logarithm."""
    amplitude = np.array([target.amplitude for target in targets])
    log_weight = np.array([evidence for _, _, evidence in modes])
    log_weight += np.log(amplitude) - _RATE * amplitude
    return softmax(log_weight)


def _mode(target, start):
    """Mode, matrix root of the covariance, and log evidence by the Laplace approximation."""
    n = target.n_parameters
    first = np.zeros(n)
    if start is not None:
        first[: min(n, len(start))] = start[:n]

    def cost(parameters):
        value, gradient = target(parameters[:, None])
        return -value[0], -gradient[:, 0]

    best = minimize(cost, first, jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    curvature = _curvature(target, best.x)
    values, vectors = np.linalg.eigh(curvature)
    values = np.maximum(values, _LEAST_CURVATURE)
    root = vectors / np.sqrt(values)
    return best.x, root, -best.fun - 0.5 * np.sum(np.log(values))


def _curvature(target, mode, step=1e-4):
    """Matrix of second derivatives of the negative log posterior, from its gradient."""
    shifts = step * np.eye(len(mode))
    upper, lower = (target(mode[:, None] + sign * shifts)[1] for sign in (1.0, -1.0))
    slope = (lower - upper) / (2.0 * step)
    return 0.5 * (slope + slope.T)


def _sample(target, mode, n_draws, rng):
    """Draws of shape (n_parameters, n_draws) by Hamiltonian Monte Carlo, and its acceptance."""
    center, root, _ = mode
    n_rounds = -(-n_draws // _N_CHAINS)
    place = np.zeros((len(center), _N_CHAINS))
    value, gradient = _whitened(target, center, root, place)
    kept, accepted = [], []
    for number in range(_WARM_UP + n_rounds):
        proposed = _leapfrog(target, center, root, place, value, gradient, rng)
        taken = np.log(rng.random(_N_CHAINS)) < proposed[3]
        place = np.where(taken, proposed[0], place)
        value = np.where(taken, proposed[1], value)
        gradient = np.where(taken, proposed[2], gradient)
        if number >= _WARM_UP:
            kept.append(center[:, None] + root @ place)
            accepted.append(taken.mean())
    return np.concatenate(kept, axis=1)[:, :n_draws], float(np.mean(accepted))


def _whitened(target, center, root, place):
    """Log posterior and its gradient in the metric of the Laplace approximation."""
    value, gradient = target(center[:, None] + root @ place)
    return value, root.T @ gradient


def _leapfrog(target, center, root, place, value, gradient, rng):
    """Place, log posterior and gradient at the end of a trajectory, and its log acceptance."""
    momentum = rng.standard_normal(place.shape)
    energy = value - 0.5 * np.sum(momentum**2, axis=0)
    step = np.exp(rng.uniform(*np.log(_STEP), size=place.shape[1]))
    for _ in range(_N_STEPS):
        momentum = momentum + 0.5 * step * gradient
        place = place + step * momentum
        value, gradient = _whitened(target, center, root, place)
        momentum = momentum + 0.5 * step * gradient
    change = value - 0.5 * np.sum(momentum**2, axis=0) - energy
    return place, value, gradient, np.where(np.isfinite(change), change, -np.inf)
