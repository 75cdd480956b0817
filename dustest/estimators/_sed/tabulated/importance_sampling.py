"""The tabulated engine: posteriors by importance sampling from pools of prior models.

The likelihood of one pool of models drawn from the prior is computed for all galaxies at a
redshift. If there are too few effective samples, further models are drawn around those that fit:
few at first, until they are found, then many. Every model is weighted by the likelihood over the
mixture of all densities used for drawing.
"""

from dataclasses import dataclass, field, replace
from functools import cache, lru_cache

import numpy as np
from astropy import units as u
from threadpoolctl import ThreadpoolController

from dustest.data.bands import get_band
from dustest.data.checks.units import FLUX_UNIT, SPECTRAL_UNIT
from dustest.data.errors import InputError
from dustest.data.quantities import QUANTITIES
from dustest.estimators._sed.bagpipes.nested_sampling import quiet, resolution_curve
from dustest.estimators._sed.far_infrared import (
    InfraredCheck,
    far_infrared_bands,
    has_far_infrared,
    without_far_infrared,
)
from dustest.estimators._sed.posterior import (
    A_V,
    N_DRAWS,
    N_SEDS,
    PRIORS,
    BestFit,
    Posterior,
    Prediction,
    draws_under_priors,
    fit_probability,
    prior_diagnostics,
    stratified_draw,
)
from dustest.estimators._sed.priors.defaults import fitted_history
from dustest.estimators._sed.tabulated.annealing import FEW, annealed, with_tail
from dustest.estimators._sed.tabulated.chain import Chain
from dustest.estimators._sed.tabulated.light.channels import Channels, Pixels
from dustest.estimators._sed.tabulated.light.emission import BandLight
from dustest.estimators._sed.tabulated.likelihoods.choice import make_likelihood
from dustest.estimators._sed.tabulated.likelihoods.data_likelihood import ClosedForm, nanojansky
from dustest.estimators._sed.tabulated.likelihoods.gaussian import MassIntegral
from dustest.estimators._sed.tabulated.likelihoods.joint_weights import JointWeights
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light, tabulated_redshift
from dustest.estimators._sed.tabulated.pool import (
    N_PARTS,
    Pool,
    RedshiftPool,
    search_effort,
)
from dustest.estimators._sed.tabulated.shared_pool import SharedPool

__all__ = ["TabulatedEngine"]

_MAX_POOLS, _MAX_LIGHTS, _MAX_TABLES = 4, 8, 400
_MAX_SPECTRAL_LIGHTS, _MAX_SPECTRAL_TABLES = 2, 100
"""The same numbers for spectra, which have more pixels than photometry has bands."""
_MANY, _STEP = 2048, 256
"""Greatest number of models of a round with few parameters, and its step."""
_SHARED, _MOST_SHARED = 4096, 2**18
"""Number of models of a round that further galaxies share, and about the greatest of them all."""
_FOUND, _MARGIN = 40.0, 1.3
"""Effective number from which on models are found that fit, and excess over what is lacking."""
_LEAST_SHARE = 0.5
"""Fraction of the requested effective number below which further models are drawn."""
_MAX_PASSES = 3
"""Greatest number of searches for a narrow posterior that begin again."""
_SPECTRAL_SPREAD = 1.3
"""Factor by which proposals of spectra are wider than what they are learned from: posteriors that
are narrow have long tails."""
_MAX_SEARCHES, _MAX_ROUNDS = 4, 16
"""Greatest number of rounds that only serve to find models that fit, and of all."""


class TabulatedEngine:
    """Fits galaxies with pools of models, of which the last few are kept.

    Parameters
    ----------
    settings : Settings
        Settings of the fit.
    """

    def __init__(self, settings):
        self._settings = settings
        self._pools, self._kept = {}, {}
        self._integral = MassIntegral()

    def fit(self, galaxies, bands=None):
        """Compute posteriors of galaxies.

        Parameters
        ----------
        galaxies : sequence of Galaxy
            Galaxies, preferably sorted by redshift.
        bands : tuple of str, optional
            Bands of the tables, among them all bands of the galaxies; by default, galaxies in
            different bands have tables of their own.

        Returns
        -------
        list of Posterior
            One for each.

        Raises
        ------
        RuntimeError
            If no model of the priors is possible for one of the galaxies.
        """
        with quiet(), _libraries().limit(limits=1):
            kinds = [self._kind(galaxy, bands) for galaxy in galaxies]
            data = [
                self._likelihood(galaxy, kind[1])
                for galaxy, kind in zip(galaxies, kinds, strict=True)
            ]
            shared = self._shared_pools(kinds, data) if self._settings.share_models else {}
            # Faint galaxies need few models, among which are those that fit brighter ones.
            order = np.argsort([_brightness(galaxy) for galaxy in galaxies], kind="stable")
            order = order.tolist() if shared else range(len(galaxies))
            found = {
                k: self._fit_all(galaxies[k], kinds[k], data[k], shared.get(kinds[k]))
                for k in order
            }
            return [found[k] for k in range(len(galaxies))]

    def _shared_pools(self, kinds, data):
        """Pools of models that galaxies of one kind share."""
        alike = {}
        for kind, one in zip(kinds, data, strict=True):
            if type(one) is ClosedForm and kind[1].pixels is None and kind[2] is None:
                alike.setdefault(kind, []).append(one)
        found = {}
        for kind, every in alike.items():
            pool, _ = self._pool(*kind)
            found[kind] = SharedPool(pool, every, self._other_priors(pool.prior))
        return found

    def _likelihood(self, galaxy, channels):
        """Likelihood of the data of a galaxy."""
        return make_likelihood(galaxy, channels, self._integral, self._settings)

    def _fit_all(self, galaxy, kind, data, shared):
        """Posterior of one galaxy, with that of its data without the far infrared, if any."""
        pool, joint = self._pool(*kind)
        shared = shared if type(data) is ClosedForm else None
        posterior = self._fit_one(galaxy, data, pool, joint, shared)
        if not has_far_infrared(galaxy):
            return posterior
        other = without_far_infrared(galaxy)
        other = self._fit_one(other, self._likelihood(other, kind[1]), pool, joint)
        return replace(posterior, infrared=InfraredCheck.of(galaxy, pool.maker, other))

    def _fit_one(self, galaxy, data, pool, joint, shared=None):
        """Posterior of one galaxy."""
        rng = np.random.default_rng([galaxy.seed, 1])
        chain = None if shared is None else self._shared_chain(galaxy, data, shared, joint, rng)
        if chain is None:
            chain = self._own_chain(galaxy, data, pool, joint, rng)
        return self._summarise(galaxy, data, chain, joint, rng)

    def _shared_chain(self, galaxy, data, shared, joint, rng):
        """Models that galaxies share, None if they are not sufficient and there are many."""
        wanted = _LEAST_SHARE * self._settings.n_effective
        for _ in range(_MAX_ROUNDS):
            chain = shared.chain(data, rng)
            _refuse_impossible(galaxy, chain.likelihood)
            chain = _weighed(chain, data, joint, rng)
            for shape in (None, *self._other_priors(shared.prior)):
                tilted = _tilted(chain, shape)
                if chain.effective_number(tilted) < wanted:
                    break
            else:
                return chain
            if len(shared) >= _MOST_SHARED:
                break
            shared.extend(chain.proposal(tilted, _SHARED, rng), rng)
        return None

    def _own_chain(self, galaxy, data, pool, joint, rng):
        """Models for one galaxy, with those that are drawn where it fits."""
        has_spectrum = pool.maker.channels.pixels is not None
        chain = Chain.of_pool(pool, data.of(pool), _SPECTRAL_SPREAD if has_spectrum else 1.0)
        _refuse_impossible(galaxy, chain.likelihood)
        chain = _weighed(chain, data, joint, rng)

        def draw(cube):
            models = pool.maker.at(cube)
            likelihood = joint.weigh(models, data.of(models), data.draw_masses, rng)
            return models.without_flux() if has_spectrum else models, likelihood

        if has_spectrum:
            chain = self._searched(replace(chain, models=chain.models.without_flux()), draw, rng)
        else:
            chain = self._refined(chain, draw, rng)
        for shape in self._other_priors(pool.prior):
            chain = self._refined(chain, draw, rng, shape)
        return chain

    def _searched(self, chain, draw, rng):
        """Search for a narrow posterior, again if the effective number is not sufficient."""
        for _ in range(_MAX_PASSES):
            chain = self._refined(annealed(chain, draw, rng), draw, rng)
            if chain.ess >= _LEAST_SHARE * self._settings.n_effective:
                break
        return self._refined(with_tail(chain, draw, rng), draw, rng)

    def _refined(self, chain, draw, rng, shape=None):
        """Add models where they fit, until the effective number is sufficient for a prior.

        Models drawn before any that fit were found only serve to find these, and are left out.
        """
        first = chain
        wanted = _LEAST_SHARE * self._settings.n_effective
        for n_rounds in range(_MAX_ROUNDS):
            tilted = _tilted(chain, shape)
            number = chain.effective_number(tilted)
            if number >= wanted:
                break
            proposal = chain.proposal(tilted, _next_number(chain, number, wanted), rng)
            known = chain if number >= _FOUND or n_rounds >= _MAX_SEARCHES else first
            chain = known.extended(proposal, draw, rng)
        return chain

    def _kind(self, galaxy, bands):
        """Redshift, channels and prior of the redshift of the pool for a galaxy."""
        bands = galaxy.used_bands if bands is None else bands
        unused = {*far_infrared_bands(bands)}.difference(galaxy.used_bands)
        bands = tuple(band for band in bands if band not in unused)
        channels = Channels.of(bands, self._pixels(galaxy), galaxy.lines.used)
        spread = galaxy.redshift_spread if self._settings.free_redshift else None
        if spread is not None or galaxy.spectrum is not None:
            return galaxy.redshift, channels, spread
        return float(tabulated_redshift(galaxy.redshift)), channels, None

    def _pixels(self, galaxy):
        """Pixels of the spectrum of a galaxy."""
        if galaxy.spectrum is None:
            return None
        wavelength = galaxy.spectrum[:, 0].copy()
        return Pixels(wavelength, resolution_curve(self._settings.resolution, wavelength))

    def _pool(self, redshift, channels, spread):
        """Models of the prior and their weights by joint priors, made when first needed."""
        key = (redshift, channels, spread)
        if key not in self._pools:
            _make_room(self._pools, _MAX_POOLS)
            try:
                maker = self._maker(redshift, channels, spread)
            except InputError as error:
                msg = f"no model at redshift {redshift:g}: {error}"
                raise RuntimeError(msg) from error
            pool = self._pool_of(maker)
            self._pools[key] = pool, JointWeights(self._settings.joint_priors, pool)
        return self._pools[key]

    def _pool_of(self, maker):
        """Pool of a prior, of parts that priors of other redshifts share if they may."""
        others = self._other_priors(maker.prior)
        if "redshift" in maker.prior.fixed or callable(fitted_history(self._settings.sfh).priors):
            return Pool(maker, others)
        nodes, *ends = maker.redshift_bins
        pools = [self._part(node, maker, others) for node in nodes.tolist()]
        return RedshiftPool(maker, ends, pools)

    def _part(self, redshift, maker, others):
        """Part of the models at a tabulated redshift, made when first needed."""
        parts = self._kept[maker.channels].parts
        number = round(redshift / maker.redshift_step)
        key = (redshift, number % N_PARTS)
        if key not in parts:
            _make_room(parts, _MAX_TABLES)
            parts[key] = Pool(self._maker(redshift, maker.channels), others, number)
        return parts[key]

    def _maker(self, redshift, channels, spread=None):
        """Maker of models in some channels, with spectra and tables that others share."""
        of_spectra = channels.pixels is not None
        if channels not in self._kept:
            _make_room(self._kept, _MAX_SPECTRAL_LIGHTS if of_spectra else _MAX_LIGHTS)
            self._kept[channels] = _Kept(band_light(self._settings, channels))
        kept = self._kept[channels]
        _make_room(kept.tables, _MAX_SPECTRAL_TABLES if of_spectra else _MAX_TABLES)
        return ModelMaker(self._settings, redshift, kept.light, spread, kept.tables)

    def _other_priors(self, prior):
        """Shapes of further priors of A_V that need enough effective models."""
        if not self._settings.under_priors or A_V not in prior.free:
            return ()
        return tuple(shape for shape in PRIORS.values() if shape != prior.shape(A_V))

    def _summarise(self, galaxy, data, chain, joint, rng):
        """Equally weighted draws and diagnostics."""
        weight, models, likelihood = chain.weight, chain.models, chain.likelihood
        prior, maker = chain.pool.prior, chain.pool.maker
        information, edge = prior_diagnostics(prior.free, models.cube, weight, chain.ess)
        best = int(np.argmax(likelihood.log_weight))
        under = self._settings.under_priors
        norm = _log_norm(galaxy)
        draws, drawn, taken, residuals = _draws(data, chain, joint, rng)
        own = _numbers(galaxy, maker)
        flux = taken.flux * 10.0 ** draws["log_mass_formed"][:, np.newaxis]
        return Posterior(
            draws=draws,
            prior=prior,
            cube=models.cube[drawn],
            a_v_under=draws_under_priors(prior, models.cube, weight, rng) if under else {},
            chi2=float(likelihood.chi2[best]),
            fit_probability=fit_probability(residuals.chi2, galaxy.n_data),
            ess=chain.ess,
            log_evidence=float(chain.log_sum + norm - joint.log_norm),
            information=information,
            edge=edge,
            best=_best_fit(galaxy, chain, best, maker),
            seds=_seds(galaxy, models.cube[drawn], draws["log_mass_formed"], maker),
            outlier=None if residuals.outlier is None else residuals.outlier[own],
            predicted=Prediction.of(flux[:, own]),
            fractional_error=residuals.fractional_error,
            spectral=residuals.spectral,
            best_values=_best_values(chain, best),
            spectrum=_spectrum(galaxy, flux[:, maker.channels.of_pixels] * residuals.calibration),
        )


@dataclass(frozen=True, eq=False)
class _Kept:
    """Spectra of a set of bands, tables made of them, and parts of pools of a free redshift."""

    light: BandLight
    tables: dict = field(default_factory=dict)
    parts: dict = field(default_factory=dict)


@cache
def _libraries():
    """The libraries of linear algebra, which take some milliseconds to find."""
    return ThreadpoolController()


def _brightness(galaxy):
    """Squared signal-to-noise ratio of all data of a galaxy."""
    return np.sum((galaxy.flux / galaxy.flux_err) ** 2)


def _next_number(chain, number, wanted):
    """How many models to draw, from how many the last ones made effective."""
    effort = search_effort(len(chain.pool.axes))
    few, many = effort * FEW, effort * _MANY
    if number < _FOUND or not chain.proposals:
        return few
    lacking = (wanted - number) / number * chain.proposals[-1].n
    return int(np.clip(_STEP * np.ceil(_MARGIN * lacking / _STEP), few, many))


def _weighed(chain, data, joint, rng):
    """Models weighted by joint priors."""
    likelihood = joint.weigh(chain.models, chain.likelihood, data.draw_masses, rng)
    return replace(chain, likelihood=likelihood)


def _tilted(chain, shape):
    """Logarithms of weights under the own prior of A_V, or one of another shape."""
    if shape is None:
        return chain.log_importance
    return chain.log_importance + chain.pool.prior.log_ratio_to(shape, A_V, chain.models.cube)


def _make_room(kept, most):
    """Remove the oldest items, so that one more does not exceed the limit."""
    while len(kept) >= most:
        kept.pop(next(iter(kept)))


def _refuse_impossible(galaxy, likelihood):
    """Raise an error for a galaxy for which no model of the pool is possible."""
    if not np.any(np.isfinite(likelihood.log_weight)):
        msg = (
            f"no model of the prior has light at redshift {galaxy.redshift:g} in the bands "
            f"{', '.join(galaxy.used_bands)} that is near their fluxes and limits"
        )
        raise RuntimeError(msg)


def _log_norm(galaxy):
    """Logarithm of the factor of the likelihood that depends on the errors only.

    Likelihoods of Bagpipes are in flux densities per unit wavelength, and have no such factor for
    spectra.
    """
    log_error = np.log(galaxy.flux_err) + _log_per_wavelength(galaxy.bands)
    log_error = np.append(log_error, np.log(galaxy.lines.error))
    return -float(np.sum(log_error)) - 0.5 * log_error.size * np.log(2.0 * np.pi)


@lru_cache(maxsize=64)
def _log_per_wavelength(bands):
    """Logarithms of 1 nJy in the bands, in the flux densities of Bagpipes."""
    pivots = [get_band(band).pivot for band in bands] * u.AA
    unit = np.ones(len(bands)) * FLUX_UNIT
    return np.log(unit.to_value(SPECTRAL_UNIT, u.spectral_density(pivots)))


def _draws(data, chain, joint, rng):
    """Equally weighted draws of all quantities, the models and their numbers, and residuals."""
    models, likelihood = chain.models, chain.likelihood
    drawn = stratified_draw(chain.weight, N_DRAWS, rng, models.quantities["A_V"])
    if models.flux.shape[1]:
        taken = models.take(drawn)
    else:
        different, place = np.unique(drawn, return_inverse=True)
        taken = chain.pool.maker.at(models.cube[different]).take(place)
    masses = joint.choose(taken, likelihood[drawn], data.draw_masses, rng)
    draws = {
        name: values + masses if _has_mass(name) else values
        for name, values in taken.quantities.items()
    }
    prior = chain.pool.prior
    if "redshift" in prior.free:
        # Parameters are even between tabulated redshifts, at which quantities are.
        place = taken.cube[:, prior.free.index("redshift")]
        draws["redshift"] = prior.quantile("redshift", place)
    residuals = data.residuals(taken, masses, rng)
    return draws | {"log_mass_formed": masses}, drawn, taken, residuals


def _spectrum(galaxy, flux):
    """Mean and standard deviation (2, n_pixels) of fluxes of draws in nJy, None if no spectrum."""
    if galaxy.spectrum is None:
        return None
    return np.array([flux.mean(axis=0), flux.std(axis=0)]) / nanojansky(galaxy.spectrum[:, 0])


@cache
def _has_mass(name):
    """Whether a quantity of models of one solar mass scales with their mass."""
    return name in QUANTITIES and QUANTITIES[name].luminosity_power == 1.0


def _numbers(galaxy, maker):
    """Numbers of the bands of a galaxy among those of the models."""
    positions = maker.channels.positions
    return [positions[band] for band in galaxy.used_bands]


def _best_fit(galaxy, chain, best, maker):
    """The most likely model with and without dust, None if not requested."""
    if galaxy.sed_wavelength is None:
        return None
    cube, mass = chain.models.cube[[best]], 10.0 ** _best_log_mass(chain, best)
    lights = [
        mass * maker.flux(cube, wavelength, dust=dust)[0]
        for wavelength in (None, galaxy.sed_wavelength)
        for dust in (True, False)
    ]
    own = _numbers(galaxy, maker)
    return BestFit(*(light[own] for light in lights[:2]), *lights[2:])


def _seds(galaxy, cube, log_mass, maker):
    """Flux densities of some draws at the requested wavelengths, None if there are none."""
    if galaxy.sed_wavelength is None:
        return None
    mass = 10.0 ** log_mass[:N_SEDS, np.newaxis]
    return Prediction.of(mass * maker.flux(cube[:N_SEDS], galaxy.sed_wavelength))


def _best_log_mass(chain, best):
    """Log10 of the mass formed of a model that fits best within its limits."""
    limits = 10.0 ** chain.models.low[best], 10.0 ** chain.models.high[best]
    return float(np.log10(np.clip(chain.likelihood.best[best], *limits)))


def _best_values(chain, best):
    """Quantities of the most likely model."""
    mass = _best_log_mass(chain, best)
    values = {name: float(one[best]) for name, one in chain.models.quantities.items()}
    values = {name: value + mass * _has_mass(name) for name, value in values.items()}
    return values | {"log_mass_formed": mass}
