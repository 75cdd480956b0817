"""Joint priors of the parameters and quantities of models, as importance weights.

A prior of a free parameter given others replaces its own, so that all other parameters keep
theirs. One of another quantity, such as log sSFR, multiplies the density of the models, and is
normalised by its mean over the pool.
"""

from dataclasses import replace
from functools import cached_property

import numpy as np
from scipy.special import logsumexp

from dustest.data.quantities import QUANTITIES
from dustest.estimators._sed.joint_priors import AGE_OF_UNIVERSE, fit_name
from dustest.estimators._sed.posterior import DRAWN
from dustest.estimators._sed.tabulated.likelihood import draw_masses, mass_quantiles

__all__ = ["JointWeights"]

_MASS = "log_mass_formed"
_N_NODES, _N_CANDIDATES = 8, 16
"""Masses of a model over which weights are averaged, and from which one is drawn."""
_N_NORM = 4
"""Masses of the prior for each model of the pool, for the normalisation."""
_SEED = 5


class JointWeights:
    """Weights of models by joint priors.

    Parameters
    ----------
    priors : sequence of JointPrior
        The priors; those of parameters that the model does not have are left out.
    pool : Pool
        Models of the prior, at one redshift or of a prior of it.
    """

    def __init__(self, priors, pool):
        self._pool, self._prior, self._maker = pool, pool.prior, pool.maker
        own = {*self._prior.free, *DRAWN}
        known = own | {*self._prior.fixed, "redshift", AGE_OF_UNIVERSE}
        self._priors = [
            one for one in priors if fit_name(one.quantity) in own and known.issuperset(one.given)
        ]
        sources = {name for one in self._priors for name in (one.quantity, *one.given)}
        self._needs_mass = any(map(_scales, sources))

    def weigh(self, models, likelihood):
        """Apply the priors to the likelihood of models.

        Parameters
        ----------
        models : Models
            The models.
        likelihood : Likelihood
            Their likelihood.

        Returns
        -------
        Likelihood
            With the logarithm of the weights added, averaged over the mass.
        """
        if not self._priors:
            return likelihood
        if not self._needs_mass:
            log_ratio = self.log_ratio(models, models.low)
        else:
            u = (np.arange(_N_NODES) + 0.5) / _N_NODES
            masses = _masses(models, likelihood, np.broadcast_to(u, (len(models), _N_NODES)))
            log_ratio = logsumexp(self._log_ratios(models, masses), axis=1) - np.log(_N_NODES)
        return replace(likelihood, log_weight=likelihood.log_weight + log_ratio)

    def draw_masses(self, models, likelihood, rng):
        """Draw masses of models from their posterior.

        Parameters
        ----------
        models : Models
            The models.
        likelihood : Likelihood
            Their likelihood.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        ndarray of shape (n,)
            log10 of the mass formed.
        """
        if not self._needs_mass:
            limits = models.low, models.high
            return draw_masses(likelihood.best, likelihood.error, *limits, rng)
        n = len(models)
        u = (np.arange(_N_CANDIDATES) + rng.random((n, 1))) / _N_CANDIDATES
        masses = _masses(models, likelihood, u)
        weight = np.exp(_relative(self._log_ratios(models, masses)))
        below = np.cumsum(weight, axis=1)
        chosen = np.sum(below[:, :-1] < rng.random((n, 1)) * below[:, -1:], axis=1)
        return masses[np.arange(n), chosen]

    def log_ratio(self, models, log_formed):
        """Compute the joint priors over the own ones.

        Parameters
        ----------
        models : Models
            The models.
        log_formed : ndarray of shape (n,)
            log10 of their masses formed, in solar masses.

        Returns
        -------
        ndarray of shape (n,)
            Natural logarithm of the weight of each model.
        """
        values = self._prior.transform(models.cube) | {_MASS: np.zeros(len(models))}
        values |= models.quantities | {AGE_OF_UNIVERSE: self._ages(models.quantities["redshift"])}
        total = np.zeros(len(models))
        for one in self._priors:
            value, *given = (
                values[name] + log_formed if _scales(name) else values[name]
                for name in (one.quantity, *one.given)
            )
            total += self._log_density(one, value, given, models.cube)
        return total

    @cached_property
    def log_norm(self):
        """Logarithm of the mean weight under the prior of the fit."""
        if all(fit_name(one.quantity) in self._prior.free for one in self._priors):
            return 0.0
        pool, rng = self._pool, np.random.default_rng(_SEED)
        models = pool.take(np.arange(len(pool.flux)))
        possible = np.flatnonzero(np.any(models.flux > 0.0, axis=1))
        density = pool.log_density[possible]
        models = models.take(possible)
        share = (np.arange(_N_NORM) + rng.random((len(models), 1))) / _N_NORM
        masses = models.low[:, np.newaxis] + share * (models.high - models.low)[:, np.newaxis]
        log_ratio = logsumexp(self._log_ratios(models, masses), axis=1) - np.log(_N_NORM)
        return float(logsumexp(log_ratio - density) - logsumexp(-density))

    def _log_ratios(self, models, masses):
        """Logarithms (n, k) of the weights for k masses of each model."""
        return np.stack([self.log_ratio(models, each) for each in masses.T], axis=1)

    def _log_density(self, one, value, given, cube):
        """Logarithm of a prior over that of its quantity."""
        name = fit_name(one.quantity)
        if name not in self._prior.free:
            return one.log_density(value, given)
        low, high = self._prior.limits(name)
        own = self._prior.log_ratio_to("uniform", name, cube) + np.log(high - low)
        return one.log_density(value, given, (low, high)) + own

    def _ages(self, redshift):
        """Ages of the Universe in Gyr."""
        different, place = np.unique(redshift, return_inverse=True)
        return np.array([self._maker.age(one) for one in different.tolist()])[place]


def _scales(name):
    """Whether a quantity is proportional to the mass of a model."""
    return name == _MASS or (name in QUANTITIES and QUANTITIES[name].luminosity_power == 1.0)


def _relative(log_weight):
    """Logarithms of weights (n, k) over the highest of each model."""
    highest = log_weight.max(axis=1, keepdims=True)
    return log_weight - np.where(np.isfinite(highest), highest, 0.0)


def _masses(models, likelihood, u):
    """Quantiles (n, k) of the log10 of the mass of models, without joint priors."""
    return mass_quantiles(likelihood.best, likelihood.error, models.low, models.high, u)
