"""Forecast of the accuracy of SED fits in some bands, from mocks of the prior of the fits."""

from collections.abc import Mapping

import numpy as np
from astropy import units as u
from astropy.table import QTable, vstack
from sklearn.base import clone

from dustest.data.bands import get_band
from dustest.data.checks.numbers import check_range, check_whole
from dustest.data.checks.units import FLUX_UNIT
from dustest.data.containers.sample import GalaxySample
from dustest.data.errors import InputError
from dustest.data.identity.seeds import as_generator
from dustest.data.messages import not_one_of, shown
from dustest.data.quantities import QUANTITIES, percentile_columns
from dustest.estimators.bagpipes import BagpipesEstimator
from dustest.studies.band_sets import check_band_sets, flux_errors, union
from dustest.studies.forecast_record import EXPECTED, INFORMATION, TRUE, Forecast
from dustest.studies.quantile_information import LEVELS, quantile_bits

__all__ = ["forecast"]

_N_MODELS = 2**15
"""Models of the prior at each redshift, of which the mocks are those of the right magnitude."""
_LEVELS = (0.16, 0.5, 0.84)
_BRIGHTER = 3.0
"""Magnitudes from the depth of the reference band to the brightest mock, by default."""
_MAGNITUDES = (0.0, 50.0)
_LEAST_MOCKS = 3
_LARGEST_SEED = 2**62


def forecast(
    bands,
    depths,
    redshift,
    *,
    candidates=(),
    targets=("A_V", "log_sSFR"),
    magnitude=None,
    magnitude_band=None,
    estimator=None,
    n_mocks=384,
    random_state=None,
):
    """Forecast how well photometry in some bands measures dust and star formation.

    Mock galaxies are drawn from the prior of an SED fit, get the noise of the bands, and are
    fitted with each set of bands. The same galaxies with the same noise serve all sets, so that
    their differences are more accurate than each of them.

    Parameters
    ----------
    bands : sequence of str, sequence of sequences, or dict of str to sequence
        Bands, or several sets of bands to compare, with or without names. A set has at least two
        bands. Any band of `dustest.data.list_bands` or the SVO is allowed.
    depths : float, Quantity, dict of str to float or Quantity, sequence, str or Survey
        5-sigma depths in AB magnitudes, or standard errors with a unit of flux density: one for
        all bands, one for each (in the order of their first mention), by the name of the band, or
        the name of a survey (`dustest.simulate.surveys.list_surveys`). Errors are those of total
        fluxes.
    redshift : float or sequence of float
        Redshift, or several, at which there are equally many mocks.
    candidates : sequence of str, optional
        Bands that are added to ``bands``, one by one, to find what each would gain.
    targets : str or tuple of str, optional
        Quantities to forecast: those that follow from the parameters of a model, such as
        ``"A_V"``, ``"E_BV"``, ``"log_sSFR"`` and ``"log_mass"``.
    magnitude : (float, float), optional
        Brightest and faintest true AB magnitude of the mocks in ``magnitude_band``, over which the
        mocks are spread as in the prior (evenly, if the prior is flat in the logarithm of the
        mass). By default the three magnitudes above its depth.
    magnitude_band : str, optional
        Band of the magnitudes; by default the deepest of those in all sets, and the reddest of
        equally deep ones.
    estimator : BagpipesEstimator, optional
        The fit, with its priors, history, dust law and error floor; by default that of
        ``BagpipesEstimator()``. Its engine must be ``"tabulated"``.
    n_mocks : int, optional
        Number of mocks, for all redshifts together.
    random_state : int, Generator or None, optional
        Seed of mocks, noise and fits.

    Returns
    -------
    forecast : Forecast
        Its ``table``, ``gains`` and ``plot`` summarise the mocks.

    Raises
    ------
    InputError
        If an argument is invalid, a band is unknown, or too few models of the prior have such
        magnitudes.
    MissingDependencyError
        If Bagpipes is not installed.

    Notes
    -----
    The errors of the mocks include the ``error_floor`` and the ``template_error`` of the fit, as
    fractions of their true flux. The information is the Kullback-Leibler divergence from the prior
    to the posterior. Its mean over mocks of the prior is the mutual information of data and
    quantity, which further bands cannot lower, except by the noise of the mocks.

    A forecast is conditional on its models: galaxies whose dust, histories or redshifts differ
    from them have larger errors.

    References
    ----------
    Lindley 1956, Ann. Math. Statist. 27, 986 (information of an experiment).

    Examples
    --------
    >>> from dustest.studies import forecast
    >>> result = forecast(["F115W", "F200W", "F277W", "F444W"], 29.5, 7.0,
    ...                   candidates=["F770W"], random_state=1)  # doctest: +SKIP
    >>> result.table("A_V"), result.gains("A_V")  # doctest: +SKIP
    """
    sets = check_band_sets(bands, candidates)
    every = union(sets)
    errors = flux_errors(depths, every)
    n_mocks = check_whole(n_mocks, "n_mocks", minimum=_LEAST_MOCKS)
    rng = as_generator(random_state)
    fit = _prepared(estimator, targets, every, rng)
    reference = _reference_band(magnitude_band, sets, errors)
    limits = _magnitude_limits(magnitude, errors[every.index(reference)])
    models = fit.draw_models(_N_MODELS, every, redshift, random_state=rng)
    _check_targets(fit.targets, models.colnames)
    with np.errstate(divide="ignore"):  # no light blueward of the Lyman limit
        models["magnitude"] = models[f"flux_{reference}"].to_value(u.ABmag) << u.mag
    chosen = models[_choose(models, limits, reference, n_mocks)]
    relative = fit.relative_errors(every, chosen["redshift"])
    sample = _observe(chosen, sets, errors, relative, rng)
    quantiles = fit.predict_quantiles(sample, _LEVELS + LEVELS)
    parts = np.split(quantiles, len(sets))
    mocks = [_fitted(chosen, fit.targets, part, models) for part in parts]
    for name, part in zip(sets, mocks, strict=True):
        part.add_column([name] * len(part), name="bands", index=0)
    flux_err = dict(zip(every, errors.tolist(), strict=True))
    return Forecast(sets, vstack(mocks), reference, limits, flux_err)


def _prepared(estimator, targets, every, rng):
    """The fit with its targets, its seed, and the floors of the bands of the forecast."""
    fit = BagpipesEstimator() if estimator is None else estimator
    if not isinstance(fit, BagpipesEstimator) or fit.engine != "tabulated":
        msg = (
            "estimator must be a BagpipesEstimator with engine='tabulated', which has the models "
            f"of the mocks and fits hundreds of them in seconds, got {fit!r}"
        )
        raise InputError(msg)
    if fit.redshift == "free":
        msg = (
            "estimator must have redshift='fixed', since mocks have known redshifts, got "
            "redshift='free': give several values of redshift for a range"
        )
        raise InputError(msg)
    names = (targets,) if isinstance(targets, str) else tuple(targets)
    seed = int(rng.integers(_LARGEST_SEED))
    changes = {"targets": names, "extra": (), "escalate": False, "zero_points": None}
    if isinstance(fit.error_floor, Mapping):
        floors = fit.error_floor.items()
        changes["error_floor"] = {k: floor for k, floor in floors if get_band(k).name in every}
    return clone(fit).set_params(**changes, random_state=seed)


def _check_targets(targets, columns):
    """Raise an error for quantities that models do not have."""
    known = [name for name in columns if name in QUANTITIES]
    for name in targets:
        if name not in known:
            raise InputError(not_one_of("targets", name, known))


def _reference_band(band, sets, errors):
    """Band of the magnitudes."""
    every = union(sets)
    if band is not None:
        name = get_band(band).name
        if name not in every:
            msg = f"magnitude_band must be one of the bands {shown(every)}, got {band!r}"
            raise InputError(msg)
        return name
    shared = [name for name in every if all(name in bands for bands in sets.values())] or every
    return min(shared, key=lambda name: (errors[every.index(name)], -get_band(name).pivot))


def _magnitude_limits(magnitude, error):
    """Brightest and faintest magnitude."""
    if magnitude is None:
        depth = float((5.0 * error * FLUX_UNIT).to_value(u.ABmag))
        return depth - _BRIGHTER, depth
    low, high = check_range(magnitude, "magnitude", *_MAGNITUDES)
    if low == high:
        msg = f"magnitude must be two magnitudes (brightest, faintest), got {magnitude!r}"
        raise InputError(msg)
    return low, high


def _choose(models, limits, reference, n_mocks):
    """Rows of the mocks: at each redshift the first models of the right magnitude."""
    low, high = limits
    magnitude = models["magnitude"].value
    redshifts = np.unique(models["redshift"])
    shares = [len(part) for part in np.array_split(np.arange(n_mocks), len(redshifts))]
    chosen = []
    for redshift, share in zip(redshifts, shares, strict=True):
        at_redshift = models["redshift"] == redshift
        rows = np.flatnonzero(at_redshift & (magnitude >= low) & (magnitude <= high))
        if len(rows) < share:
            msg = (
                f"magnitude must leave {share} mocks at redshift {redshift:g}, but {len(rows)} of "
                f"{np.count_nonzero(at_redshift)} models of the prior have {low:.2f} to "
                f"{high:.2f} mag in {reference}: take a wider range, another magnitude_band or "
                "fewer mocks"
            )
            raise InputError(msg)
        chosen.append(rows[:share])
    return np.concatenate(chosen)


def _observe(models, sets, errors, relative, rng):
    """Noisy photometry of the mocks, once for each set of bands, NaN in bands of other sets."""
    every, n = union(sets), len(models)
    flux = np.stack([models[f"flux_{band}"].to_value(FLUX_UNIT) for band in every], axis=1)
    flux = flux + np.hypot(errors, relative * flux) * rng.standard_normal(flux.shape)
    sample = GalaxySample(
        {
            "id": np.arange(n * len(sets)),
            "redshift": np.tile(models["redshift"], len(sets)),
        }
    )
    for band, values, error in zip(every, flux.T, errors, strict=True):
        has_band = np.repeat([band in bands for bands in sets.values()], n)
        observed = np.where(has_band, np.tile(values, len(sets)), np.nan)
        sample[f"flux_{band}"] = observed << FLUX_UNIT
        sample[f"flux_err_{band}"] = np.where(has_band, error, np.nan) << FLUX_UNIT
    return sample


def _fitted(mocks, targets, quantiles, models):
    """Truth, estimates and information of the mocks with one set of bands."""
    table = QTable({name: mocks[name] for name in ("redshift", "magnitude")})
    for number, name in enumerate(targets):
        unit = QUANTITIES[name].unit
        median, low, high = quantiles[:, number, [1, 0, 2]].T
        table[TRUE + name] = mocks[name]
        columns = zip((name, *percentile_columns(name)), (median, low, high), strict=True)
        for column, values in columns:
            table[column] = values if unit is None else values << unit
        posterior = quantiles[:, number, len(_LEVELS) :]
        expected = np.mean(np.abs(posterior - median[:, np.newaxis]), axis=1)
        table[name + EXPECTED] = expected if unit is None else expected << unit
        table[name + INFORMATION] = _information(mocks, models, name, posterior)
    return table


def _information(mocks, models, name, quantiles):
    """Bits that the data add to the prior of a quantity at the redshift of each mock."""
    bits = np.full(len(mocks), np.nan)
    for redshift in np.unique(mocks["redshift"]):
        rows, at_redshift = (table["redshift"] == redshift for table in (mocks, models))
        bits[rows] = quantile_bits(quantiles[rows], np.asarray(models[name][at_redshift]))
    return bits
