"""Calibration of fits with tables on mocks of their own prior.

Run ``python benchmarks/bench_sed_calibration.py``; ``--only`` picks cases. True parameters, the
mass among them, are drawn from the prior of the fit, and the noise has the distribution that the
fit assumes. The truth then lies at all percentiles of the posterior alike, which a
Kolmogorov-Smirnov test checks, and intervals of 68 % and 90 % hold as many truths. A test fails
below p = 0.01 over the number of tests. The seeds were chosen before the first run:

plain
    Nine bands, redshifts from 6 to 9 that are known.
gaps
    The same, each band missing with a probability of 0.3.
redshift
    The same, redshifts known to 0.3, with a Gaussian prior.
peaks
    Two peaks of p(z), below redshift 3 and above 4; also the probability of the higher one.
limits
    As the first, fluxes below three standard errors are upper limits there; galaxies have at
    least one flux above.
robust
    As the first, any band may be an outlier: the share of outliers of a galaxy and their errors
    have the distributions of the robust likelihood.
fractional_error
    As the first, with a further error of a fraction of the true flux, which is drawn for each
    galaxy from the prior of the fit, uniform from 0 to 0.2; also the mean difference between the
    posterior mean of the fraction and the truth.

``--keep FOLDER`` saves results in parts of 250 mocks; a stopped run resumes from them.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import chi2, kstest, truncnorm
from threadpoolctl import threadpool_limits

from dustest.estimators._sed.posterior import Galaxy, Limits, Settings
from dustest.estimators._sed.priors.redshift_density import RedshiftDensity
from dustest.estimators._sed.tabulated.importance_sampling import TabulatedEngine
from dustest.estimators._sed.tabulated.likelihoods.outliers import RARITY, WIDTH
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light

BANDS = ("F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W", "F410M", "F444W")
QUANTITIES = ("A_V", "log_sSFR", "log_mass")
MASSES = (8.0, 9.6)  # log10 of the mass formed, in which the prior is flat
SETTINGS = Settings("lognormal", "Calzetti", priors={"lognormal:massformed": MASSES})
FREE = replace(SETTINGS, free_redshift=True)
REDSHIFTS = (6.0, 9.0)
ERROR, BRIGHT_ERROR = 1.5, 10.0  # nJy; the second for galaxies of lower redshifts
GAPS = 0.3
N_SIGMA = 3.0
FRACTIONS = (0.0, 0.2)
SPREAD, REACH = 0.3, 3.0  # of redshifts, and where their prior is cut in units of it
PEAKS, PEAK_WIDTH = ((1.0, 3.0), (4.0, 8.0)), 0.1
BETWEEN, N_SHARED = 3.5, 10
N_CELLS = 5
COVERAGES = (0.68, 0.9)
LEAST_P = 0.01
PART = 250


@dataclass(frozen=True)
class Mocks:
    """Galaxies and their true quantities, and the settings of their fits."""

    settings: Settings
    galaxies: list
    truth: dict


@dataclass(frozen=True)
class Case:
    """Mocks of one kind: a function of their number and a generator, and the seed."""

    seed: int
    draw: Callable


def draw_redshifts(n, rng):
    """Redshifts in ascending order, in steps by which galaxies share pools of models."""
    return np.sort(np.round(rng.uniform(*REDSHIFTS, n), 1))


def draw_models(redshift, rng):
    """Fluxes in nJy and quantities of models of the prior, one at each redshift."""
    light = band_light(SETTINGS, BANDS)
    flux, truth = np.empty((len(redshift), len(BANDS))), {"redshift": redshift}
    truth |= {name: np.empty(len(redshift)) for name in QUANTITIES}
    nearest = np.round(redshift, 2)
    for value in np.unique(nearest):
        rows = np.flatnonzero(nearest == value)
        maker = ModelMaker(SETTINGS, float(value), light)
        models = maker.at(rng.random((len(rows), len(maker.prior.free))))
        log_mass = rng.uniform(models.low, models.high)
        flux[rows] = models.flux * 10.0 ** log_mass[:, np.newaxis]
        for name in QUANTITIES:
            has_mass = name == "log_mass"
            truth[name][rows] = models.quantities[name] + log_mass * has_mass
    return flux, truth


def make_galaxies(redshift, flux, rng, redshift_err=np.nan, densities=None, error=ERROR):
    """Galaxies with noise of one size in nJy."""
    noisy = flux + error * rng.standard_normal(flux.shape)
    error = np.full(len(BANDS), error)
    spreads = np.broadcast_to(redshift_err, len(flux))
    densities = densities or [None] * len(flux)
    rows = zip(
        redshift, spreads, noisy, densities, rng.integers(2**62, size=len(flux)), strict=True
    )
    return [
        Galaxy(
            float(z), float(err), BANDS, values, error, None, int(seed), redshift_density=density
        )
        for z, err, values, density, seed in rows
    ]


def draw_plain(n, rng):
    """Galaxies with known redshifts and all bands."""
    redshift = draw_redshifts(n, rng)
    flux, truth = draw_models(redshift, rng)
    return Mocks(SETTINGS, make_galaxies(redshift, flux, rng), truth)


def draw_gaps(n, rng):
    """Galaxies without some of the bands; two remain at least."""
    mocks = draw_plain(n, rng)
    galaxies = []
    for galaxy in mocks.galaxies:
        has = rng.random(len(BANDS)) > GAPS
        has[rng.choice(len(BANDS), 2, replace=False)] = True
        bands = tuple(band for band, known in zip(BANDS, has, strict=True) if known)
        data = {"flux": galaxy.flux[has], "flux_err": galaxy.flux_err[has]}
        galaxies.append(replace(galaxy, bands=bands, **data))
    return replace(mocks, galaxies=galaxies)


def draw_redshift(n, rng):
    """Galaxies with errors of their redshifts."""
    known = draw_redshifts(n, rng)
    redshift = truncnorm.rvs(-REACH, REACH, known, SPREAD, random_state=rng)
    flux, truth = draw_models(redshift, rng)
    return Mocks(FREE, make_galaxies(known, flux, rng, SPREAD), truth)


def draw_peaks(n, rng):
    """Galaxies with two peaks of p(z), of which some share one."""
    grid = np.arange(0.5, 9.0, 0.01)
    densities = []
    for _ in range(-(-n // N_SHARED)):
        centres = [rng.uniform(*limits) for limits in PEAKS]
        peaks = [np.exp(-0.5 * ((grid - centre) / PEAK_WIDTH) ** 2) for centre in centres]
        share = rng.uniform(0.2, 0.8)
        densities.append(
            RedshiftDensity.of_grid(grid, share * peaks[0] + (1.0 - share) * peaks[1])
        )
    densities = np.repeat(densities, N_SHARED)[:n].tolist()
    redshift = np.array([np.interp(rng.random(), each.below, each.redshift) for each in densities])
    flux, truth = draw_models(redshift, rng)
    middle = [np.interp(0.5, each.below, each.redshift) for each in densities]
    galaxies = make_galaxies(middle, flux, rng, densities=densities, error=BRIGHT_ERROR)
    return Mocks(FREE, galaxies, truth)


def draw_limits(n, rng):
    """Galaxies with upper limits where they are not detected."""
    mocks = draw_plain(4 * n, rng)
    fluxes = np.array([galaxy.flux for galaxy in mocks.galaxies])
    found = fluxes > N_SIGMA * ERROR
    rows = np.sort(rng.choice(np.flatnonzero(found.any(axis=1)), n, replace=False))
    galaxies = [_with_limits(mocks.galaxies[row], found[row]) for row in rows]
    return Mocks(SETTINGS, galaxies, {name: each[rows] for name, each in mocks.truth.items()})


def draw_robust(n, rng):
    """Galaxies with outliers."""
    redshift = draw_redshifts(n, rng)
    flux, truth = draw_models(redshift, rng)
    outlier = rng.random(flux.shape) < rng.beta(1.0, RARITY, (n, 1))
    galaxies = make_galaxies(redshift, flux, rng)
    wide = flux + ERROR * WIDTH * rng.standard_cauchy(flux.shape)
    galaxies = [
        replace(galaxy, flux=np.where(bad, values, galaxy.flux))
        for galaxy, bad, values in zip(galaxies, outlier, wide, strict=True)
    ]
    return Mocks(replace(SETTINGS, robust=True), galaxies, truth)


def draw_fractional_error(n, rng):
    """Galaxies with an unknown error that is a fraction of the flux, one of each galaxy."""
    redshift = draw_redshifts(n, rng)
    flux, truth = draw_models(redshift, rng)
    fraction = rng.uniform(*FRACTIONS, n)
    scatter = fraction[:, np.newaxis] * flux * rng.standard_normal(flux.shape)
    galaxies = make_galaxies(redshift, flux + scatter, rng)
    settings = replace(SETTINGS, fractional_error=FRACTIONS)
    return Mocks(settings, galaxies, truth | {"fraction": fraction})


def _with_limits(galaxy, found):
    """The galaxy with limits in the bands without a detection."""
    bands = np.array(galaxy.bands)
    error = galaxy.flux_err[~found]
    return replace(
        galaxy,
        bands=tuple(bands[found].tolist()),
        flux=galaxy.flux[found],
        flux_err=galaxy.flux_err[found],
        limits=Limits(tuple(bands[~found].tolist()), N_SIGMA * error, error),
    )


CASES = {
    "plain": Case(180700, draw_plain),
    "gaps": Case(180701, draw_gaps),
    "redshift": Case(180702, draw_redshift),
    "peaks": Case(180703, draw_peaks),
    "limits": Case(180704, draw_limits),
    "robust": Case(180705, draw_robust),
    "fractional_error": Case(180706, draw_fractional_error),
}


def fit_part(case, n, part):
    """Ranks of the truth in the posteriors of some mocks, effective samples, probability of peaks.

    Values that many draws share, such as the lowest rate of a history without recent stars, are
    divided at random.
    """
    rng = np.random.default_rng([case.seed, part])
    mocks = case.draw(n, rng)
    start = time.process_time()
    posteriors = TabulatedEngine(mocks.settings).fit(mocks.galaxies, BANDS)
    found = {"seconds": np.full(n, (time.process_time() - start) / n)}
    found["ess"] = np.array([posterior.ess for posterior in posteriors])
    found["snr"] = np.array([np.max(one.flux / one.flux_err) for one in mocks.galaxies])
    for name in (*QUANTITIES, *(["redshift"] if mocks.settings.free_redshift else [])):
        draws = np.stack([posterior.draws[name] for posterior in posteriors])
        truth = mocks.truth[name][:, np.newaxis]
        ties = rng.random(n) * np.mean(draws == truth, axis=1)
        found[f"rank_{name}"] = np.mean(draws < truth, axis=1) + ties
        found[f"truth_{name}"] = mocks.truth[name]
    if case is CASES["fractional_error"]:
        found["fraction"] = np.array([next(iter(p.fractional_error.values())) for p in posteriors])
        found["truth_fraction"] = mocks.truth["fraction"]
    if case is CASES["peaks"]:
        above = np.stack([posterior.draws["redshift"] > BETWEEN for posterior in posteriors])
        found["above"] = above.mean(axis=1)
    return found


def run_case(name, arguments):
    """All parts of a case, those that were kept among them."""
    parts = []
    for number, start in enumerate(range(0, arguments.mocks, PART)):
        n = min(PART, arguments.mocks - start)
        path = arguments.keep and arguments.keep / f"{name}-{number}-{n}.npz"
        if path and path.exists():
            parts.append(dict(np.load(path)))
            continue
        parts.append(fit_part(CASES[name], n, number))
        if path:
            np.savez(path, **parts[-1])
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def cell_test(probability, happened):
    """Probability of the chi-squared of shares in cells of a probability, and the shares."""
    inner = np.quantile(probability, np.arange(1, N_CELLS) / N_CELLS)
    cell = np.searchsorted(inner, probability, "right")
    rows, total = [], 0.0
    for k in np.unique(cell):
        here = cell == k
        expected, share = probability[here].mean(), happened[here].mean()
        variance = np.mean(probability[here] * (1.0 - probability[here])) / here.sum()
        error = np.sqrt(max(variance, 1.0 / here.sum() ** 2))
        total += ((share - expected) / error) ** 2
        rows.append(f"{share:.3f} for {expected:.3f} +- {error:.3f}")
    return chi2.sf(total, len(rows)), rows


def show_case(name, found, n_tests):
    """Print tests and coverage of a case."""
    n, ess, snr = len(found["ess"]), found["ess"], np.percentile(found["snr"], [5, 50, 95])
    print(
        f"{name}, seed {CASES[name].seed}: {n} mocks, highest signal to noise "
        f"{' / '.join(f'{value:.0f}' for value in snr)} (5, 50, 95 %), "
        f"{1.0 / found['seconds'].mean():.0f} galaxies/s, {np.mean(ess >= 400):.1%} have 400 "
        "effective samples"
    )
    for key in (key for key in found if key.startswith("rank_")):
        rank = found[key]
        p = kstest(rank, "uniform").pvalue
        inside = [np.mean(np.abs(rank - 0.5) < 0.5 * level) for level in COVERAGES]
        print(
            f"    {key.removeprefix('rank_')}: {_verdict(p, n_tests)}, "
            f"coverage of 68 %: {inside[0]:.1%}, of 90 %: {inside[1]:.1%}, mean rank "
            f"{rank.mean():.4f}"
        )
    if "fraction" in found:
        apart = found["fraction"] - found["truth_fraction"]
        print(f"    fraction: {apart.mean():.4f} +- {apart.std() / np.sqrt(n):.4f} too high")
    if "above" in found:
        p, rows = cell_test(found["above"], found["truth_redshift"] > BETWEEN)
        print(
            f"    higher peak: {_verdict(p, n_tests)}, shares in cells of its probability: "
            f"{'; '.join(rows)}"
        )


def _verdict(p, n_tests):
    """A probability, and whether a test failed."""
    return f"p = {p:.4f}" + (" FAILS" if p < LEAST_P / n_tests else "")


def count_tests(found):
    """Number of tests of a case."""
    return sum(key.startswith("rank_") or key == "above" for key in found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--mocks", type=int, default=5000)
    parser.add_argument("--keep", type=Path, help="folder of parts that are kept")
    arguments = parser.parse_args()
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    with threadpool_limits(1):
        found = {name: run_case(name, arguments) for name in arguments.only}
    n_tests = sum(map(count_tests, found.values()))
    print(f"{n_tests} tests, a test fails below p = {LEAST_P / n_tests:.5f}")
    for name, case in found.items():
        show_case(name, case, n_tests)


if __name__ == "__main__":
    main()
