"""The reference engine: the likelihood of Bagpipes under a seeded nested sampler.

It runs inside the worker process.  Bagpipes' own ``fit`` is not used: it keeps results in the
working directory and takes them for answers later, evaluates file content and draws unseeded.
"""

import os
import warnings
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from dustest.data.bands import get_band
from dustest.data.errors import MissingDependencyError
from dustest.estimators._bagpipes_igm import load_bagpipes
from dustest.estimators._bagpipes_model import DUST_LAWS, fit_instructions

__all__ = [
    "LOG_SSFR_FLOOR",
    "N_DRAWS",
    "Galaxy",
    "Posterior",
    "Settings",
    "clean_spectrum",
    "filter_lines",
    "fit_galaxy",
    "prior_diagnostics",
    "quiet",
    "systematic_draw",
]

N_DRAWS = 1000
LOG_SSFR_FLOOR = -14.0
_N_INFORMATION_BINS = 32
_EDGE = 0.02
_IGNORED_ERROR = 1e99
# One network in place of nautilus' four: the same evidence and percentiles in 0.6 of the time.
_N_NETWORKS = 1
_MICROJANSKY_PER_NANOJANSKY = 1e-3
# Resolving power of NIRSpec's prism against micron, from the dispersion curve that comes with
# the JWST user documentation (Jakobsen et al. 2022, A&A 661, A80).
_PRISM_MICRON = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5)
_PRISM_POWER = (91, 64, 49, 40, 35, 32, 30, 34, 49, 72, 101, 137, 180, 229, 286, 350)


@dataclass(frozen=True)
class Settings:
    """What is fitted and how, the same for every galaxy.

    Parameters
    ----------
    sfh, dust_law : str
        Names in `SFHS` and `DUST_LAWS`.
    priors : dict or None
        Flat mapping of priors that replace the defaults.
    free_redshift : bool
        Whether the redshift is fitted where it has an error.
    sfr_timescale : float
        Time over which the star-formation rate is averaged [yr].
    error_floor : float
        Relative error of the photometry added in quadrature.
    resolution : str, float or None
        Resolving power of the spectra, ``"prism"`` or None for infinite.
    n_live, n_effective : int
        Live points and effective posterior samples of the sampler.
    """

    sfh: str
    dust_law: str
    priors: dict | None
    free_redshift: bool
    sfr_timescale: float
    error_floor: float
    resolution: str | float | None
    n_live: int
    n_effective: int


@dataclass(frozen=True)
class Galaxy:
    """The usable data of one galaxy.

    Parameters
    ----------
    redshift, redshift_err : float
        Redshift and its standard deviation, NaN for unknown.
    bands : tuple of str
        Names of the bands.
    flux, flux_err : ndarray of shape (n_bands,)
        Flux densities and errors [nJy], finite, the errors positive.
    spectrum : ndarray of shape (n_wave, 3) or None
        Observed wavelength [Angstrom], flux density and error [erg / (s cm2 Angstrom)].
    seed : int
        Seed of this galaxy.
    """

    redshift: float
    redshift_err: float
    bands: tuple
    flux: np.ndarray
    flux_err: np.ndarray
    spectrum: np.ndarray | None
    seed: int


@dataclass(frozen=True)
class Posterior:
    """The posterior of one galaxy.

    Parameters
    ----------
    a_v, e_bv, log_ssfr, log_mass : ndarray of shape (N_DRAWS,)
        Equally weighted joint draws [mag, mag, log10 yr^-1, log10 solar mass].
    chi2 : float
        Chi-squared of the most likely model.
    ess : float
        Effective number of posterior samples.
    log_evidence : float
        Natural logarithm of the evidence.
    information : float
        Bits that the data add to the prior of A_V; NaN where A_V is not free.
    edge : float
        Posterior probability of the outermost 2 % of the prior of A_V, of the fuller side.
    """

    a_v: np.ndarray
    e_bv: np.ndarray
    log_ssfr: np.ndarray
    log_mass: np.ndarray
    chi2: float
    ess: float
    log_evidence: float
    information: float
    edge: float


@dataclass(frozen=True)
class _Chain:
    """Weighted samples: unit cube, weights that sum to one, log-likelihood, derived values."""

    cube: np.ndarray
    weight: np.ndarray
    log_likelihood: np.ndarray
    derived: np.ndarray
    ess: float
    log_evidence: float


def fit_galaxy(galaxy, settings):
    """Fit one galaxy.

    Parameters
    ----------
    galaxy : Galaxy
        Its data.
    settings : Settings
        The model and the sampler.

    Returns
    -------
    posterior : Posterior
        Draws and diagnostics; the same bytes for the same input and seed.

    Raises
    ------
    MissingDependencyError
        If Bagpipes or nautilus is not installed.
    """
    with quiet(), threadpool_limits(1):
        fitted = _fitted_model(galaxy, settings)
        chain = _sample(fitted, settings, galaxy.seed)
        return _summarise(fitted, chain, settings, galaxy.seed)


@contextmanager
def quiet():
    """Drop what Bagpipes prints and warns about; points it cannot model are rejected anyway.

    Yields
    ------
    None
        Nothing.
    """
    with warnings.catch_warnings(), open(os.devnull, "w") as null, redirect_stdout(null):
        for category in (RuntimeWarning, ResourceWarning):
            warnings.simplefilter("ignore", category)
        with np.errstate(all="ignore"):
            yield


def _fitted_model(galaxy, settings):
    """Bagpipes' fitted model of one galaxy."""
    pipes = load_bagpipes()
    free = settings.free_redshift and 0 < galaxy.redshift_err < np.inf
    instructions = fit_instructions(
        settings.sfh,
        settings.dust_law,
        galaxy.redshift,
        galaxy.redshift_err if free else None,
        settings.priors,
    )
    if galaxy.spectrum is not None and settings.resolution is not None:
        instructions["R_curve"] = _resolution_curve(settings.resolution, galaxy.spectrum[:, 0])
    data = _bagpipes_galaxy(pipes, galaxy, settings.error_floor)
    return pipes.fitting.fitted_model(data, instructions)


def _bagpipes_galaxy(pipes, galaxy, error_floor):
    """Bagpipes' container of the data, whose name is a number and never a path of the user's."""
    tables = []
    if galaxy.spectrum is not None:
        tables.append(galaxy.spectrum.copy())
    if galaxy.bands:
        error = np.hypot(galaxy.flux_err, error_floor * galaxy.flux)
        tables.append(np.column_stack([galaxy.flux, error]) * _MICROJANSKY_PER_NANOJANSKY)
    return pipes.galaxy(
        int(galaxy.seed),
        load_data=lambda _: tables if len(tables) == 2 else tables[0],
        spectrum_exists=galaxy.spectrum is not None,
        photometry_exists=bool(galaxy.bands),
        filt_list=[filter_lines(name) for name in galaxy.bands],
    )


def filter_lines(name):
    """Curve of a band as the lines of a file, which numpy's reader takes in place of a path.

    Bagpipes reads its curves from files and keys them by their names; a tuple of lines can be
    both, and nothing is left on disk when the process is killed.

    Parameters
    ----------
    name : str
        Name of the band.

    Returns
    -------
    lines : tuple of str
        Wavelength [Angstrom] and transmission, a line for each point of the curve.
    """
    band = get_band(name)
    curve = zip(band.wavelength, band.transmission, strict=True)
    return tuple(f"{wavelength} {value}" for wavelength, value in curve)


def _resolution_curve(resolution, wavelength):
    """Resolving power against wavelength [Angstrom], for Bagpipes."""
    if resolution == "prism":
        return np.column_stack([np.multiply(_PRISM_MICRON, 1e4), _PRISM_POWER])
    return np.column_stack([wavelength[[0, -1]], [resolution, resolution]])


def clean_spectrum(wavelength, flux, error):
    """Spectrum as Bagpipes can take it.

    Pixels without a value stay, with an error that takes their weight away: Bagpipes derives
    the widths of the pixels from their neighbours, so that a gap would widen them.

    Parameters
    ----------
    wavelength, flux, error : ndarray of shape (n_wave,)
        Observed wavelength [Angstrom], flux density and error [erg / (s cm2 Angstrom)].

    Returns
    -------
    spectrum : ndarray of shape (n_pixels, 3) or None
        Ascending in wavelength; None if fewer than two pixels are usable.
    """
    finite = np.flatnonzero(np.isfinite(wavelength))
    order = finite[np.unique(wavelength[finite], return_index=True)[1]]
    table = np.column_stack([wavelength, flux, error])[order]
    good = np.all(np.isfinite(table), axis=1) & (table[:, 2] > 0)
    if good.sum() < 2 or not np.any(table[good, 1]):
        return None
    table[~good, 1:] = table[good, 1].max(), _IGNORED_ERROR
    first, last = np.flatnonzero(good)[[0, -1]]
    return table[first : last + 1]


def _sample(fitted, settings, seed):
    """Weighted posterior samples of a fitted model."""
    try:
        from nautilus import Sampler
    except ImportError as error:
        msg = 'nautilus-sampler is not installed; pip install "dustest[sed]"'
        raise MissingDependencyError(msg) from error
    sampler = Sampler(
        _unit_cube,
        lambda cube: _evaluate(fitted, cube, settings.sfr_timescale),
        n_dim=fitted.ndim,
        n_live=settings.n_live,
        n_networks=_N_NETWORKS,
        seed=int(seed),
        pool=None,
        filepath=None,
        blobs_dtype=float,
    )
    sampler.run(n_eff=settings.n_effective, verbose=False)
    cube, log_weight, log_likelihood, derived = sampler.posterior(return_blobs=True)
    weight = np.exp(log_weight - log_weight.max())
    return _Chain(
        cube,
        weight / weight.sum(),
        log_likelihood,
        derived,
        float(sampler.n_eff),
        float(sampler.log_z),
    )


def _unit_cube(cube):
    """The cube itself: Bagpipes' transform is part of the likelihood, so that the cube stays."""
    return cube


def _evaluate(fitted, cube, timescale):
    """Log-likelihood, log10 sSFR [yr^-1], log10 of the living mass and chi-squared of a point."""
    log_likelihood = fitted.lnlike(fitted.prior.transform(np.array(cube)))
    sfh = fitted.model_galaxy.sfh
    chi2 = getattr(fitted, "chisq_phot", 0.0) + getattr(fitted, "chisq_spec", 0.0)
    return log_likelihood, _log_ssfr(sfh, timescale), float(sfh.stellar_mass), chi2


def _log_ssfr(sfh, timescale):
    """Log10 of star formation over the last ``timescale`` years by living mass, with a floor."""
    overlap = np.clip(timescale - sfh.age_lhs[:-1], 0.0, sfh.age_widths)
    rate = np.sum(sfh.sfh * overlap) / timescale
    return max(float(np.log10(rate) - sfh.stellar_mass), LOG_SSFR_FLOOR)


def _summarise(fitted, chain, settings, seed):
    """Equally weighted draws and diagnostics of a chain."""
    rng = np.random.default_rng([int(seed), 1])  # apart from the stream of the sampler
    drawn = systematic_draw(chain.weight, N_DRAWS, rng)
    physical = np.array([fitted.prior.transform(cube.copy()) for cube in chain.cube[drawn]])
    values = _fixed_values(fitted.fit_instructions) | dict(
        zip(fitted.params, physical.T, strict=True)
    )
    a_v = np.broadcast_to(values["dust:Av"], N_DRAWS).astype(float)
    log_ssfr, log_mass, _ = chain.derived[drawn].T
    information, edge = prior_diagnostics(fitted.params, chain.cube, chain.weight, chain.ess)
    return Posterior(
        a_v=a_v,
        e_bv=a_v / DUST_LAWS[settings.dust_law].r_v(values),
        log_ssfr=log_ssfr,
        log_mass=log_mass,
        chi2=float(chain.derived[np.argmax(chain.log_likelihood), 2]),
        ess=chain.ess,
        log_evidence=chain.log_evidence,
        information=information,
        edge=edge,
    )


def _fixed_values(instructions):
    """Values of the dust parameters that are plain numbers, by flat name."""
    return {
        f"dust:{key}": value
        for key, value in instructions["dust"].items()
        if not isinstance(value, (str, tuple))
    }


def systematic_draw(weight, n, rng):
    """Draw with replacement, in random order, with the least possible noise.

    Parameters
    ----------
    weight : ndarray of shape (m,)
        Weights that sum to one.
    n : int
        Number of draws.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    ndarray of shape (n,)
        Indices.
    """
    positions = (rng.random() + np.arange(n)) / n
    indices = np.searchsorted(np.cumsum(weight), positions).clip(max=len(weight) - 1)
    return rng.permutation(indices)


def prior_diagnostics(parameters, cube, weight, ess):
    """Say how far the data went beyond the prior of A_V.

    Parameters
    ----------
    parameters : sequence of str
        Names of the free parameters.
    cube : ndarray of shape (n, n_parameters)
        Samples in the unit cube.
    weight : ndarray of shape (n,)
        Their weights, which sum to one.
    ess : float
        Their effective number.

    Returns
    -------
    information : float
        Bits that the data add; NaN where A_V is not free.
    edge : float
        Posterior probability at the fuller edge of the prior.
    """
    if "dust:Av" not in parameters:
        return np.nan, np.nan
    coordinate = cube[:, list(parameters).index("dust:Av")]
    low = weight[coordinate < _EDGE].sum()
    high = weight[coordinate > 1.0 - _EDGE].sum()
    return _information(coordinate, weight, ess), float(max(low, high))


def _information(coordinate, weight, ess):
    """Kullback-Leibler divergence of posterior from prior [bits].

    In the coordinate of the unit cube the prior is flat, so that the divergence is the entropy
    that a histogram lacks; the bias of a small sample is taken off (Miller 1955).
    """
    probability, _ = np.histogram(
        coordinate, bins=_N_INFORMATION_BINS, range=(0.0, 1.0), weights=weight
    )
    filled = probability[probability > 0]
    bits = np.sum(filled * np.log2(filled * _N_INFORMATION_BINS))
    bias = (len(filled) - 1) / (2.0 * ess * np.log(2.0))
    return float(max(bits - bias, 0.0))
