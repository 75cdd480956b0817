"""The tabulated engine: posteriors by importance sampling from pools of prior models.

All galaxies of a redshift weigh one pool of models that is drawn from the prior. Where that leaves
too few effective samples, models are drawn anew around those that fit, and every model counts by
the likelihood over the mixture of all densities that models were drawn from.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

import numpy as np
from astropy import units as u
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits

from dustest.data.bands import get_band
from dustest.data.columns import SPECTRAL_UNIT
from dustest.data.errors import InputError
from dustest.estimators._bagpipes_fit import (
    N_DRAWS,
    Posterior,
    prior_diagnostics,
    quiet,
    systematic_draw,
)
from dustest.estimators._sed_likelihood import MassIntegral, draw_masses, weigh
from dustest.estimators._sed_models import ModelMaker, band_light
from dustest.estimators._sed_refine import propose

__all__ = ["TabulatedEngine"]

_POOL = 2**16
_POOL_SEED = 1
"""Pools do not depend on the seed of a run: a galaxy gets the same one in any batch."""
_MAX_POOLS = 4
_REDSHIFT_STEP = 0.01
_CHUNK = 16
_ENOUGH = 450.0
_MAX_ROUNDS = 8
_N_NEW = 4096
_NEGLIGIBLE = 25.0
"""Difference in log likelihood at which a model does not count."""
_LEAST_KEPT = 1000


class TabulatedEngine:
    """Fits galaxies with pools of models, of which it keeps the last few.

    Parameters
    ----------
    settings : Settings
        What is fitted and how.
    """

    def __init__(self, settings):
        self._settings = settings
        self._pools, self._light = {}, {}
        self._integral = MassIntegral()

    def fit(self, galaxies):
        """Posteriors of galaxies.

        Parameters
        ----------
        galaxies : sequence of Galaxy
            Those of like redshifts best follow each other.

        Returns
        -------
        list of Posterior
            One for each.

        Raises
        ------
        InputError
            If a galaxy has a spectrum.
        RuntimeError
            If the priors leave no model that could be one of the galaxies.
        """
        _refuse_spectra(galaxies)
        posteriors = []
        with quiet(), threadpool_limits(1):
            for kind, alike in groupby(galaxies, _kind):
                maker, models = self._pool(*kind)
                for part in _batched(alike, _CHUNK):
                    posteriors += self._fit_alike(part, maker, models)
        return posteriors

    def _fit_alike(self, galaxies, maker, models):
        """Posteriors of galaxies of one redshift in the same bands."""
        flux, error = _data(galaxies, self._settings.error_floor)
        likelihood = weigh(models, flux, error, self._integral)
        posteriors = []
        for i, galaxy in enumerate(galaxies):
            rng = np.random.default_rng([galaxy.seed, 1])
            _refuse_impossible(galaxy, likelihood[i])
            chain = _Chain(models, likelihood[i], (), len(models))
            chain = self._refined(chain, maker, (flux[[i]], error[[i]]), rng)
            posteriors.append(
                _summarise(chain, maker.prior, _log_norm(error[i], galaxy.bands), rng)
            )
        return posteriors

    def _refined(self, chain, maker, data, rng):
        """Chain with more models where they fit, until enough of them count."""
        for _ in range(_MAX_ROUNDS):
            if chain.ess >= _ENOUGH:
                break
            chain = chain.active()
            proposal = propose(chain.models.cube, chain.log_importance, rng)
            models = maker.at(proposal.draw(_N_NEW, rng))
            chain = chain.with_drawn(models, weigh(models, *data, self._integral)[0], proposal)
        return chain

    def _pool(self, redshift, bands):
        """Models of the prior, made when they are first needed."""
        key = (redshift, bands)
        if key not in self._pools:
            while len(self._pools) >= _MAX_POOLS:
                self._pools.pop(next(iter(self._pools)))
            if bands not in self._light:
                self._light = {bands: band_light(self._settings, bands)}
            try:
                maker = ModelMaker(self._settings, redshift, self._light[bands])
            except InputError as error:
                msg = f"no model at redshift {redshift:g}: {error}"
                raise RuntimeError(msg) from error
            self._pools[key] = maker, maker.draw(_POOL, _POOL_SEED)
        return self._pools[key]


@dataclass(frozen=True, eq=False)
class _Chain:
    """Models, what one galaxy says of them, and where they were drawn from.

    Parameters
    ----------
    models : Models
        The models.
    likelihood : Likelihood
        Of each of them.
    proposals : tuple of Proposal
        What models were drawn from beside the prior, `_N_NEW` from each.
    n_prior : int
        Models drawn from the prior, those that do not count included.
    """

    models: object
    likelihood: object
    proposals: tuple
    n_prior: int

    @cached_property
    def log_importance(self):
        """Logarithm of the likelihood over the density that models were drawn from."""
        return self.likelihood.log_weight - self._log_ratio()

    @property
    def n_drawn(self):
        """Models drawn in all."""
        return self.n_prior + _N_NEW * len(self.proposals)

    @cached_property
    def weight(self):
        """Weights that sum to one."""
        weight = np.exp(self.log_importance - self.log_importance.max())
        return weight / weight.sum()

    @cached_property
    def ess(self):
        """Effective number of models."""
        return float(1.0 / np.sum(self.weight**2))

    def active(self):
        """The models that count at all."""
        keep = np.flatnonzero(self.log_importance > self.log_importance.max() - _NEGLIGIBLE)
        if len(keep) < _LEAST_KEPT:
            keep = np.argsort(self.log_importance)[-_LEAST_KEPT:]
        return replace(self, models=self.models.take(keep), likelihood=self.likelihood[keep])

    def with_drawn(self, models, likelihood, proposal):
        """These models and others that were drawn from a proposal."""
        return _Chain(
            self.models.joined(models),
            self.likelihood.joined(likelihood),
            (*self.proposals, proposal),
            self.n_prior,
        )

    def _log_ratio(self):
        """Logarithm of the density that models were drawn from over that of the prior."""
        parts = [np.full(len(self.models), np.log(self.n_prior))]
        parts += [
            proposal.log_ratio(self.models.cube) + np.log(_N_NEW) for proposal in self.proposals
        ]
        return logsumexp(parts, axis=0) - np.log(self.n_drawn)


def _kind(galaxy):
    """Redshift and bands of the pool that serves a galaxy.

    Bagpipes lays out its wavelengths by the bands, so that only tables of the very bands of a
    galaxy give its photometry exactly.
    """
    steps = max(round(galaxy.redshift / _REDSHIFT_STEP), 1)
    return round(steps * _REDSHIFT_STEP, 6), galaxy.bands


def _batched(items, size):
    """Lists of at most so many items."""
    items = list(items)
    return (items[start : start + size] for start in range(0, len(items), size))


def _refuse_spectra(galaxies):
    """Refuse galaxies that have more than photometry."""
    if any(galaxy.spectrum is not None for galaxy in galaxies):
        msg = (
            "engine='tabulated' fits photometry alone, but the sample has spectra: drop the "
            "columns spectrum_*, or take engine='bagpipes'"
        )
        raise InputError(msg)


def _refuse_impossible(galaxy, likelihood):
    """Refuse a galaxy that no model of the pool could be."""
    if not np.any(np.isfinite(likelihood.log_weight)):
        msg = (
            f"no model of the prior has light at redshift {galaxy.redshift:g} in the bands "
            f"{', '.join(galaxy.bands)}"
        )
        raise RuntimeError(msg)


def _data(galaxies, error_floor):
    """Fluxes and errors (n, n_bands) of galaxies that have the same bands."""
    flux = np.stack([galaxy.flux for galaxy in galaxies])
    error = np.stack([galaxy.flux_err for galaxy in galaxies])
    return flux, np.hypot(error, error_floor * flux)


def _log_norm(error, bands):
    """Logarithm of the factor of the likelihood that depends on the errors alone.

    Bagpipes counts likelihoods in flux densities per unit wavelength.
    """
    pivots = [get_band(band).pivot for band in bands] * u.AA
    error = (error * u.nJy).to_value(SPECTRAL_UNIT, u.spectral_density(pivots))
    return -float(np.sum(np.log(error))) - 0.5 * len(error) * np.log(2.0 * np.pi)


def _summarise(chain, prior, norm, rng):
    """Equally weighted draws and diagnostics."""
    weight, models, likelihood = chain.weight, chain.models, chain.likelihood
    drawn = systematic_draw(weight, N_DRAWS, rng)
    log_mass = draw_masses(
        likelihood.best[drawn], likelihood.error[drawn], models.low[drawn], models.high[drawn], rng
    )
    information, edge = prior_diagnostics(prior.free, models.cube, weight, chain.ess)
    return Posterior(
        a_v=models.A_V[drawn],
        e_bv=models.E_BV[drawn],
        log_ssfr=models.log_sSFR[drawn],
        log_mass=log_mass + models.log_living[drawn],
        chi2=float(likelihood.chi2[np.argmax(likelihood.log_weight)]),
        ess=chain.ess,
        log_evidence=float(logsumexp(chain.log_importance) - np.log(chain.n_drawn) + norm),
        information=information,
        edge=edge,
    )
