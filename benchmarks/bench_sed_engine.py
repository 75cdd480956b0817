"""Speed, effective sample size and memory of the tabulated engine.

Run ``python benchmarks/bench_sed_engine.py``; ``--only`` picks parts. All but those of the first
part are mocks of the default prior (lognormal history, Calzetti dust) in nine bands:

users
    The 200 galaxies of the demo of version 0.1, galaxies of the simulator with individual
    redshifts, with and without gaps, some of them with redshifts known to 0.3, prior mocks, and
    catalogues given by ``--catalogs``. Each set of galaxies is fitted by this version and by
    another one, whose folder ``--old`` gives, in turn; with it, medians of A_V are compared. The
    other version fits at most ``--old-galaxies`` of a set, of neighbouring redshifts.
speed
    Galaxies of one redshift at signal to noise of 5 to 50, and their effective samples.
plausible
    How many mocks of the prior, signal to noise of 3 to 50, carry ``POOR_FIT``.
catalogue
    A catalogue with redshifts from 6 to 9, from a sample to its table, imports and tables
    included, with the largest memory of the process that fits.
reference
    The same galaxies by Bagpipes under its sampler, some 100 processor seconds each.

Times are processor seconds of one core. ``bench_sed_calibration.py`` measures calibration.
"""

import argparse
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy import units as u
from threadpoolctl import threadpool_limits

from dustest import BagpipesEstimator
from dustest.data import as_sample, decode_flags
from dustest.data.containers.sample import GalaxySample
from dustest.estimators._sed.bagpipes.nested_sampling import fit_galaxy
from dustest.estimators._sed.posterior import Galaxy, Settings
from dustest.estimators._sed.tabulated.importance_sampling import TabulatedEngine
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light
from dustest.estimators.run.batch import make_batch
from dustest.io import read_catalog
from dustest.simulate import GalaxySimulator

BANDS = ("F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W", "F410M", "F444W")
SETTINGS = Settings(sfh="lognormal", dust_law="Calzetti")
PARAMETERS = {
    "sfh": "lognormal",
    "dust_law": "Calzetti",
    "priors": {"dust:Av": (1e-4, 10.0), "dust:Av_prior": "log_10"},
}
"""Those of the preset "Fu", which older versions do not have."""
COMPARED = ("A_V", "log_sSFR", "log_mass")
BRIGHTEST = 30.0  # nJy
ERROR_FLOOR = 0.05
REDSHIFTS = (6.0, 9.0)
DEMO = Path(__file__).parent / "data" / "demo-0.1.ecsv"
HST = ("F606W", "F814W")
SPREAD = 0.3  # of uncertain redshifts
GAPS = 0.05  # share of fluxes that are left out
SEED = 180100


def draw_mocks(n, redshift, snr, seed):
    """Galaxies of the prior, of one brightness, with noise."""
    maker = ModelMaker(SETTINGS, redshift, band_light(SETTINGS, BANDS))
    rng = np.random.default_rng(seed)
    models = maker.at(rng.random((n, len(maker.prior.free))))
    flux = BRIGHTEST * models.flux / models.flux.max(axis=1, keepdims=True)
    error = np.full(flux.shape, BRIGHTEST / snr)
    flux = flux + np.hypot(error, ERROR_FLOOR * flux) * rng.standard_normal(flux.shape)
    return _galaxies(redshift, flux, error)


def _galaxies(redshift, flux, error):
    """Records of galaxies of one redshift."""
    error = np.hypot(error, ERROR_FLOOR * flux)
    return [
        Galaxy(redshift, np.nan, BANDS, flux[i], error[i], None, seed=i) for i in range(len(flux))
    ]


def catalogue(n, snr, seed):
    """Sample of mocks whose redshifts are spread evenly."""
    redshift = np.random.default_rng(seed).uniform(*REDSHIFTS, n)
    return _sample(draw_mocks(n, float(np.mean(REDSHIFTS)), snr, seed), redshift)


def _sample(galaxies, redshift):
    """Sample of mocks, whose errors have the floor already."""
    sample = GalaxySample({"id": np.arange(len(galaxies)), "redshift": redshift})
    for k, band in enumerate(BANDS):
        sample[f"flux_{band}"] = [galaxy.flux[k] for galaxy in galaxies] * u.nJy
        sample[f"flux_err_{band}"] = [galaxy.flux_err[k] for galaxy in galaxies] * u.nJy
    sample.meta["error_floor"] = ERROR_FLOOR
    return sample


def fit(engine, galaxies):
    """Posteriors, and seconds for each galaxy."""
    start = time.process_time()
    posteriors = engine.fit(galaxies)
    return posteriors, (time.process_time() - start) / len(galaxies)


def user_samples(arguments):
    """Samples by name: the demo, the simulator's galaxies, mocks and catalogues."""
    n = arguments.users
    bands = [*HST, *BANDS]
    simulator = GalaxySimulator(
        ["F277W"], "JADES-deep", REDSHIFTS, population="0.1", photometry_bands=bands
    )
    simulated, _ = simulator.draw(arguments.simulated, random_state=SEED)
    columns = ["id", "redshift", *(name for name in simulated.colnames if _is_flux(name))]
    simulated = simulated[columns]
    gaps = simulated.copy()
    rng = np.random.default_rng(SEED + 1)
    for band in bands:
        gaps[f"flux_{band}"][rng.random(len(gaps)) < GAPS] = np.nan
    uncertain = simulated[:n].copy()
    uncertain["redshift_err"] = SPREAD
    mocks = draw_mocks(n, 7.0, 35.0, seed=SEED + 2)
    samples = {
        "demo": read_catalog(DEMO)[:n],
        **{Path(path).stem: read_catalog(path)[:n] for path in arguments.catalogs},
        "prior mocks": _sample(mocks, np.full(n, 7.0)),
        f"simulator, redshifts known to {SPREAD:g}": uncertain,
        "simulator": simulated,
        "simulator with gaps": gaps,
    }
    return {name: sample[np.argsort(sample["redshift"])] for name, sample in samples.items()}


def _is_flux(name):
    """Whether a column is a flux of a band or its error."""
    return name.startswith("flux_") and "limit" not in name


def measure(sample, redshift):
    """Galaxies per second, effective samples, percentiles of A_V and MB, of this process.

    The first galaxy is fitted before, with the tables that a worker makes once.
    """
    sed = BagpipesEstimator(random_state=1, targets=("A_V",), redshift=redshift, **PARAMETERS)
    sed._start_worker()
    batch = make_batch(as_sample(sample))
    sed._estimate(batch[:1])
    seconds, ess, a_v = 0.0, [], []
    for first in range(0, len(batch), sed.rows_at_once):
        start = time.process_time()
        found = sed._estimate(batch[first : first + sed.rows_at_once])
        seconds += time.process_time() - start
        ess.append(found.extra["ess"])
        a_v.append(np.nanpercentile(found.samples["A_V"], [16, 50, 84], axis=1))
    rate = len(batch) / seconds
    return rate, np.concatenate(ess), np.concatenate(a_v, axis=1), _peak_memory()


def _peak_memory():
    """Largest memory of this process in MB; ``getrusage`` includes that of its parent."""
    status = Path("/proc/self/status").read_text().split("VmHWM:")[1]
    return int(status.split()[0]) / 1024


def show_users(arguments):
    """Speed on the data of users, of this version and of another one."""
    for name, sample in user_samples(arguments).items():
        first = max((len(sample) - arguments.old_galaxies) // 2, 0)
        some = slice(first, first + arguments.old_galaxies)
        rate, ess, a_v, memory = _measured(sample, name, None)
        print(
            f"{name}: {len(ess)} galaxies, {rate:.1f}/s, {np.mean(ess >= 400):.1%} have 400 "
            f"effective samples, at most {memory:.0f} MB",
            flush=True,
        )
        if arguments.old:
            theirs, their_ess, their_a_v, _ = _measured(sample[some], name, arguments.old)
            apart = np.abs(a_v[1, some] - their_a_v[1]) / (their_a_v[2] - their_a_v[0])
            print(
                f"    old: {len(their_ess)} galaxies, {theirs:.1f}/s, "
                f"{np.mean(their_ess >= 400):.1%} have 400; {rate / theirs:.1f} times faster; "
                f"medians of A_V within a tenth of the interval: {np.mean(apart < 0.1):.1%}",
                flush=True,
            )


def _measured(sample, name, tree):
    """Result of `measure` in a fresh process that imports dustest from a folder."""
    path = [tree] if tree else []
    path += filter(None, [os.environ.get("PYTHONPATH")])
    redshift = "free" if "known to" in name else "fixed"
    with tempfile.TemporaryDirectory() as folder:
        task = Path(folder) / "sample.pickle"
        task.write_bytes(pickle.dumps(sample))
        done = subprocess.run(
            [sys.executable, __file__, "--measure", str(task), redshift],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
            check=True,
            stdout=subprocess.PIPE,
        )
    return pickle.loads(done.stdout)


def show_speed(arguments):
    """Speed with effective sample sizes at one redshift."""
    for snr in (5.0, 10.0, 20.0, 50.0):
        galaxies = draw_mocks(arguments.galaxies, 7.0, snr, seed=int(snr))
        engine = TabulatedEngine(SETTINGS)
        _, first = fit(engine, galaxies[:1])
        posteriors, each = fit(engine, galaxies)
        ess = np.array([posterior.ess for posterior in posteriors])
        print(
            f"S/N {snr:g}: {1 / each:.0f} galaxies/s after {first:.2f} s for the first; effective "
            f"samples {np.percentile(ess, [1, 5, 50]).round()}, {np.mean(ess >= 400):.1%} have 400"
        )


def show_plausible(arguments):
    """Share of galaxies of the prior that are flagged as none."""
    snrs = (3.0, 5.0, 10.0, 20.0, 50.0)
    each = arguments.mocks // len(snrs)
    galaxies = [
        galaxy for snr in snrs for galaxy in draw_mocks(each, 7.0, snr, seed=100 + int(snr))
    ]
    table = BagpipesEstimator(random_state=1, **PARAMETERS).estimate(
        _sample(galaxies, np.full(len(galaxies), 7.0))
    )
    poor = np.mean(["POOR_FIT" in names for names in decode_flags(table["flags"])])
    print(
        f"{len(table)} mocks, S/N {snrs}: {poor:.2%} have POOR_FIT; fit_probability at the 0.1, 1 "
        f"and 50 %: {np.percentile(table['fit_probability'], [0.1, 1, 50]).round(4)}"
    )


def show_catalogue(arguments):
    """Speed and memory of a whole catalogue."""
    sample = catalogue(arguments.catalogue, 10.0, seed=1)
    usage = [resource.getrusage(resource.RUSAGE_CHILDREN)]
    start = time.process_time()
    table = BagpipesEstimator(engine="tabulated", random_state=1, **PARAMETERS).estimate(sample)
    usage.append(resource.getrusage(resource.RUSAGE_CHILDREN))
    before, after = (part.ru_utime + part.ru_stime for part in usage)
    seconds = time.process_time() - start + after - before
    print(
        f"{len(sample)} galaxies, redshifts {REDSHIFTS[0]:g} to {REDSHIFTS[1]:g}: {seconds:.0f} s "
        f"in all, {len(sample) / seconds:.0f} galaxies/s; {np.mean(table['ess'] >= 400):.1%} have "
        f"400 effective samples; at most {usage[1].ru_maxrss / 1024:.0f} MB"
    )


def show_reference(arguments):
    """Galaxies per processor second of both engines on the same galaxies."""
    galaxies = draw_mocks(arguments.galaxies, 7.0, 10.0, seed=10)
    engine = TabulatedEngine(SETTINGS)
    posteriors, each = fit(engine, galaxies)
    for galaxy, fast in zip(galaxies[: arguments.reference], posteriors, strict=False):
        start = time.process_time()
        slow = fit_galaxy(galaxy, SETTINGS)
        seconds = time.process_time() - start
        print(
            f"Bagpipes: {seconds:.0f} s, {slow.ess:.0f} effective samples; tables: {each:.4f} s, "
            f"{fast.ess:.0f}; {seconds / each:.0f} times faster"
        )
        for name in COMPARED:
            both = [np.percentile(p.draws[name], [16, 50, 84]).round(3) for p in (slow, fast)]
            print(f"    {name}: {both[0]} against {both[1]}")


PARTS = {
    "users": show_users,
    "speed": show_speed,
    "plausible": show_plausible,
    "catalogue": show_catalogue,
    "reference": show_reference,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--galaxies", type=int, default=500)
    parser.add_argument("--mocks", type=int, default=2000)
    parser.add_argument("--catalogue", type=int, default=10_000)
    parser.add_argument("--reference", type=int, default=1, help="galaxies to fit with Bagpipes")
    parser.add_argument("--users", type=int, default=200, help="galaxies of each set of users")
    parser.add_argument("--simulated", type=int, default=10_000, help="galaxies of the simulator")
    parser.add_argument("--catalogs", nargs="*", default=[], help="catalogues of the first part")
    parser.add_argument("--old", help="folder of another version")
    parser.add_argument("--old-galaxies", type=int, default=500, help="most that it fits of a set")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    with threadpool_limits(1):
        if arguments.measure:
            path, redshift = arguments.measure
            found = measure(pickle.loads(Path(path).read_bytes()), redshift)
            sys.stdout.buffer.write(pickle.dumps(found))
            return
        for name in arguments.only:
            PARTS[name](arguments)


if __name__ == "__main__":
    main()
