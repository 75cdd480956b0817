"""The reference engine: the likelihood of Bagpipes with a seeded nested sampler.

It runs inside the worker process.  Bagpipes' own ``fit`` is not used: it stores results in the
working directory and reuses them later, evaluates file content and draws unseeded.
"""

import os
import warnings
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from threadpoolctl import threadpool_limits

from dustest.data.bands import get_band
from dustest.data.checks.units import FLUX_UNIT, SPECTRAL_UNIT
from dustest.data.errors import MissingDependencyError
from dustest.estimators._sed.bagpipes.loading import load_bagpipes
from dustest.estimators._sed.posterior import (
    IGNORED_ERROR,
    LOG_SSFR_FLOOR,
    N_DRAWS,
    N_SEDS,
    BestFit,
    Posterior,
    Prediction,
    draws_under_priors,
    fit_probability,
    prior_diagnostics,
    stratified_draw,
)
from dustest.estimators._sed.priors.defaults import BAGPIPES_REDSHIFT, fit_instructions
from dustest.estimators._sed.priors.fitted_law import fitted_law
from dustest.estimators._sed.priors.prior_transform import SEDPrior
from dustest.physics.resolution import resolving_power

__all__ = ["clean_spectrum", "filter_lines", "fit_galaxy", "quiet", "resolution_curve"]

# One network in place of nautilus' four: the same evidence and percentiles in 0.6 of the time.
_N_NETWORKS = 1
_MICROJANSKY_PER_NANOJANSKY = 1e-3
_LOG_YR_PER_GYR = 9.0
_SFR_TIMES = (1e7, 1e8)  # yr
_DERIVED = ("log_sSFR", "log_mass", "log_SFR_10", "log_SFR_100", "log_age")


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
        instructions = _instructions(galaxy, settings)
        fitted = _fitted_model(galaxy, settings, instructions)
        chain = _sample(fitted, settings, galaxy.seed)
        return _summarise(galaxy, settings, SEDPrior(instructions), fitted, chain)


@contextmanager
def quiet():
    """Suppress output and warnings of Bagpipes; points that it cannot model are rejected anyway.

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


def _instructions(galaxy, settings):
    """Fit instructions for one galaxy."""
    return fit_instructions(
        settings.sfh,
        settings.dust_law,
        galaxy.redshift,
        galaxy.redshift_spread if settings.free_redshift else None,
        settings.priors,
        highest=BAGPIPES_REDSHIFT,
    )


def _fitted_model(galaxy, settings, instructions):
    """Bagpipes' fitted model of one galaxy."""
    pipes = load_bagpipes()
    if galaxy.spectrum is not None and settings.resolution is not None:
        curve = resolution_curve(settings.resolution, galaxy.spectrum[:, 0])
        instructions = instructions | {"R_curve": curve}
    data = _bagpipes_galaxy(pipes, galaxy)
    return pipes.fitting.fitted_model(data, instructions)


def _bagpipes_galaxy(pipes, galaxy):
    """Bagpipes' container of the data, whose name is a number and never a path of the user."""
    tables = []
    if galaxy.spectrum is not None:
        tables.append(galaxy.spectrum.copy())
    if galaxy.bands:
        photometry = np.column_stack([galaxy.flux, galaxy.flux_err])
        tables.append(photometry * _MICROJANSKY_PER_NANOJANSKY)
    return pipes.galaxy(
        int(galaxy.seed),
        load_data=lambda _: tables if len(tables) == 2 else tables[0],
        spectrum_exists=galaxy.spectrum is not None,
        photometry_exists=bool(galaxy.bands),
        filt_list=[filter_lines(name) for name in galaxy.bands],
    )


def filter_lines(name):
    """Curve of a band as the lines of a file, which numpy's reader takes in place of a path.

    Bagpipes reads its curves from files and identifies them by their names; a tuple of lines can
    be both, and no file is left on disc if the process is killed.

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


def resolution_curve(resolution, wavelength):
    """Resolving power of the pixels of a spectrum.

    Parameters
    ----------
    resolution : str, float or None
        Disperser, see `~dustest.physics.resolving_power`, or None.
    wavelength : ndarray of shape (n_wave,)
        Observed wavelengths in Angstrom.

    Returns
    -------
    curve : ndarray of shape (n_wave, 2) or None
        Wavelengths and resolving power, None for infinite resolution.
    """
    if resolution is None:
        return None
    return np.column_stack([wavelength, resolving_power(wavelength, resolution)])


def clean_spectrum(wavelength, flux, error):
    """Spectrum in the form of Bagpipes.

    Pixels without a value are kept, with an error that removes their weight: Bagpipes derives the
    widths of the pixels from their neighbours, so that a gap would widen them, and has no light in
    the outermost pixels at low resolution. Galaxies with the same wavelengths share tables.

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
    table[~good, 1:] = table[good, 1].max(), IGNORED_ERROR
    return table


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
    """The cube itself: Bagpipes' transform is part of the likelihood."""
    return cube


def _evaluate(fitted, cube, timescale):
    """Log-likelihood and derived values of a point, those of `_DERIVED` and chi-squared."""
    log_likelihood = fitted.lnlike(fitted.prior.transform(np.array(cube)))
    sfh = fitted.model_galaxy.sfh
    chi2 = getattr(fitted, "chisq_phot", 0.0) + getattr(fitted, "chisq_spec", 0.0)
    log_mass = float(sfh.stellar_mass)
    rates = [_log_ssfr(sfh, time) + log_mass for time in _SFR_TIMES]
    log_age = float(np.log10(sfh.mass_weighted_age)) + _LOG_YR_PER_GYR
    return log_likelihood, _log_ssfr(sfh, timescale), log_mass, *rates, log_age, chi2


def _log_ssfr(sfh, timescale):
    """Log10 of star formation over the last ``timescale`` years by surviving mass; has a floor."""
    overlap = np.clip(timescale - sfh.age_lhs[:-1], 0.0, sfh.age_widths)
    rate = np.sum(sfh.sfh * overlap) / timescale
    return max(float(np.log10(rate) - sfh.stellar_mass), LOG_SSFR_FLOOR)


def _summarise(galaxy, settings, prior, fitted, chain):
    """Equally weighted draws and diagnostics of a chain."""
    rng = np.random.default_rng([int(galaxy.seed), 1])  # independent of the stream of the sampler
    a_v = prior.transform(chain.cube)["dust:Av"]
    drawn = stratified_draw(chain.weight, N_DRAWS, rng, a_v)
    draws = _quantities(settings, prior, chain, drawn)
    information, edge = prior_diagnostics(prior.free, chain.cube, chain.weight, chain.ess)
    under = settings.under_priors
    best = int(np.argmax(chain.log_likelihood))
    best_values = _quantities(settings, prior, chain, [best])
    return Posterior(
        draws=draws,
        prior=prior,
        cube=chain.cube[drawn],
        a_v_under=draws_under_priors(prior, chain.cube, chain.weight, rng) if under else {},
        chi2=float(chain.derived[best, -1]),
        fit_probability=fit_probability(chain.derived[drawn, -1], galaxy.n_data),
        ess=chain.ess,
        log_evidence=chain.log_evidence,
        information=information,
        edge=edge,
        best=_best_fit(galaxy, fitted, chain.cube[best]),
        seds=_seds(galaxy, fitted, chain.cube[drawn[:N_SEDS]]),
        best_values={name: float(value[0]) for name, value in best_values.items()},
    )


def _quantities(settings, prior, chain, index):
    """Quantities of some samples of a chain."""
    values = prior.transform(chain.cube[index])
    return {
        "A_V": values["dust:Av"],
        "E_BV": values["dust:Av"] / fitted_law(settings.dust_law).r_v(values),
        "redshift": values["redshift"],
        "log_mass_formed": prior.log_mass_formed(values),
        **dict(zip(_DERIVED, chain.derived[index].T, strict=False)),
    }


def _best_fit(galaxy, fitted, cube):
    """The model at a point of the unit cube with and without dust, None if not requested."""
    if galaxy.sed_wavelength is None:
        return None
    flux, sed = _model_fluxes(fitted, galaxy, cube)
    model, components = fitted.model_galaxy, fitted.model_components
    model.update(components | {"dust": components["dust"] | {"Av": 0.0}})
    bare_flux, bare_sed = _fluxes(model, galaxy)
    return BestFit(flux, bare_flux, sed, bare_sed)


def _seds(galaxy, fitted, cubes):
    """Flux densities of draws at the requested wavelengths, None if there are none."""
    if galaxy.sed_wavelength is None:
        return None
    return Prediction.of(np.array([_model_fluxes(fitted, galaxy, cube)[1] for cube in cubes]))


def _model_fluxes(fitted, galaxy, cube):
    """Photometry and flux densities of the model at a point of the unit cube [nJy]."""
    fitted.lnlike(fitted.prior.transform(cube.copy()))
    return _fluxes(fitted.model_galaxy, galaxy)


def _fluxes(model, galaxy):
    """Photometry, and flux densities at the requested wavelengths [nJy]."""
    wavelength = galaxy.sed_wavelength
    stretched = model.wavelengths * (1.0 + model.model_comp["redshift"])
    sed = _nanojansky(np.interp(wavelength, stretched, model.spectrum_full), wavelength)
    if not galaxy.bands:
        return np.empty(0), sed
    return _nanojansky(model.photometry, model.filter_set.eff_wavs), sed


def _nanojansky(flux, wavelength):
    """Flux densities per unit wavelength at wavelengths [Angstrom], in nJy."""
    return (flux * SPECTRAL_UNIT).to_value(FLUX_UNIT, u.spectral_density(wavelength * u.AA))
