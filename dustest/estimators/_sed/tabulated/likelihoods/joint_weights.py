"""Joint priors of the parameters and quantities of models, as importance weights.

A prior of a free parameter given others replaces its own, so that all other parameters keep
theirs. `SEDPrior` has those given parameters; the others are here. One of another quantity, such
as log sSFR, multiplies the density of the models, and is normalised by its mean over the pool.
"""

from dataclasses import replace
from functools import cached_property

import numpy as np
from scipy.special import logsumexp

from dustest.data.quantities import QUANTITIES
from dustest.estimators._sed.posterior import A_V, DRAWN
from dustest.estimators._sed.priors.joint_priors import AGE_OF_UNIVERSE
from dustest.estimators._sed.priors.prior_transform import fit_name

__all__ = ["JointWeights"]

_MASS = "log_mass_formed"
_N_MEAN, _N_CANDIDATES = 2, 8
"""Masses of a model over which weights are averaged, and from which one is drawn."""
_N_NORM = 4
"""Masses of the prior for each model of the pool, for the normalisation."""
_SEED = 5


class JointWeights:
    """Weights of models by joint priors.

    Parameters
    ----------
    priors : sequence of JointPrior
        The priors; those of parameters that the model does not have, and those that are part of
        the prior of the pool, are left out.
    pool : Pool
        Models of the prior, at one redshift or of a prior of it.
    """

    def __init__(self, priors, pool):
        self._pool, self._prior, self._maker = pool, pool.prior, pool.maker
        own = {*self._prior.free, *DRAWN}
        known = own | {*self._prior.fixed, "redshift", AGE_OF_UNIVERSE}
        self._priors = [
            one
            for one in priors
            if fit_name(one.quantity) in own - self._prior.conditional.keys()
            and known.issuperset(one.given)
        ]
        sources = {name for one in self._priors for name in (one.quantity, *one.given)}
        self._needs_mass = any(map(_scales, sources))

    def weigh(self, models, likelihood, draw, rng):
        """Apply the priors to the likelihood of models.

        Parameters
        ----------
        models : Models
            The models.
        likelihood : Likelihood
            Their likelihood.
        draw : Callable
            Function of models, their likelihood and a generator that draws log10 of their masses
            formed without joint priors.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        Likelihood
            With the logarithm of the weights added, averaged over masses.
        """
        if not self._priors:
            return likelihood
        masses = self._masses(models, likelihood, draw, _N_MEAN, rng)
        log_mean = logsumexp(self.log_ratio(models, masses), axis=1) - np.log(masses.shape[1])
        return replace(likelihood, log_weight=likelihood.log_weight + log_mean)

    def choose(self, models, likelihood, draw, rng):
        """Draw masses of models from their posterior.

        Parameters
        ----------
        models, likelihood, draw, rng
            As in `weigh`.

        Returns
        -------
        ndarray of shape (n,)
            log10 of the mass formed.
        """
        if not self._needs_mass:
            return draw(models, likelihood, rng)
        masses = self._masses(models, likelihood, draw, _N_CANDIDATES, rng)
        log_ratio = self.log_ratio(models, masses)
        below = np.cumsum(np.exp(log_ratio - log_ratio.max(axis=1, keepdims=True)), axis=1)
        n = len(models)
        chosen = np.sum(below[:, :-1] < rng.random((n, 1)) * below[:, -1:], axis=1)
        return masses[np.arange(n), chosen]

    def _masses(self, models, likelihood, draw, number, rng):
        """Masses (n, number) of models, or one each if no prior depends on them."""
        if not self._needs_mass:
            return models.low[:, np.newaxis]
        rows = np.repeat(np.arange(len(models)), number)
        return draw(models.take(rows), likelihood[rows], rng).reshape(-1, number)

    def log_ratio(self, models, log_formed):
        """Compute the joint priors over the own ones.

        Parameters
        ----------
        models : Models
            The models.
        log_formed : ndarray of shape (n, k)
            log10 of masses formed of each model, in solar masses.

        Returns
        -------
        ndarray of shape (n, k)
            Natural logarithm of the weight of each model for these masses.
        """
        values = self._prior.transform(models.cube) | {_MASS: np.zeros(len(models))}
        # A_V is that of the screen, whose prior the joint one replaces.
        values |= models.quantities | {"A_V": values[A_V]}
        values[AGE_OF_UNIVERSE] = self._ages(models.quantities["redshift"])
        total = np.zeros(log_formed.shape)
        for one in self._priors:
            value, *given = (
                (values[name][:, np.newaxis] + log_formed).ravel()
                if _scales(name)
                else np.repeat(values[name], log_formed.shape[1])
                for name in (one.quantity, *one.given)
            )
            total += self._log_density(one, value, given, models.cube).reshape(total.shape)
        return total

    @cached_property
    def log_norm(self):
        """Logarithm of the mean weight under the prior of the fit."""
        if all(fit_name(one.quantity) in self._prior.free for one in self._priors):
            return 0.0
        pool, rng = self._pool, np.random.default_rng(_SEED)
        possible = np.flatnonzero(np.any(pool.flux > 0.0, axis=1))
        models, log_density = pool.take(possible), pool.log_density[possible]
        masses = rng.uniform(models.low, models.high, (_N_NORM, len(possible))).T
        log_mean = logsumexp(self.log_ratio(models, masses), axis=1) - np.log(_N_NORM)
        return float(logsumexp(log_mean - log_density) - logsumexp(-log_density))

    def _log_density(self, one, value, given, cube):
        """Logarithm (n * k,) of a prior over that of its quantity, for k values of each model."""
        name = fit_name(one.quantity)
        if name not in self._prior.free:
            return one.log_density(value, given)
        low, high = self._prior.limits(name)
        own = self._prior.log_ratio_to("uniform", name, cube) + np.log(high - low)
        return one.log_density(value, given, (low, high)) + np.repeat(own, len(value) // len(own))

    def _ages(self, redshift):
        """Ages of the Universe in Gyr."""
        different, place = np.unique(redshift, return_inverse=True)
        return np.array([self._maker.age(one) for one in different.tolist()])[place]


def _scales(name):
    """Whether a quantity is proportional to the mass of a model."""
    return name == _MASS or (name in QUANTITIES and QUANTITIES[name].luminosity_power == 1.0)
