"""`infer_population`: distributions of a sample from the posteriors of all its galaxies."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from hashlib import blake2b
from numbers import Integral

import numpy as np
from astropy.table import QTable

from dustest.data.checks.numbers import check_number
from dustest.data.checks.values import to_floats
from dustest.data.containers.results import DustTable
from dustest.data.errors import DustestWarning, InputError
from dustest.data.files.paths import installed_version
from dustest.data.flags import FLAGS
from dustest.data.identity.describe import describe
from dustest.data.identity.seeds import as_generator
from dustest.data.messages import shown
from dustest.data.quantities import QUANTITIES, check_quantity, percentile_columns
from dustest.studies.populations.constraints import LEAST_ESS, unconstrained
from dustest.studies.populations.gathering import gather, is_draws
from dustest.studies.populations.result import InferredPopulation, PopulationSet
from dustest.studies.populations.selection import detection_probability
from dustest.studies.populations.smooth_density import SmoothPrior, sample_densities
from dustest.studies.populations.value_bins import (
    galaxy_likelihoods,
    make_bins,
    prior_fractions_of,
)

__all__ = ["infer_population"]

_MOST_QUANTITIES = 3
_LEAST_GALAXIES = 10
_LEAST_DRAWS = 100
_N_DENSITIES = 600
_N_PRIORS = 9
"""Priors from draws: of all, and of bootstrap samples, whose scatter is an error."""
_PERCENTILES = (16.0, 50.0, 84.0)
_SEED_LIMIT = 2**62


def infer_population(
    estimator,
    sample=None,
    *,
    quantities="A_V",
    trend=(),
    selection=None,
    prior=None,
    n_draws=1000,
    random_state=None,
):
    """Infer the distribution of A_V, or of several quantities, from all posteriors of a sample.

    Medians of single galaxies are pulled towards the prior and scattered by errors, so that their
    distribution is not that of the sample. Here the posterior of each galaxy is divided by its
    prior, and a smooth density is fitted to these likelihoods of all galaxies together. The
    starting prior then matters little.

    Parameters
    ----------
    estimator : DustEstimator, dict of str to DustEstimator, DustTable, or dict of str to array
        A fitted estimator with a posterior and a proper prior, or several by name; a table with
        draws, from ``estimate(sample, draws=1000)``; or draws of shape (n, n_draws) by quantity.
    sample : GalaxySample or anything that `~dustest.data.as_sample` takes, optional
        n galaxies; only needed for covariates if draws are given.
    quantities : str or tuple of str, optional
        Up to three quantities, whose joint distribution is inferred.
    trend : str, sequence of str, or dict of str to array_like of shape (n,), optional
        Covariates on which the distribution depends: columns of the sample or of the table, or
        values by name, such as redshift or M_UV. They have no errors.
    selection : callable or (Table, array_like of bool), optional
        Probability of detection: a function of arrays of the quantities, in this order; or the
        true values of simulated galaxies, with all that were too faint, and whether each of them
        is detected. The result is then the distribution before the selection.
    prior : frozen distribution of scipy.stats, array_like, or dict of str to these, optional
        Prior of the posteriors by quantity, as a distribution, or draws of shape (n_draws,) or
        (n, n_draws). Needed with draws; by default that of ``estimator.sample_prior``.
    n_draws : int, optional
        Draws from the posterior of each galaxy, at least 100.
    random_state : int, Generator or None, optional
        Seed. ``meta["random_seed"]`` of the result gives it again, also of one of several
        estimators.

    Returns
    -------
    population : InferredPopulation or PopulationSet
        Density, mean, width and fractions with their errors, and the galaxies under the
        population in ``posteriors``; or those of several estimators by name.

    Raises
    ------
    InputError
        If the input is invalid, a prior is improper or missing, or there are fewer than ten
        galaxies with a posterior.

    Warns
    -----
    DustestWarning
        If an estimator is not calibrated, or galaxies without posterior are left out.

    Notes
    -----
    The density is a histogram in the latent values of each quantity (asinh(A_V / 0.1 mag),
    ln R_V), with a Gaussian prior of its logarithm that penalises third differences: without
    evidence for other shapes, it is normal. How far it may deviate is averaged over, and so is
    an excess in the first bin, for galaxies without dust, if A_V (or another single quantity that
    is not negative) is inferred. The posterior is sampled by Hamiltonian Monte Carlo. Bands
    include the errors of single galaxies, their number and, by a Bayesian bootstrap, the noise of
    priors that are learned or given as draws; not those of a wrong calibration.

    A trend multiplies the density of each galaxy by an exponential of the standardised latent
    value times the standardised covariate, so that the mean depends linearly on the
    covariate where changes are small. The density is that of the sample, averaged over it.

    The likelihood is that of the data given redshift and brightness: priors of networks depend on
    them, and the free mass of SED fits has the same effect. A selection by brightness therefore
    does not change likelihoods, and divides the distribution of the detected galaxies. It should
    come from simulated galaxies of the same brightness distribution.

    References
    ----------
    Hogg, Myers & Bovy 2010, ApJ 725, 2166 (importance weights); Silverman 1982, Ann. Statist.
    10, 795 (third differences); Loredo 2004, AIP Conf. Proc. 735, 195 (selection); Neal 2011,
    Handbook of Markov Chain Monte Carlo, chapter 5.

    Examples
    --------
    Galaxies with A_V of 0.5 mag on average, each measured with an error of 0.3 mag:

    >>> import numpy as np
    >>> from scipy import stats
    >>> from dustest import infer_population
    >>> rng = np.random.default_rng(1)
    >>> measured = rng.normal(0.5, 0.1, size=300) + rng.normal(0.0, 0.3, size=300)
    >>> draws = {"A_V": measured[:, None] + rng.normal(0.0, 0.3, size=(300, 500))}
    >>> flat = stats.uniform(-3.0, 8.0)
    >>> population = infer_population(draws, prior=flat, random_state=1)
    >>> mean, width = population.mean(), population.width()
    >>> abs(mean.value - 0.5) < 3 * mean.err, width.value < 0.25
    (True, True)
    """
    options = _Options(_checked_quantities(quantities), trend, selection, prior, n_draws)
    check_number(n_draws, "n_draws", _LEAST_DRAWS, kind=Integral)
    seed = _seed_of(random_state)
    if isinstance(estimator, Mapping) and not is_draws(estimator):
        if not estimator:
            msg = "estimator must have at least one estimator, got an empty dictionary"
            raise InputError(msg)
        return PopulationSet(
            {str(name): _infer(one, sample, options, seed) for name, one in estimator.items()}
        )
    return _infer(estimator, sample, options, seed)


@dataclass(frozen=True, eq=False)
class _Options:
    """Arguments of `infer_population` other than galaxies and seed."""

    quantities: tuple
    trend: object
    selection: object
    prior: object
    n_draws: int

    def describe(self, estimator):
        """These arguments and the estimator as JSON; draws are described by a digest."""
        given = {item.name: getattr(self, item.name) for item in fields(self)}
        given["estimator"] = estimator
        return json.dumps(
            {name: describe(value, name) for name, value in given.items()}, sort_keys=True
        )


def _seed_of(random_state):
    """A seed that gives the same result again: the one given, or a new one."""
    if isinstance(random_state, Integral) and not isinstance(random_state, bool):
        as_generator(random_state)
        return int(random_state)
    return int(as_generator(random_state).integers(_SEED_LIMIT))


def _checked_quantities(quantities):
    """Names of quantities as a tuple."""
    names = (quantities,) if isinstance(quantities, str) else tuple(quantities)
    if not 1 <= len(names) <= _MOST_QUANTITIES or len(set(names)) < len(names):
        msg = f"quantities must be one to {_MOST_QUANTITIES} different names, got {quantities!r}"
        raise InputError(msg)
    return tuple(check_quantity(name).name for name in names)


def _infer(estimator, sample, options, seed):
    """Population as one estimator sees it."""
    rng, names = np.random.default_rng(seed), options.quantities
    found = gather(estimator, sample, names, options.prior, options.n_draws, rng)
    covariates = _covariates(options.trend, found)
    used = _usable(found, names, covariates)
    draws = {name: found.draws[name][used] for name in names}
    priors = {name: found.prior[name][used] for name in names}
    bins = make_bins(draws, priors)
    selection = options.selection
    of_bins = None if selection is None else detection_probability(selection, bins)
    covariates = {name: values[used] for name, values in covariates.items()}
    n_priors = 1 if found.exact else _N_PRIORS
    results = _of_priors(bins, draws, priors, covariates, n_priors, rng)
    detected, atom, slopes = (
        np.concatenate([getattr(one, name) for one in results])
        for name in ("detected", "atom", "slopes")
    )
    assigned, weight, of_atom, acceptance = (
        np.mean([getattr(one, name) for one in results], axis=0)
        for name in ("assigned", "weight", "atom_probability", "acceptance")
    )
    percentiles = {name: _percentiles(bins, assigned, name) for name in names}
    meta = {
        "method": "infer_population",
        "version": installed_version("dustest"),
        "estimator": found.name,
        "random_seed": seed,
        "arguments": options.describe(estimator),
        "data": _digest({"posterior": found.draws, "prior": found.prior}),
        "n_galaxies": int(np.count_nonzero(used)),
        "selection": selection is not None,
        "acceptance": float(acceptance),
    }
    posteriors, ess = _posteriors(found, used, bins, weight, percentiles, rng)
    posteriors.meta.update(meta | {"uncertainty": "posterior", "prior": "population"})
    probability = detected if of_bins is None else detected / of_bins
    probability /= probability.sum(axis=1, keepdims=True)
    return InferredPopulation(
        bins=bins,
        probability=probability,
        n_central=len(results[0].detected),
        posteriors=posteriors,
        atom=atom,
        atom_probability=float(of_atom),
        trends=_trends(names, covariates, slopes),
        unconstrained=unconstrained(bins, of_atom, detected, assigned, of_bins, ess < LEAST_ESS),
        meta=meta,
    )


def _of_priors(bins, draws, priors, covariates, n_priors, rng):
    """Results with the prior of all draws, and with bootstrap samples of these draws."""
    smooth, results, modes = SmoothPrior(bins.shape), [], None
    for source in [None, *[rng] * (n_priors - 1)]:
        fractions = prior_fractions_of(bins, priors, source)
        likelihoods = galaxy_likelihoods(bins, draws, fractions, smooth.low_modes())
        fit = _Fit(bins, smooth, *likelihoods, covariates)
        results.append(fit.result(fractions, _N_DENSITIES // n_priors, rng, modes))
        modes = results[0].modes
    return results


def _digest(arrays):
    """Digest of arrays in hexadecimal, which shows whether two results have the same draws."""
    text = json.dumps(describe(arrays, "draws"), sort_keys=True)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _covariates(trend, found):
    """Covariates by name (dict of ndarray of shape (n,))."""
    if isinstance(trend, Mapping):
        columns = dict(trend)
    else:
        names = (trend,) if isinstance(trend, str) else tuple(trend)
        known = [] if found.table is None else found.table.colnames
        missing = [name for name in names if name not in known]
        if missing:
            msg = (
                f"trend must be columns of the sample, {shown(known)}, or values by name, got "
                f"{shown(missing)}"
            )
            raise InputError(msg)
        columns = {name: found.table[name] for name in names}
    n = len(found.ids)
    values = {name: to_floats(column, f"trend {name}") for name, column in columns.items()}
    for name, one in values.items():
        if one.shape != (n,):
            msg = f"trend {name} must have a value for each of {n} galaxies, got {one.shape}"
            raise InputError(msg)
    return values


def _usable(found, names, covariates):
    """Whether galaxies have a posterior, a prior and covariates."""
    arrays = [found.draws[name] for name in names] + [found.prior[name] for name in names]
    used = np.logical_and.reduce(
        [np.isfinite(values).all(axis=1) for values in arrays]
        + [np.isfinite(values) for values in covariates.values()]
    )
    n_used = int(np.count_nonzero(used))
    if n_used < _LEAST_GALAXIES:
        msg = (
            f"a population needs at least {_LEAST_GALAXIES} galaxies with a posterior, got "
            f"{n_used} of {len(used)}"
        )
        raise InputError(msg)
    if n_used < len(used):
        msg = (
            f"{len(used) - n_used} of {len(used)} galaxies have no posterior, prior or covariate "
            "and are left out of the population"
        )
        warnings.warn(msg, DustestWarning, stacklevel=4)
    return used


@dataclass(frozen=True, eq=False)
class _Fit:
    """Likelihoods of galaxies in bins, with their covariates."""

    bins: object
    prior: SmoothPrior
    likelihood: np.ndarray
    relative_prior: np.ndarray
    covariates: dict

    @property
    def pairs(self):
        """Each quantity with each covariate."""
        return [(name, other) for name in self.bins.names for other in self.covariates]

    @property
    def tilt(self):
        """Standardised latent values of bins, for each of the pairs."""
        columns = [self.bins.latent_of_each(name) for name, _ in self.pairs]
        columns = [(values - values.mean()) / values.std() for values in columns]
        return np.stack(columns, axis=1) if columns else np.empty((self.likelihood.shape[1], 0))

    @property
    def standardised(self):
        """Standardised covariates of galaxies, for each of the pairs."""
        columns = [self.covariates[other] for _, other in self.pairs]
        columns = [(one - one.mean()) / max(one.std(), 1e-12) for one in columns]
        return np.stack(columns, axis=1) if columns else np.empty((len(self.likelihood), 0))

    def sample(self, n_draws, rng, modes):
        """Draws of densities."""
        atom = len(self.bins.names) == 1 and self.bins.begins_at_zero(self.bins.names[0])
        return sample_densities(
            self.likelihood,
            self.relative_prior,
            self.prior,
            n_draws,
            rng,
            atom=atom,
            tilt=self.tilt,
            covariate=self.standardised,
            modes=modes,
        )

    def _factors(self, trend):
        """Change of the density of each galaxy by its covariates."""
        exponent = (self.standardised * trend) @ self.tilt.T
        return np.exp(exponent - exponent.max(axis=1, keepdims=True))

    def averaged(self, sampled):
        """Densities averaged over the galaxies, shape (n_draws, n_cells)."""
        if not self.pairs:
            total = self.relative_prior @ sampled.probability.T
            return sampled.probability * ((1.0 / total).T @ self.relative_prior) / len(total)
        averages = []
        for probability, trend in zip(sampled.probability, sampled.trend, strict=True):
            of_each = self.relative_prior * self._factors(trend) * probability
            averages.append(np.mean(of_each / of_each.sum(axis=1, keepdims=True), axis=0))
        return np.array(averages)

    def assigned(self, sampled):
        """Probability of each bin for each galaxy, shape (n, n_cells), averaged over draws."""
        if not self.pairs:
            marginal = self.likelihood @ sampled.probability.T
            return self.likelihood * ((1.0 / marginal) @ sampled.probability) / len(marginal.T)
        total = np.zeros_like(self.likelihood)
        for probability, trend in zip(sampled.probability, sampled.trend, strict=True):
            of_each = self.likelihood * self._factors(trend) * probability
            total += of_each / of_each.sum(axis=1, keepdims=True)
        return total / len(sampled.probability)

    def slopes(self, sampled):
        """Changes of means of quantities with covariates, shape (n_draws, n_pairs)."""
        slopes = np.empty(sampled.trend.shape)
        for number, (name, other) in enumerate(self.pairs):
            values, tilt = self.bins.of_each(name), self.tilt[:, number]
            covariance = sampled.probability @ (values * tilt)
            covariance -= (sampled.probability @ values) * (sampled.probability @ tilt)
            slopes[:, number] = sampled.trend[:, number] * covariance
            slopes[:, number] /= self.covariates[other].std()
        return slopes

    def result(self, fractions, n_draws, rng, modes):
        """Draws of densities, and what follows for the galaxies."""
        sampled = self.sample(n_draws, rng, modes)
        assigned = self.assigned(sampled)
        of_posterior = self.likelihood * fractions.mean(axis=0)
        return _Result(
            detected=self.averaged(sampled),
            assigned=assigned,
            weight=np.divide(
                assigned, of_posterior, out=np.zeros_like(assigned), where=of_posterior > 0.0
            ),
            slopes=self.slopes(sampled),
            atom=sampled.atom,
            atom_probability=sampled.atom_probability,
            acceptance=sampled.acceptance,
            modes=sampled.modes,
        )


@dataclass(frozen=True, eq=False)
class _Result:
    """Densities averaged over galaxies, probabilities of bins and weights of draws of galaxies."""

    detected: np.ndarray
    assigned: np.ndarray
    weight: np.ndarray
    slopes: np.ndarray
    atom: np.ndarray
    atom_probability: float
    acceptance: float
    modes: dict


def _trends(names, covariates, slopes):
    """Table of the slopes of quantities with covariates, from draws of each pair."""
    pairs = [(name, other) for name in names for other in covariates]
    rows = [
        {
            "quantity": name,
            "covariate": other,
            "slope": float(slopes[:, number].mean()),
            "slope_err": float(slopes[:, number].std()),
        }
        for number, (name, other) in enumerate(pairs)
    ]
    columns = ("quantity", "covariate", "slope", "slope_err")
    return QTable(rows) if rows else QTable(names=columns, dtype=(str, str, float, float))


def _percentiles(bins, assigned, name):
    """Percentiles of one quantity by galaxy, shape (3, n), from probabilities of bins."""
    cumulative = np.cumsum(bins.marginal(assigned, name), axis=1)
    cumulative = np.pad(cumulative / cumulative[:, -1:], ((0, 0), (1, 0)))
    levels = np.array(_PERCENTILES) / 100.0
    edges = bins.edges[name]
    return np.array([np.interp(levels, one, edges) for one in cumulative]).T


def _posteriors(found, used, bins, weight, percentiles, rng):
    """Table of galaxies under the population, and their effective numbers of draws.

    ``weight`` is that of a draw in each bin, shape (n, n_cells). ``percentiles`` are those of the
    quantities of the population by their bins, for galaxies with few effective draws.
    """
    rows = np.flatnonzero(used)
    place = bins.place({name: found.draws[name][rows] for name in bins.names})
    of_draws = np.take_along_axis(weight, place, axis=1) + np.finfo(float).tiny
    of_draws /= of_draws.sum(axis=1, keepdims=True)
    ess = 1.0 / np.sum(of_draws**2, axis=1)
    n_draws = of_draws.shape[1]
    ends = (np.arange(n_draws) + rng.random((len(rows), 1))) / n_draws
    cumulative = np.cumsum(of_draws, axis=1)
    cumulative[:, -1] = 1.0
    chosen = np.array(
        [np.searchsorted(one, end) for one, end in zip(cumulative, ends, strict=True)]
    )
    chosen = rng.permuted(chosen, axis=1)
    few, columns, extra = ess < LEAST_ESS, {}, {}
    for name, values in found.draws.items():
        drawn = np.full((len(used), n_draws), np.nan)
        drawn[rows] = np.take_along_axis(values[rows], chosen, axis=1)
        summary = np.full((3, len(used)), np.nan)
        summary[:, rows] = np.percentile(drawn[rows], _PERCENTILES, axis=1)
        if name in percentiles:
            summary[:, rows[few]] = percentiles[name][:, few]
        low, high = percentile_columns(name)
        columns |= dict(zip((low, name, high), summary, strict=True))
        unit = QUANTITIES[name].unit
        extra[f"{name}_draws"] = drawn if unit is None else drawn << unit
    flags = np.full(len(used), FLAGS["NO_DATA"].value, dtype=np.int32)
    flags[rows] = np.where(ess < LEAST_ESS, FLAGS["LOW_ESS"].value, 0)
    n_effective = np.full(len(used), np.nan)
    n_effective[rows] = ess
    table = DustTable.from_quantities(
        found.ids,
        columns,
        flags=flags,
        extra=extra | {"under_ess": n_effective},
    )
    return table, ess
