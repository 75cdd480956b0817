"""How much a far-infrared flux narrows A_V, on mocks of the prior of the fit.

Run ``python benchmarks/bench_far_infrared.py``. Mocks have nine bands of HST and NIRCam, redshifts
from 5.5 to 7, the default preset, A_V of 0.3 and more, and a signal-to-noise ratio in the
brightest band, log-uniform from 5 to 20, which is the same error in all bands. Dust temperatures
are Gaussian, 45 +- 10 K, emissivity indices 1.8 +- 0.3, as in the default priors. Each is fitted
without the far infrared, and with one flux at a signal-to-noise ratio of 5 in the band of the
case; with ``--limits``, with an upper limit of 3 sigma where the flux is one sigma. With
``--emissivity 1.8``, the index is known.

``--keep FOLDER`` saves results in parts of 50 mocks; a stopped run resumes from them.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from dustest.estimators._sed.posterior import Galaxy, Limits, Settings
from dustest.estimators._sed.tabulated.importance_sampling import TabulatedEngine
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light
from dustest.physics import get_joint_prior

BANDS = ("F606W", "F814W", "F115W", "F150W", "F200W", "F277W", "F356W", "F410M", "F444W")
FAR = ("ALMA_B6", "ALMA_B7", "ALMA_B8")
SETTINGS = Settings(
    "delayed_burst",
    "Salim",
    priors={"dust:Av": (0.0, 4.0), "dust:Av_prior": "uniform"},
    joint_priors=(get_joint_prior("slope_of_A_V"),),
)
REDSHIFTS, MASSES, SNR = (5.5, 7.0), (8.5, 10.5), (5.0, 20.0)
LEAST_A_V, FAR_SNR, N_SIGMA = 0.3, 5.0, 3.0
SEED = 210211
PART = 50
LEVELS = (0.16, 0.5, 0.84)


def draw_mocks(band, limit, settings, n, rng):
    """Galaxies of one part, all of one redshift, and their A_V."""
    redshift, bands = round(rng.uniform(*REDSHIFTS), 2), (*BANDS, band)
    maker = ModelMaker(settings, redshift, band_light(settings, bands))
    models = maker.at(rng.random((4 * n, len(maker.prior.free))))
    good = models.flux.any(axis=1) & (models.quantities["A_V"] >= LEAST_A_V)
    models = models.take(np.flatnonzero(good)[:n])
    flux = models.flux * 10.0 ** rng.uniform(*MASSES, (n, 1))
    error = np.repeat(flux[:, :-1].max(axis=1, keepdims=True), len(bands), axis=1)
    error /= np.exp(rng.uniform(*np.log(SNR), (n, 1)))
    error[:, -1] = flux[:, -1] / (1.0 if limit else FAR_SNR)
    noisy = flux + error * rng.standard_normal(flux.shape)
    seeds = rng.integers(2**62, size=n)
    rows = zip(noisy, error, seeds, strict=True)
    make = _with_limit if limit else _with_flux
    return [make(redshift, bands, *row) for row in rows], models.quantities["A_V"]


def _with_flux(redshift, bands, flux, error, seed):
    """A galaxy with a far-infrared flux."""
    return Galaxy(redshift, np.nan, bands, flux, error, None, int(seed))


def _with_limit(redshift, bands, flux, error, seed):
    """A galaxy with a far-infrared limit, or a flux if it is above."""
    if flux[-1] > N_SIGMA * error[-1]:
        return _with_flux(redshift, bands, flux, error, seed)
    limits = Limits(bands[-1:], N_SIGMA * error[-1:], error[-1:])
    bare = _with_flux(redshift, bands[:-1], flux[:-1], error[:-1], seed)
    return replace(bare, limits=limits)


def fit(galaxies, settings):
    """Percentiles of A_V with and without the far infrared, and checks of the fit."""
    bands = (*galaxies[0].used_bands,)
    start = time.process_time()
    posteriors = TabulatedEngine(settings).fit(galaxies, bands)
    elapsed = time.process_time() - start
    n = len(galaxies)
    return {
        "with": np.array([np.quantile(one.draws["A_V"], LEVELS) for one in posteriors]),
        "without": np.array([np.quantile(one.infrared.a_v, LEVELS) for one in posteriors]),
        "probability": np.array([one.infrared.probability for one in posteriors]),
        "ess": np.array([one.ess for one in posteriors]),
        "time": np.full(n, elapsed / n),
    }


def run(band, options, settings):
    """Fit all mocks of a case, part by part."""
    parts, limit, keep = [], options.limits, options.keep
    for number in range(options.n // PART):
        case = f"{band}-limit" if limit else band
        case = f"{case}-{options.emissivity}-{options.seed}"
        path = None if keep is None else Path(keep) / f"{case}-{number}.npz"
        if path is not None and path.exists():
            parts.append(dict(np.load(path)))
            continue
        rng = np.random.default_rng([options.seed, FAR.index(band), int(limit), number])
        galaxies, truth = draw_mocks(band, limit, settings, PART, rng)
        part = fit(galaxies, settings) | {"truth": truth}
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, **part)
        parts.append(part)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def report(case, seed, found):
    """Print the figures of a case."""
    n, truth = len(found["truth"]), found["truth"]
    width = {name: np.ptp(found[name][:, [0, 2]], axis=1) for name in ("with", "without")}
    ratio = width["with"] / width["without"]
    rng = np.random.default_rng(seed)
    boots = [np.median(ratio[rng.integers(n, size=n)]) for _ in range(1000)]
    print(f"{case}: {n} mocks, seed {seed}")
    print(f"  median ratio of the widths of A_V: {np.median(ratio):.3f} +- {np.std(boots):.3f}")
    for low, high in ((0.3, 1.0), (1.0, 2.0), (2.0, 4.0)):
        own = (truth >= low) & (truth < high)
        print(f"    A_V {low:g} to {high:g}: {np.median(ratio[own]):.3f} ({own.sum()} mocks)")
    for name, each in width.items():
        low, _, high = found[name].T
        inside = np.mean((truth >= low) & (truth <= high))
        error = np.sqrt(inside * (1 - inside) / n)
        print(
            f"  {name:7s}: covered {100 * inside:.1f} +- {100 * error:.1f} %, median width "
            f"{np.median(each):.3f} mag, mean absolute error "
            f"{np.mean(np.abs(found[name][:, 1] - truth)):.3f} mag"
        )
    print(
        f"  flagged as a conflict: {100 * np.mean(found['probability'] < 1e-3):.2f} %; "
        f"{1.0 / np.mean(found['time']):.1f} galaxies/s and core with both fits, effective sample "
        f"size of 400 for {100 * np.mean(found['ess'] >= 400.0):.1f} %"
    )


def main():
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--n", type=int, default=600)
    parser.add_argument("--only", choices=FAR, nargs="*", default=FAR)
    parser.add_argument("--limits", action="store_true", help="limits in place of fluxes")
    parser.add_argument("--emissivity", type=float, help="emissivity index, if it is known")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--keep")
    options = parser.parse_args()
    settings = SETTINGS
    if options.emissivity is not None:
        priors = SETTINGS.priors | {"dust:emissivity": options.emissivity}
        settings = replace(SETTINGS, priors=priors)
    with threadpool_limits(1):
        for band in options.only:
            found = run(band, options, settings)
            report(f"{band} (limits)" if options.limits else band, options.seed, found)


if __name__ == "__main__":
    main()
