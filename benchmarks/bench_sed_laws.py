"""Whether probabilities of dust laws are right, and A_V averaged over the laws covers.

Run ``python benchmarks/bench_sed_laws.py``. Mocks are drawn from the prior of each of four laws,
equally many: Calzetti, SMC and MW, and Salim with its free tilt and bump; A_V is 0.3 to 3 mag, and
every one of 11 bands has a signal to noise of 20. Each is fitted with all four laws under the same
priors. In five bins of the probability of the preferred law, of equally many galaxies, the share
of galaxies that are of this law should be that probability. The posterior of A_V is averaged over
the laws by their evidence, and its intervals should hold the truth as often as they say.

The errors follow the true fluxes, as is needed for one signal to noise in all bands, and the fit
takes them as given.
"""

import argparse
import sys
import time
from dataclasses import replace

import numpy as np

from dustest.estimators._sed.averaging import Alternatives, average
from dustest.estimators._sed.posterior import Galaxy, Settings
from dustest.estimators._sed.tabulated.importance_sampling import TabulatedEngine
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light

BANDS = (
    *("F606W", "F814W", "F090W", "F115W", "F150W", "F200W"),
    *("F277W", "F335M", "F356W", "F410M", "F444W"),
)
LAWS = ("Calzetti", "SMC", "MW", "Salim")
SFH = "lognormal"
PRIORS = {"dust:Av": (0.3, 3.0), "lognormal:massformed": (8.6, 9.4)}
SNR = 20.0
SEED = 180650
N_BINS = 5
LEAST_ESS = 400
INTERVALS = {"68 %": (0.16, 0.84), "90 %": (0.05, 0.95)}


def draw_mocks(settings, n, redshift, rng):
    """Fluxes (n, n_bands), without noise, and A_V of models of a prior."""
    maker = ModelMaker(settings, redshift, band_light(settings, BANDS))
    models = maker.at(rng.random((2 * n, len(maker.prior.free))))
    models = models.take(np.flatnonzero(np.all(models.flux > 0.0, axis=1))[:n])
    flux = models.flux * 10.0 ** rng.uniform(models.low, models.high)[:, np.newaxis]
    return flux, models.quantities["A_V"]


def draw_galaxies(n, redshift, seed):
    """Galaxies, numbers of their laws, and A_V."""
    rng = np.random.default_rng(seed)
    galaxies, law, a_v = [], [], []
    for number, settings in enumerate(all_settings()):
        flux, true = draw_mocks(settings, n // len(LAWS), redshift, rng)
        error = flux / SNR
        noisy = flux + error * rng.standard_normal(flux.shape)
        galaxies += [
            Galaxy(redshift, np.nan, BANDS, one, its_error, None, seed=int(rng.integers(2**62)))
            for one, its_error in zip(noisy, error, strict=True)
        ]
        law += [number] * len(flux)
        a_v += true.tolist()
    return galaxies, np.array(law), np.array(a_v)


def all_settings():
    """Settings of the fits, one for each law."""
    common = Settings(sfh=SFH, dust_law=LAWS[0], priors=PRIORS)
    return [replace(common, dust_law=law) for law in LAWS]


def fit(galaxies):
    """Probabilities (n, n_laws), draws of A_V (n, n_draws), and effective numbers."""
    engines = [TabulatedEngine(settings) for settings in all_settings()]
    models = Alternatives(SFH, LAWS)
    probability, draws, ess = [], [], []
    for number, galaxy in enumerate(galaxies):
        found = average(
            [engine.fit([galaxy], BANDS)[0] for engine in engines], models, galaxy.seed
        )
        probability.append([found.mixture.columns[f"probability_{name}"] for name in LAWS])
        draws.append(found.draws["A_V"])
        ess.append(found.ess)
        if number % 100 == 99:
            print(f"{number + 1} of {len(galaxies)}", file=sys.stderr, flush=True)
    return np.array(probability), np.array(draws), np.array(ess)


def report_laws(probability, law):
    """Print the share of right laws by their probability."""
    preferred, highest = probability.argmax(axis=1), probability.max(axis=1)
    right = preferred == law
    for number, name in enumerate(LAWS):
        print(f"{name}: {np.mean(right[law == number]):.3f} right")
    print("probability   right   error   deviation in errors")
    for rows in np.array_split(np.argsort(highest, kind="stable"), N_BINS):
        expected, found = highest[rows].mean(), right[rows].mean()
        error = np.sqrt(np.sum(highest[rows] * (1.0 - highest[rows]))) / len(rows)
        print(f"{expected:11.3f} {found:7.3f} {error:7.3f} {(found - expected) / error:9.2f}")
    print(f"all {highest.mean():7.3f} {right.mean():7.3f}")


def report_coverage(draws, a_v):
    """Print how often intervals of A_V hold the truth."""
    for name, levels in INTERVALS.items():
        low, high = np.quantile(draws, levels, axis=1)
        held = np.mean((low < a_v) & (a_v < high))
        error = np.sqrt(held * (1.0 - held) / len(a_v))
        print(f"A_V in {name}: {100 * held:.1f} +- {100 * error:.1f} per cent")


def main():
    """Draw, fit and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=2000, help="number of galaxies")
    parser.add_argument("--redshift", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", help="file for the results of all galaxies (.npz)")
    arguments = parser.parse_args()
    galaxies, law, a_v = draw_galaxies(arguments.n, arguments.redshift, arguments.seed)
    start = time.process_time()
    probability, draws, ess = fit(galaxies)
    seconds = (time.process_time() - start) / len(galaxies)
    print(f"{len(galaxies)} galaxies at redshift {arguments.redshift}, seed {arguments.seed}")
    few = ess < LEAST_ESS
    print(f"{1e3 * seconds:.0f} ms each for {len(LAWS)} laws, {few.sum()} below ESS {LEAST_ESS}")
    for name, rows in {"all": slice(None), "without these": ~few}.items():
        print(f"-- {name}")
        report_laws(probability[rows], law[rows])
        report_coverage(draws[rows], a_v[rows])
    if arguments.output:
        found = {"probability": probability, "draws": draws, "ess": ess}
        np.savez_compressed(arguments.output, **found, law=law, a_v=a_v)


if __name__ == "__main__":
    main()
