"""Fits of mock galaxies with the tabulated engine.

The functions import Bagpipes and change constants of the engine, so that tests call them in a
process of their own.
"""

from dataclasses import replace

import numpy as np
from sed_mocks import BANDS, FLAT, LOG_10, mocks, settings

from dustest import BagpipesEstimator
from dustest.estimators import bagpipes
from dustest.estimators._sed.bagpipes.nested_sampling import quiet, resolution_curve
from dustest.estimators._sed.columns.extra_columns import sed_wavelengths
from dustest.estimators._sed.fit_settings import settings_of
from dustest.estimators._sed.posterior import IGNORED_ERROR, Galaxy, Limits
from dustest.estimators._sed.priors.redshift_density import RedshiftDensity
from dustest.estimators._sed.tabulated import pool
from dustest.estimators._sed.tabulated.importance_sampling import TabulatedEngine
from dustest.estimators._sed.tabulated.light.channels import Channels, Pixels
from dustest.estimators._sed.tabulated.likelihoods.data_likelihood import nanojansky
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light


def posteriors_and_truth(case, n):
    """Fits of mocks of a history, a law and priors."""
    setup = settings(*case)
    galaxies, truth = mocks(setup, n, 10.0, seed=3)
    return TabulatedEngine(setup).fit(galaxies), truth


def in_any_company(case):
    """Fits of the same galaxies in other orders, bands, redshifts and pools."""
    galaxies, _ = mocks(settings(*case), 20, 20.0, seed=5)
    engine = TabulatedEngine(settings())
    found = {
        "together": engine.fit(galaxies),
        "again": engine.fit(galaxies[::-1])[::-1],
        "alone": TabulatedEngine(settings()).fit(galaxies[7:8]),
        "other seed": engine.fit([replace(galaxies[7], seed=1007)]),
    }
    found |= other_bands(galaxies[0]) | other_redshifts(galaxies[0])
    pool.N_STARS = 2**8
    return found | {"small pool": TabulatedEngine(settings()).fit(galaxies)}


def other_bands(one):
    """Fits of a galaxy without its first band, and in bands that see no star."""
    less = replace(one, bands=one.bands[1:], flux=one.flux[1:], flux_err=one.flux_err[1:])
    dark = replace(one, bands=("F435W", "F606W"), flux=one.flux[:2], flux_err=one.flux_err[:2])
    engine = TabulatedEngine(settings())
    return {
        "mixed bands": engine.fit([one, less, one]),
        "pools": list(engine._pools),
        "less": TabulatedEngine(settings()).fit([less]),
        "gap": engine.fit([less], one.bands),
        "dark": TabulatedEngine(settings()).fit([replace(dark, redshift=9.0)])[0],
    }


def other_redshifts(one):
    """Fits of a galaxy at other redshifts, and the error where its priors leave no model."""
    redshifts = [0.001, 6.0, 6.996, 7.004, 7.006, 9.999]
    engine = TabulatedEngine(settings())
    found = {"redshifts": engine.fit([replace(one, redshift=z) for z in redshifts])}
    late = TabulatedEngine(settings(priors={"lognormal:tmax": (0.6, "age_of_universe")}))
    try:
        late.fit([replace(one, redshift=10.0)])
    except RuntimeError as error:
        found["no room"] = str(error)
    return found | {"few pools": list(engine._pools)}


def under_two_priors(mass, n):
    """Fits of mocks of a flat prior of A_V with it and with a logarithmic one."""
    flat, log_10 = FLAT | mass, LOG_10 | mass
    galaxies, truth = mocks(settings(priors=flat), n, 10.0, seed=11, floor=0.05)
    return {
        "truth": truth,
        "log10": TabulatedEngine(settings(priors=log_10, under_priors=True)).fit(galaxies),
        "flat": TabulatedEngine(settings(priors=flat, under_priors=True)).fit(galaxies),
    }


def with_free_redshifts(mass, n):
    """Fits of mocks whose redshifts are known to 0.2, and of some without that error."""
    free = settings(priors=FLAT | mass, free_redshift=True)
    galaxies, truth = mocks(free, n, 20.0, seed=21, redshift_err=0.2, floor=0.05)
    own = {"priors": LOG_10 | mass, "under_priors": True}
    unknown = [replace(galaxies[0], redshift_err=value) for value in (np.nan, 0.0)]
    engine = TabulatedEngine(settings(free_redshift=True, **own))
    return {
        "truth": truth,
        "posteriors": TabulatedEngine(settings(free_redshift=True, **own)).fit(galaxies),
        "snr": np.array([galaxy.flux[2] / galaxy.flux_err[2] for galaxy in galaxies]),
        "unknown": engine.fit(unknown),
        "fixed": TabulatedEngine(settings(**own)).fit(unknown[:1]),
        "pools": list(engine._pools),
    }


def densities_of_redshift(n):
    """Fits of mocks whose redshift is in one of two peaks, and shares of the upper one.

    Returns the truth, the posteriors, and two priors: of a galaxy without information, and of
    the ages of models by redshift.
    """
    grid = np.linspace(1.0, 12.0, 1101)
    peaks = [np.exp(-0.5 * ((grid - at) / width) ** 2) for at, width in ((2.5, 0.1), (9.0, 0.2))]
    density = RedshiftDensity.of_grid(grid, 0.6 * peaks[0] + 0.2 * peaks[1])
    priors = FLAT | {"delayed:massformed": (8.6, 9.4)}
    setup = settings("delayed", priors=priors, free_redshift=True)
    galaxies, truth = mocks(setup, n, 20.0, seed=180201, density=density, floor=0.05)
    blind = replace(galaxies[0], flux_err=np.full(len(BANDS), 1e9))
    maker = ModelMaker(setup, 7.0, band_light(setup, BANDS), density)
    points = np.random.default_rng(1).random((4000, len(maker.prior.free)))
    return {
        "truth": truth,
        "posteriors": TabulatedEngine(setup).fit(galaxies, BANDS),
        "blind": TabulatedEngine(setup).fit([blind], BANDS)[0],
        "values": maker.prior.transform(points),
    }


def best_models():
    """Galaxies and their fits with and without spectra, at fixed and at free redshift."""
    wavelength = sed_wavelengths(BANDS)
    found = {"wavelength": wavelength}
    for name, (law, free) in {"fixed": ("Calzetti", False), "free": ("CF00", True)}.items():
        priors = {"delayed:massformed": (8.6, 9.4)}
        setup = settings("delayed", law, priors, free_redshift=free)
        galaxies, _ = mocks(setup, 6, 15.0, seed=2, redshift_err=0.1)
        asked = [replace(each, sed_wavelength=wavelength) for each in galaxies]
        engine = TabulatedEngine(setup)
        found[name] = galaxies, engine.fit(asked), engine.fit(galaxies)
    return found


def constant_history():
    """Models and fits of a constant history of 300 Myr."""
    setup = settings("constant", priors={"constant:age_max": 0.3, "constant:metallicity": 0.2})
    maker = ModelMaker(setup, 7.0, band_light(setup, BANDS))
    galaxies, _ = mocks(setup, 3, 10.0, seed=4)
    points = np.random.default_rng(1).random((64, len(maker.prior.free)))
    return maker.at(points), TabulatedEngine(setup).fit(galaxies)


def escalated(batch, parameters):
    """Estimates of both engines where no number of effective models is enough."""
    bagpipes._MIN_ESS = np.inf
    found = []
    for engine in ("tabulated", "bagpipes"):
        sed = bagpipes.BagpipesEstimator(preset="Fu", engine=engine, escalate=True, **parameters)
        sed._start_worker()
        found.append(sed._estimate(batch))
    return found


def posteriors_by_law(laws, priors):
    """Draws of eight mocks of each law, and their truth."""
    own = {
        "lognormal:massformed": (8.6, 9.4),
        "dust:Av": (0.2, 1.5),
        "dust:Av_prior": "uniform",
    }
    found = {}
    for name, law in laws.items():
        setup = settings("lognormal", law, own | priors.get(name, {}))
        galaxies, truth = mocks(setup, 8, 30.0, seed=3)
        found[name] = [fit.draws for fit in TabulatedEngine(setup).fit(galaxies)], truth
    return found


def pools(cases):
    """Models of pools, some of them also made one by one."""
    found = {}
    for name, (sfh, law, priors, others) in cases.items():
        setup = settings(sfh, law, priors, **others)
        error = 0.05 if setup.free_redshift else None
        engine = TabulatedEngine(setup)
        maker = engine._maker(7.0, Channels.of(BANDS), error)
        one = engine._pool_of(maker)
        index = np.sort(np.random.default_rng(1).permutation(len(one.flux))[:500])
        taken = one.take(index)
        found[name] = {
            "taken": taken,
            "again": maker.at(taken.cube),
            "flux": one.flux[index],
            "cube": one.take(np.arange(len(one.flux))).cube,
            "log_density": one.log_density,
        }
    return found


def fits_of_a_burst(seeds):
    """A_V of a burst behind dust that has a spectrum, and its fits for several seeds."""
    settings = settings_of(BagpipesEstimator(preset="Fu", random_state=1))[0]
    redshift, wavelength = 7.0, np.geomspace(7e3, 5.2e4, 250)
    pixels = Pixels(wavelength, resolution_curve("prism", wavelength))
    maker = ModelMaker(settings, redshift, band_light(settings, Channels((), pixels)))
    # 1 Myr long; the prior has one such burst in some thousands.
    place = {"lognormal:fwhm": 2e-4, "lognormal:tmax": 0.9945, "dust:Av": 0.73}
    others = {"lognormal:massformed": 0.5, "lognormal:metallicity": 0.8, "nebular:logU": 0.9}
    with quiet():
        models = maker.at(np.array([[(place | others)[name] for name in maker.prior.free]]))
    light = models.flux[0] / np.median(models.flux[0][models.flux[0] > 0.0])
    error = np.full(light.size, 1.0 / 30.0)
    noisy = light + error * np.random.default_rng(220102).standard_normal(light.size)
    spectrum = np.column_stack([wavelength, noisy, error])
    spectrum[:, 1:] /= nanojansky(wavelength)[:, np.newaxis]
    spectrum[wavelength < 1280.0 * (1.0 + redshift), 2] = IGNORED_ERROR
    empty = np.empty(0)
    galaxies = [Galaxy(redshift, np.nan, (), empty, empty, spectrum, seed) for seed in seeds]
    return {
        "a_v": float(models.quantities["A_V"][0]),
        "fits": [
            {
                "a_v": np.quantile(one.draws["A_V"], [0.005, 0.995]),
                "probability": one.fit_probability,
                "ess": one.ess,
            }
            for one in TabulatedEngine(settings).fit(galaxies)
        ],
    }


def numbers_of_models(galaxy, *setups):
    """How many models are drawn for noisy copies of a galaxy, by number of the settings."""
    rng, made = np.random.default_rng(220511), ModelMaker.at
    error, numbers = 0.05 * galaxy.flux.max(), []
    fluxes = galaxy.flux + error * rng.standard_normal((20, len(galaxy.flux)))
    copies = [
        replace(galaxy, flux=flux, flux_err=np.full_like(flux, error), seed=k)
        for k, flux in enumerate(fluxes)
    ]

    def counted(maker, cube):
        numbers[-1] += len(cube)
        return made(maker, cube)

    ModelMaker.at = counted
    for setup in setups:
        numbers.append(0)
        TabulatedEngine(setup).fit(copies)
    ModelMaker.at = made
    return {"numbers": numbers}


def with_shared_models(n):
    """Fits of mocks with models of their own and shared ones, and the numbers of models drawn."""
    setup = settings("lognormal", "Calzetti", {"lognormal:massformed": (8.6, 9.4)})
    shared = replace(setup, share_models=True)
    galaxies, _ = mocks(setup, n, 20.0, seed=220510, floor=0.1)
    found = {
        "own": TabulatedEngine(setup).fit(galaxies),
        "shared": TabulatedEngine(shared).fit(galaxies),
    }
    found |= numbers_of_models(galaxies[0], setup, shared)
    one = galaxies[0]
    limits = Limits(one.bands[:1], 2.0 * one.flux_err[:1], one.flux_err[:1])
    limited = replace(
        one, bands=one.bands[1:], flux=one.flux[1:], flux_err=one.flux_err[1:], limits=limits
    )
    mixed = [limited]
    return found | {
        "again": TabulatedEngine(shared).fit(galaxies[::-1]),
        "mixed": TabulatedEngine(shared).fit([*galaxies[:3], *mixed], one.bands)[3:],
        "mixed own": TabulatedEngine(setup).fit(mixed, one.bands),
    }
