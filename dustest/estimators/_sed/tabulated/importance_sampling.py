"""The tabulated engine: posteriors by importance sampling from pools of prior models.

The likelihood of one pool of models drawn from the prior is computed for all galaxies at a
redshift. If there are too few effective samples, further models are drawn around those that fit.
Every model is weighted by the likelihood over the mixture of all densities used for drawing.
"""

from functools import cache, cached_property, lru_cache
from itertools import groupby

import numpy as np
from astropy import units as u
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits

from dustest.data.bands import get_band
from dustest.data.checks.units import FLUX_UNIT, SPECTRAL_UNIT
from dustest.data.errors import InputError
from dustest.data.quantities import QUANTITIES
from dustest.estimators._sed.bagpipes.nested_sampling import quiet
from dustest.estimators._sed.posterior import (
    A_V,
    N_DRAWS,
    PRIORS,
    BestFit,
    Posterior,
    draws_under_priors,
    fit_probability,
    prior_diagnostics,
    systematic_draw,
)
from dustest.estimators._sed.tabulated.chain import N_NEW, Drawn, effective_number
from dustest.estimators._sed.tabulated.likelihood import (
    MassIntegral,
    compute_likelihood,
    draw_masses,
)
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light, tabulated_redshift
from dustest.estimators._sed.tabulated.refinement import propose

__all__ = ["TabulatedEngine"]

_FIRST, _POOL = 2**14, 2**15
"""Number of models of the prior for all galaxies, and for those with too few effective samples."""
_POOL_SEED = 1
"""Seed of the pools, independent of that of a run: a galaxy has the same pool in any batch."""
_MAX_POOLS, _MAX_LIGHTS = 4, 8
_CHUNK = 16
_LEAST_SHARE = 0.5
"""Fraction of the requested effective number below which further models are drawn."""
_MAX_ROUNDS = 12


class TabulatedEngine:
    """Fits galaxies with pools of models, of which the last few are kept.

    Parameters
    ----------
    settings : Settings
        Settings of the fit.
    """

    def __init__(self, settings):
        self._settings = settings
        self._pools, self._light = {}, {}
        self._integral = MassIntegral()

    def fit(self, galaxies):
        """Compute posteriors of galaxies.

        Parameters
        ----------
        galaxies : sequence of Galaxy
            Galaxies, preferably sorted by redshift.

        Returns
        -------
        list of Posterior
            One for each.

        Raises
        ------
        RuntimeError
            If no model of the priors is possible for one of the galaxies.
        """
        posteriors = []
        with quiet(), threadpool_limits(1):
            for kind, alike in groupby(galaxies, self._kind):
                pool = self._pool(*kind)
                for part in _batched(alike, _CHUNK):
                    posteriors += self._fit_alike(part, pool)
        return posteriors

    def _fit_alike(self, galaxies, pool):
        """Posteriors of galaxies of one redshift in the same bands."""
        flux = np.stack([galaxy.flux for galaxy in galaxies])
        error = np.stack([galaxy.flux_err for galaxy in galaxies])
        likelihood = compute_likelihood(pool.first.models, flux, error, self._integral)
        return [
            self._fit_one(galaxy, pool, likelihood[i], (flux[[i]], error[[i]]))
            for i, galaxy in enumerate(galaxies)
        ]

    def _fit_one(self, galaxy, pool, likelihood, data):
        """Posterior of one galaxy from the likelihoods of the first models of its pool."""
        rng = np.random.default_rng([galaxy.seed, 1])
        chain = pool.first.chain(likelihood)
        if chain.ess < self._settings.n_effective:
            rest = compute_likelihood(pool.rest, *data, self._integral)[0]
            chain = pool.whole.chain(likelihood.joined(rest))
        _refuse_impossible(galaxy, chain.likelihood)
        for shape in (None, *pool.others):
            chain = self._refined(chain, pool.maker, data, rng, shape)
        return self._summarise(galaxy, chain, pool.maker, rng)

    def _refined(self, chain, maker, data, rng, shape):
        """Add models where they fit, until the effective number is sufficient for a prior."""
        for _ in range(_MAX_ROUNDS):
            n_effective = effective_number(_tilted(chain, maker.prior, shape))
            if n_effective >= _LEAST_SHARE * self._settings.n_effective:
                break
            chain = chain.active()
            proposal = propose(chain.models.cube, _tilted(chain, maker.prior, shape), rng)
            models = maker.at(proposal.draw(N_NEW, rng))
            likelihood = compute_likelihood(models, *data, self._integral)[0]
            chain = chain.with_drawn(models, likelihood, proposal)
        return chain

    def _kind(self, galaxy):
        """Redshift, bands and error of the redshift of the pool for a galaxy.

        Bagpipes chooses its wavelengths by the bands, so that only tables of exactly the bands of
        a galaxy reproduce its photometry.
        """
        if self._settings.free_redshift and 0 < galaxy.redshift_err < np.inf:
            return galaxy.redshift, galaxy.bands, galaxy.redshift_err
        return float(tabulated_redshift(galaxy.redshift)), galaxy.bands, None

    def _pool(self, redshift, bands, redshift_err):
        """Models of the prior, made when first needed."""
        key = (redshift, bands, redshift_err)
        if key not in self._pools:
            _make_room(self._pools, _MAX_POOLS)
            try:
                maker = ModelMaker(self._settings, redshift, self._bands(bands), redshift_err)
            except InputError as error:
                msg = f"no model at redshift {redshift:g}: {error}"
                raise RuntimeError(msg) from error
            self._pools[key] = _Pool(maker, self._other_priors(maker.prior))
        return self._pools[key]

    def _bands(self, bands):
        """Emission in a set of bands, computed when first needed."""
        if bands not in self._light:
            _make_room(self._light, _MAX_LIGHTS)
            self._light[bands] = band_light(self._settings, bands)
        return self._light[bands]

    def _other_priors(self, prior):
        """Shapes of further priors of A_V that need enough effective models."""
        if not self._settings.under_priors or A_V not in prior.free:
            return ()
        return tuple(shape for shape in PRIORS.values() if shape != prior.shape(A_V))

    def _summarise(self, galaxy, chain, maker, rng):
        """Equally weighted draws and diagnostics."""
        weight, models, likelihood = chain.weight, chain.models, chain.likelihood
        information, edge = prior_diagnostics(maker.prior.free, models.cube, weight, chain.ess)
        best = int(np.argmax(likelihood.log_weight))
        under = self._settings.under_priors
        norm = _log_norm(galaxy.flux_err, galaxy.bands)
        draws, drawn, drawn_chi2 = _draws(galaxy, chain, rng)
        return Posterior(
            draws=draws,
            prior=maker.prior,
            cube=models.cube[drawn],
            a_v_under=draws_under_priors(maker.prior, models.cube, weight, rng) if under else {},
            chi2=float(likelihood.chi2[best]),
            fit_probability=fit_probability(drawn_chi2, galaxy.n_data),
            ess=chain.ess,
            log_evidence=float(logsumexp(chain.log_importance) - np.log(chain.n_drawn) + norm),
            information=information,
            edge=edge,
            best=_best_fit(galaxy, chain, best, maker),
        )


class _Pool:
    """Models of one prior: some for every galaxy, and more for galaxies with too few.

    Parameters
    ----------
    maker : ModelMaker
        Makes them.
    others : tuple of str
        Shapes of other priors of A_V, from which `N_NEW` models each are drawn as well: likely
        models under them may be rare under the prior of the fit.
    """

    def __init__(self, maker, others):
        self.maker, self.others = maker, others

    @cached_property
    def first(self):
        """The first models of a low-discrepancy sequence over the prior."""
        points, prior = self.maker.points, self.maker.prior
        cubes = [points(0, _FIRST, _POOL_SEED)]
        for k, shape in enumerate(self.others):
            start = _POOL + k * N_NEW
            even = points(start, start + N_NEW, _POOL_SEED)
            cubes.append(prior.moved_to(shape, A_V, even))
        return Drawn(self.maker.at(np.concatenate(cubes)), prior, _FIRST, self.others)

    @cached_property
    def rest(self):
        """The next models of the sequence."""
        return self.maker.at(self.maker.points(_FIRST, _POOL, _POOL_SEED))

    @cached_property
    def whole(self):
        """All models."""
        models = self.first.models.joined(self.rest)
        return Drawn(models, self.maker.prior, _POOL, self.others)


def _tilted(chain, prior, shape):
    """Logarithms of weights under the own prior of A_V, or one of another shape."""
    if shape is None:
        return chain.log_importance
    return chain.log_importance + prior.log_ratio_to(shape, A_V, chain.models.cube)


def _make_room(kept, most):
    """Remove the oldest items, so that one more does not exceed the limit."""
    while len(kept) >= most:
        kept.pop(next(iter(kept)))


def _batched(items, size):
    """Lists of at most so many items."""
    items = list(items)
    return (items[start : start + size] for start in range(0, len(items), size))


def _refuse_impossible(galaxy, likelihood):
    """Raise an error for a galaxy for which no model of the pool is possible."""
    if not np.any(np.isfinite(likelihood.log_weight)):
        msg = (
            f"no model of the prior has light at redshift {galaxy.redshift:g} in the bands "
            f"{', '.join(galaxy.bands)}"
        )
        raise RuntimeError(msg)


def _log_norm(error, bands):
    """Logarithm of the factor of the likelihood that depends on the errors only.

    Likelihoods of Bagpipes are in flux densities per unit wavelength.
    """
    log_error = np.log(error) + _log_per_wavelength(bands)
    return -float(np.sum(log_error)) - 0.5 * len(error) * np.log(2.0 * np.pi)


@lru_cache(maxsize=64)
def _log_per_wavelength(bands):
    """Logarithms of 1 nJy in the bands, in the flux densities of Bagpipes."""
    pivots = [get_band(band).pivot for band in bands] * u.AA
    unit = np.ones(len(bands)) * FLUX_UNIT
    return np.log(unit.to_value(SPECTRAL_UNIT, u.spectral_density(pivots)))


def _draws(galaxy, chain, rng):
    """Equally weighted draws of all quantities, which models they are, and their chi-squared."""
    models, likelihood = chain.models, chain.likelihood
    drawn = systematic_draw(chain.weight, N_DRAWS, rng, models.quantities["A_V"])
    log_formed = draw_masses(
        likelihood.best[drawn], likelihood.error[drawn], models.low[drawn], models.high[drawn], rng
    )
    draws = {
        name: values[drawn] + log_formed if _has_mass(name) else values[drawn]
        for name, values in models.quantities.items()
    }
    pull = models.flux[drawn] * 10.0 ** log_formed[:, np.newaxis] - galaxy.flux
    chi2 = np.sum(np.square(pull / galaxy.flux_err), axis=1)
    return draws | {"log_mass_formed": log_formed}, drawn, chi2


@cache
def _has_mass(name):
    """Whether a quantity of models of one solar mass scales with their mass."""
    return name in QUANTITIES and QUANTITIES[name].luminosity_power == 1.0


def _best_fit(galaxy, chain, best, maker):
    """The most likely model with and without dust, None if not requested."""
    if galaxy.sed_wavelength is None:
        return None
    models, cube = chain.models, chain.models.cube[[best]]
    limits = 10.0 ** models.low[best], 10.0 ** models.high[best]
    mass = np.clip(chain.likelihood.best[best], *limits)
    lights = [
        mass * maker.flux(cube, wavelength, dust=dust)[0]
        for wavelength in (None, galaxy.sed_wavelength)
        for dust in (True, False)
    ]
    return BestFit(*lights)
