"""Fits of the bins of one galaxy."""

import warnings
from inspect import signature

import numpy as np
from astropy.table import vstack

from dustest.data.checks.numbers import check_whole
from dustest.data.containers.results import rows_without_result
from dustest.data.containers.reweighting import DRAWS
from dustest.data.containers.sample import GalaxySample
from dustest.data.errors import DustestWarning, InputError, InputTypeError
from dustest.data.kinds import find_column
from dustest.data.messages import did_you_mean
from dustest.data.quantities import QUANTITIES, percentile_columns
from dustest.estimators.base import DustEstimator
from dustest.resolved.attenuation_maps import F_RATIO, AttenuationMaps
from dustest.resolved.binned_galaxy import BinnedGalaxy, bin_cutouts

__all__ = ["map_attenuation"]

_OWN = ("cutouts", "redshift")
"""Arguments of `bin_cutouts` that `map_attenuation` has itself."""
_EXTRA = ("beta", "log_mass", "log_SFR_100")
_PERCENTILES = (50.0, 16.0, 84.0)
_NEBULAR = ("A_V_nebular", "E_BV_nebular")


def map_attenuation(
    cutouts,
    redshift=None,
    estimator=None,
    *,
    line_estimator=None,
    draws=200,
    n_jobs=None,
    progress=None,
    **binning,
):
    """Map the attenuation of one galaxy: bin its pixels and fit every bin.

    Parameters
    ----------
    cutouts : dict of str to NDData, str, path-like, HDUList, Row, Table or BinnedGalaxy
        Images of all bands, as for `bin_cutouts`, or its result.
    redshift : float, optional
        Redshift of the galaxy; by default that of the row.
    estimator : DustEstimator, optional
        Any estimator that takes fluxes; by default `~dustest.BagpipesEstimator` with the
        quantities ``beta``, ``log_mass`` and ``log_SFR_100``. All bins are one sample, so that
        they share tables at their redshift, and models with ``share_models=True``.
    line_estimator : DustEstimator, optional
        Any estimator that takes emission lines, for the maps of ``lines``; by default
        `~dustest.BalmerEstimator`.
    draws : int, optional
        Number of posterior draws of each bin that are kept, for the sums of masses and rates.
    n_jobs : int, optional
        Number of processes, as in ``estimate``.
    progress : bool, optional
        Whether to show progress, as in ``estimate``.
    **binning
        Further arguments of `bin_cutouts`: ``psf``, ``signal_to_noise``, ``min_pixels``,
        ``reference``, ``segmentation``, ``lines``, ``noise``, ``pixel_scale`` and ``unit``.

    Returns
    -------
    AttenuationMaps
        Maps of all quantities, with the results of the bins and of the whole galaxy.

    Raises
    ------
    InputError
        If the estimator does not take fluxes, or an argument of `bin_cutouts` or ``estimate`` is
        invalid.

    Warns
    -----
    DustestWarning
        If bins fail, or no bin has a result.

    See Also
    --------
    bin_cutouts : Bins and their fluxes, for instance to fit a calibration on other galaxies.

    Notes
    -----
    Quantities that have draws and no percentiles get those of their draws. With ``lines``, the
    columns ``A_V_nebular`` and ``E_BV_nebular`` are those of the gas, ``flags_nebular`` its flags,
    and ``f`` is the colour excess of the stars over that of the gas, draw by draw.

    Bins of one galaxy have low signal-to-noise ratios and many of them: where the prior decides
    A_V, it does so in each of them, and means over bins keep its bias. A calibration that is
    fitted on bins of simulated galaxies corrects it, see `dustest.CalibratedEstimator`.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from astropy.nddata import NDData
    >>> from dustest import MeurerEstimator
    >>> from dustest.resolved import map_attenuation
    >>> y, x = np.mgrid[-32:32, -32:32]
    >>> light = 9.0 * np.exp(-0.5 * (x**2 + y**2) / 5.0**2)
    >>> sky = np.random.default_rng(1).normal(size=(2, 64, 64))
    >>> images = {band: NDData(light + noise, unit=u.nJy)
    ...           for band, noise in zip(("F150W", "F200W"), sky)}
    >>> maps = map_attenuation(images, 7.1, MeurerEstimator(extra=("beta",)), psf="matched",
    ...                        pixel_scale=0.03, signal_to_noise=20)
    >>> maps
    AttenuationMaps(A_V, E_BV, R_V, beta of 9 bins by MeurerEstimator, redshift 7.1)
    >>> maps["beta"].data.shape, round(float(maps.integrated["beta"][0]))
    ((64, 64), -2)
    """
    check_whole(draws, "draws", minimum=0)
    _check_arguments(binning)
    estimator = _checked(estimator, "estimator", "flux", _default_estimator)
    galaxy = _as_galaxy(cutouts, redshift, binning)
    options = {"draws": draws, "n_jobs": n_jobs, "progress": progress}
    table = _estimate(estimator, galaxy, options, with_lines=False)
    _warn_of_empty_maps(table[:-1], galaxy.sample.bands)
    if galaxy.sample.lines:
        method = _checked(line_estimator, "line_estimator", "line", _default_line_estimator)
        _add_nebular(table, _estimate(method, galaxy, options, with_lines=True))
    return AttenuationMaps(galaxy, table[:-1], table[-1:])


def _default_estimator():
    """Fits of spectral energy distributions."""
    from dustest.estimators.bagpipes import BagpipesEstimator

    return BagpipesEstimator(extra=_EXTRA, share_models=True)


def _default_line_estimator():
    """Ratios of the lines of hydrogen."""
    from dustest.estimators.balmer import BalmerEstimator

    return BalmerEstimator()


def _checked(estimator, name, kind, default):
    """An estimator that needs no other data than those of a kind."""
    if estimator is None:
        return default()
    if not isinstance(estimator, DustEstimator):
        msg = f"{name} must be a DustEstimator, got {estimator!r:.60}: pass an object"
        raise InputError(msg)
    needed = [group for group in estimator.required_data if kind not in group]
    if needed:
        msg = (
            f"{name} must be one that takes a {kind} alone, got {type(estimator).__name__}, which "
            f"needs {needed[0][0]}: bins of pixels have none"
        )
        raise InputError(msg)
    return estimator


def _check_arguments(binning):
    """Refuse arguments that `bin_cutouts` does not have."""
    known = [name for name in signature(bin_cutouts).parameters if name not in _OWN]
    for name in binning:
        if name not in known:
            msg = (
                f"map_attenuation has no argument {name!r}: {did_you_mean(name, known)}those of "
                f"bin_cutouts are {', '.join(known)}"
            )
            raise InputTypeError(msg)


def _as_galaxy(cutouts, redshift, binning):
    """Bins of a galaxy, made where they are not given."""
    if not isinstance(cutouts, BinnedGalaxy):
        return bin_cutouts(cutouts, redshift, **binning)
    arguments = {"redshift": redshift, **binning}
    given = [name for name, value in arguments.items() if value is not None]
    if given:
        msg = (
            f"{given[0]} must be left out for cutouts that are a BinnedGalaxy, which has its own: "
            "pass it to bin_cutouts"
        )
        raise InputError(msg)
    return cutouts


def _estimate(estimator, galaxy, options, *, with_lines):
    """Results of all bins, and in the last row that of the sum of all pixels."""
    sample = GalaxySample(vstack([galaxy.sample, galaxy.total], metadata_conflicts="silent"))
    if not with_lines:
        # Stars and gas are compared, so that their fits share no data.
        found = {name: find_column(name) for name in sample.colnames}
        of_lines = [name for name, one in found.items() if one and one.kind.name == "line"]
        sample.remove_columns(of_lines)
    if estimator.uncertainty == "none":
        options = options | {"draws": 0}
    return _with_percentiles(estimator.estimate(sample, **options))


def _warn_of_empty_maps(table, bands):
    """Warn if no bin has an estimate of any quantity."""
    missing, names = rows_without_result(table)
    if missing.all():
        msg = (
            f"no bin has a result, with the flags {', '.join(names)}, from {len(bands)} bands: "
            "all maps are NaN; the estimator needs other or more bands"
        )
        warnings.warn(msg, DustestWarning, stacklevel=3)


def _with_percentiles(table):
    """Add percentiles of quantities that have draws."""
    for name, quantity in QUANTITIES.items():
        columns = (name, *percentile_columns(name))
        if DRAWS.format(name) in table.colnames and columns[1] not in table.colnames:
            values = _percentiles(np.asarray(table[DRAWS.format(name)]))
            for column, one in zip(columns, values, strict=True):
                table[column] = one if quantity.unit is None else one << quantity.unit
    return table


def _percentiles(draws):
    """Median, 16 and 84 % of draws, NaN for rows without any; of shape (3, n)."""
    known = np.isfinite(draws).all(axis=1)
    found = np.full((3, len(draws)), np.nan)
    if known.any() and draws.shape[1]:
        found[:, known] = np.percentile(draws[known], _PERCENTILES, axis=1)
    return found


def _add_nebular(table, nebular):
    """Add results of the gas, and the ratio of the colour excesses of stars and gas."""
    for name in _NEBULAR:
        for column in (name, *percentile_columns(name), DRAWS.format(name)):
            if column in nebular.colnames:
                table[column] = nebular[column]
    table["flags_nebular"] = nebular["flags"]
    names = DRAWS.format("E_BV"), DRAWS.format(_NEBULAR[1])
    if not set(names) <= set(table.colnames):
        return
    stars, gas = (np.asarray(table[name]) for name in names)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = stars / gas
    for column, one in zip(
        (F_RATIO, *percentile_columns(F_RATIO)), _percentiles(ratios), strict=True
    ):
        table[column] = one
