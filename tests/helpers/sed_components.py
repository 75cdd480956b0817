"""Models and fits with an AGN and with far-infrared fluxes.

Bagpipes is imported here, so that tests call these functions in a process of their own.
"""

from dataclasses import replace

import numpy as np
from sed_mocks import settings

from dustest.estimators._sed.columns.rest_frame import RestFrame
from dustest.estimators._sed.posterior import Galaxy, Limits
from dustest.estimators._sed.tabulated.importance_sampling import TabulatedEngine
from dustest.estimators._sed.tabulated.light.channels import Channels
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light
from dustest.physics.cosmology import BAGPIPES_COSMOLOGY

OPTICAL = ("F115W", "F150W", "F200W", "F277W", "F356W", "F410M", "F444W")
FAR = ("ALMA_B6", "ALMA_B7")
MASS = {"lognormal:massformed": (8.6, 9.4)}
FLAT = {"dust:Av": (0.0, 3.0), "dust:Av_prior": "uniform"} | MASS
REDSHIFT = 6.0
WINDOW = (5071.366, 5096.723, 5122.207)
"""Rest wavelengths of the spectra of stars within 40 Angstrom of 5100 Angstrom."""


def _cubes(maker, n, seed=1):
    """Points of the unit cube whose models are possible."""
    cube = np.random.default_rng(seed).random((4 * n, len(maker.prior.free)))
    return cube[maker.at(cube).flux.any(axis=1)][:n]


def agn_models(agn):
    """AGN in bands and at wavelengths, their parameters, and light of stars at the reference."""
    setup = settings(priors=FLAT, agn=agn)
    maker = ModelMaker(setup, REDSHIFT, band_light(setup, OPTICAL))
    cube = _cubes(maker, 12)
    values = maker.prior.transform(cube)
    wavelength = np.geomspace(9e3, 5.3e4, 300)

    def alone(grid=None, dust=True):
        both, stars = (maker.flux_of(values, grid, dust=dust, agn=one) for one in (True, False))
        return both - stars

    at = np.array(WINDOW) * (1.0 + REDSHIFT)
    per_wavelength = maker.flux_of(values, at, agn=False) / at**2
    return {
        "values": values,
        "bands": alone(),
        "bands without stellar dust": alone(dust=False),
        "wavelength": wavelength,
        "spectrum": alone(wavelength),
        "reference": per_wavelength.mean(axis=1) * (5100.0 * (1.0 + REDSHIFT)) ** 2,
        "share": maker.at(cube).quantities["agn_fraction"],
    }


def pool_and_models():
    """Models of a pool with an AGN and far-infrared bands, and the same one by one."""
    setup = settings(priors=FLAT | {"dust:eta": (1.0, 2.0)}, agn="little_red_dot")
    engine = TabulatedEngine(setup)
    maker = engine._maker(REDSHIFT, Channels.of((FAR[0], *OPTICAL, FAR[1])), None)
    pool = engine._pool_of(maker)
    index = np.sort(np.random.default_rng(1).permutation(len(pool.flux))[:500])
    taken = pool.take(index)
    again = maker.at(taken.cube)
    return {
        "bands": (*maker.channels.bands, *maker.channels.infrared),
        "n_columns": pool.n_columns,
        "pool": taken.flux,
        "again": again.flux,
        "quantities": {
            name: (taken.quantities[name], again.quantities[name])
            for name in ("A_V", "agn_fraction", "log_mass")
        },
    }


def energy_balance(redshift):
    """Luminosity of dust in the far infrared, and that which dust absorbs, of some models."""
    setup = settings(priors=FLAT)
    maker = ModelMaker(setup, redshift, band_light(setup, (*OPTICAL, *FAR)))
    cube = _cubes(maker, 12)
    values = maker.prior.transform(cube)
    wavelength = np.geomspace(2e5, 8e7, 3000) * (1.0 + redshift)
    flux = maker.flux(cube, wavelength) - maker.flux(cube, wavelength, dust=False)
    frequency = 2.99792458e18 / wavelength
    area = 4.0 * np.pi * BAGPIPES_COSMOLOGY.luminosity_distance(redshift).to_value("cm") ** 2
    emitted = -np.trapezoid(flux, frequency, axis=1) * 1e-32 * area / 3.826e33
    posterior = _Drawn(maker.prior, cube, {"log_mass_formed": np.zeros(len(cube))})
    galaxy = Galaxy(redshift, np.nan, OPTICAL, None, None, None, 1)
    rest = RestFrame(settings(priors=FLAT)).quantities(("log_L_dust",), galaxy, posterior)
    pivot = np.array([1.2885423e7])  # Angstrom; gas has free-free emission there
    at_pivot = (maker.flux(cube, pivot) - maker.flux(cube, pivot, dust=False))[:, 0]
    return {
        "emitted": emitted,
        "absorbed": 10.0 ** rest["log_L_dust"],
        "band": maker.flux(cube)[:, len(OPTICAL)],
        "at its pivot": at_pivot,
        "dust-free": maker.flux(cube, dust=False)[:, len(OPTICAL) :],
        "values": values,
    }


class _Drawn:
    """What the quantities of the rest frame take of a posterior."""

    def __init__(self, prior, cube, draws):
        self.prior, self.cube, self.draws = prior, cube, draws


def fits_of_mocks(n, agn, far, snr=20.0):
    """Posteriors of mocks of the prior, and their truth."""
    bands = OPTICAL + far
    setup = settings(priors=FLAT, agn=agn)
    maker = ModelMaker(setup, REDSHIFT, band_light(setup, bands))
    models = maker.at(_cubes(maker, n, seed=5))
    rng = np.random.default_rng(6)
    log_mass = rng.uniform(models.low, models.high)
    flux = models.flux * 10.0 ** log_mass[:, np.newaxis]
    error = np.repeat(flux[:, : len(OPTICAL)].max(axis=1, keepdims=True) / snr, len(bands), axis=1)
    error[:, len(OPTICAL) :] = flux[:, len(OPTICAL) :] / 5.0
    noisy = flux + error * rng.standard_normal(flux.shape)
    galaxies = [
        Galaxy(REDSHIFT, np.nan, bands, noisy[k], error[k], None, k) for k in range(len(flux))
    ]
    engine = TabulatedEngine(setup)
    found = {
        "truth": models.quantities | maker.prior.transform(models.cube),
        "posteriors": [_numbers(one) for one in engine.fit(galaxies, bands)],
    }
    if far:
        found |= _other_data(engine, galaxies[0])
    return found


def _numbers(posterior):
    """What tests need of a posterior."""
    parameters = posterior.prior.transform(posterior.cube)
    check = posterior.infrared
    return {
        "draws": posterior.draws | parameters,
        "ess": posterior.ess,
        "log_evidence": posterior.log_evidence,
        "free": posterior.prior.free,
        "check": None if check is None else (check.probability, check.a_v),
    }


def _other_data(engine, galaxy):
    """Posteriors of one galaxy with other far-infrared data."""
    bands, n = galaxy.bands, len(OPTICAL)
    bright = replace(galaxy, flux=np.append(galaxy.flux[:n], 1e4 * galaxy.flux[n:]))
    bare = replace(galaxy, bands=OPTICAL, flux=galaxy.flux[:n], flux_err=galaxy.flux_err[:n])
    sigma = np.full(len(bands) - n, 1e-3 * galaxy.flux[n])
    deep = replace(bare, limits=Limits(bands[n:], 3.0 * sigma, sigma))
    return {
        name: _numbers(engine.fit([one], bands)[0])
        for name, one in {"bright": bright, "bare": bare, "deep limit": deep}.items()
    } | {"bare alone": _numbers(engine.fit([bare], OPTICAL)[0])}
