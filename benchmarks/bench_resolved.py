"""Maps of simulated galaxies: coverage of A_V, summed masses, radial slopes, and speed.

Run ``python benchmarks/bench_resolved.py --work FOLDER``. Galaxies of the population "0.2" with
log M 8 to 11 and an exponent of the mass function that is larger by 0.5 ("heavy") are observed in
nine NIRCam bands at redshifts 5, 6 and 7 with the noise of JADES-deep, on stamps of 64 pixels;
those with a signal-to-noise ratio of 30 to 300 in the reference band are kept. The truth of a bin
is that of the light and the mass in its pixels at the same resolution. A calibration is fitted on
bins of other galaxies. "Equal errors" are fits with the errors of all bins of a galaxy as large
as those of its faintest. Screens are galaxies of the same population behind a uniform screen of
0.8 mag of extinction, which scattering into the line of sight reduces. Every step keeps its result
in the folder; remove it after a change.

``resolved.ecsv`` has a row for each method: coverages with bootstrap errors over galaxies, bias
and MAE of A_V over that of the median truth, the median difference of the summed mass, and the
mean slope of A_V with radius behind the screens. ``speed.ecsv`` has bins per second and core.
"""

import argparse
import pickle
import resource
import time
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import QTable, vstack

from dustest import BagpipesEstimator, CalibratedEstimator, MeurerEstimator
from dustest.data import GalaxySample
from dustest.physics import measure_noise_correlation
from dustest.resolved import bin_cutouts
from dustest.simulate import GalaxySimulator, ParticleGalaxy, get_population, noise_preset

SEEDS = {
    "test": 210510,
    "calibration": 210511,
    "screen": 210512,
    "fit": 210513,
    "boot": 210514,
    "sky": 210515,
}
BANDS = ("F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W", "F410M", "F444W")
REDSHIFTS = np.array([5.0, 6.0, 7.0])
SIZE, SNR, SNR_TOTAL = 64, 10.0, (30.0, 300.0)
SCREEN = 0.8
FEWEST_BINS = 4
N_BOOTSTRAP, N_DRAWS = 1000, 200
CHUNK = 50


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--galaxies", type=int, default=100)
    parser.add_argument("--screens", type=int, default=60)
    parser.add_argument("--methods", nargs="*", choices=list(methods()))
    parser.add_argument("--speed", action="store_true", help="measure the speed only")
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    numbers = {
        "test": options.galaxies,
        "screen": options.screens,
    }
    if options.speed:
        measure_speed(options.work, kept(options.work, "test", numbers["test"]))
        return
    found = {name: kept(options.work, name, n) for name, n in numbers.items()}
    results = estimates(options.work, found, options.methods or list(methods()))
    rows = [scores(name, found, tables) for name, tables in results.items()]
    table = QTable(rows)
    table.meta |= {"seeds": SEEDS, "population": "0.2, heavy", "bands": BANDS}
    table.write(options.work / "resolved.ecsv", overwrite=True)
    table.pprint_all()


def make_simulator():
    """Simulator of heavy galaxies."""
    population = get_population("0.2")
    function = replace(population.mass_function, tilt=0.5)
    heavy = replace(population, log_mass=(8.0, 11.0), mass_function=function)
    return GalaxySimulator(
        BANDS,
        "JADES-deep",
        REDSHIFTS,
        size=SIZE,
        population=heavy,
        views=("xy",),
        photometry_bands=(),
        spectrograph=None,
    )


def kept(folder, name, wanted):
    """Binned galaxies with their truth, the first of a seed that are bright enough."""
    path = folder / f"galaxies-{name}.pickle"
    found = pickle.loads(path.read_bytes()) if path.exists() else {"parts": [], "chunk": 0}
    simulator = make_simulator()
    while len(found["parts"]) < wanted:
        found["parts"] += draw_chunk(simulator, name, found["chunk"])
        found["chunk"] += 1
        path.write_bytes(pickle.dumps(found))
        print(name, len(found["parts"]), "of", CHUNK * found["chunk"], flush=True)
    return found["parts"][:wanted]


def draw_chunk(simulator, name, chunk):
    """Galaxies of a chunk that are bright enough, in bins."""
    seed = SEEDS[name] + 1000 * chunk
    source = screens(simulator, seed) if name == "screen" else CHUNK
    observe = simulator.observe if name == "screen" else simulator.draw
    sample, _ = observe(source, random_state=seed)
    truth = simulator.true_images(source, random_state=seed)
    parts, noise = [], mosaic_noise()
    for row, (galaxy, true) in enumerate(zip(sample, truth, strict=True)):
        if max(galaxy[f"snr_{band}"] for band in BANDS) < SNR_TOTAL[0] / 3.0:
            continue
        binned = bin_cutouts(galaxy, psf=simulator.psfs, signal_to_noise=SNR, noise=noise)
        if SNR_TOTAL[0] <= binned.total["snr"][0] <= SNR_TOTAL[1]:
            parts.append(as_part(binned, true, f"{name}-{chunk}-{row}"))
    return parts


@cache
def mosaic_noise():
    """Correlated noise by band, measured on blank sky as on a mosaic."""
    stamps = {band: noise_preset("JADES-deep", band).draw(20, 200, SEEDS["sky"]) for band in BANDS}
    return {band: measure_noise_correlation(one, n_lags=15) for band, one in stamps.items()}


def screens(simulator, seed):
    """Galaxies whose stars have one optical depth."""
    rng = np.random.default_rng(seed)
    drawn = []
    for number in range(CHUNK):
        redshift = REDSHIFTS[rng.integers(len(REDSHIFTS))]
        galaxy = simulator.population.draw(redshift, rng, group=f"{seed}-{number}")
        tau_v = np.full(len(galaxy.stars), SCREEN / 1.0857)
        stars = replace(galaxy.stars, tau_v=tau_v)
        drawn.append(
            ParticleGalaxy(stars, None, redshift, galaxy.group, conditions=galaxy.conditions)
        )
    return drawn


def as_part(binned, true, group):
    """Fluxes and truth of the bins of a galaxy."""
    light, dust_free = binned.sum(true.V), binned.sum(true.V_dust_free)
    samples = {"sample": binned.sample, "equal": binned.with_equal_errors().sample}
    for sample in samples.values():
        sample["group"] = np.full(len(sample), group)
        sample["id"] = [f"{group}-{number}" for number in sample["id"]]
    return {
        **samples,
        "A_V": -2.5 * np.log10(light / dust_free),
        "log_mass": np.log10(np.maximum(binned.sum(true.mass), 1.0)),
        "radius": binned.radius.value,
        "snr": float(binned.total["snr"][0]),
        "reference": binned.reference,
    }


def joined(parts):
    """Bins of several galaxies as one sample, and their truth."""
    sample = GalaxySample(vstack([one["sample"] for one in parts], metadata_conflicts="silent"))
    truth = {name: np.concatenate([one[name] for one in parts]) for name in ("A_V", "log_mass")}
    return sample, QTable({"A_V": truth["A_V"] * u.mag, "log_mass": truth["log_mass"]})


def methods():
    """Estimators by name."""
    extra = {"extra": ("log_mass",), "random_state": SEEDS["fit"], "share_models": True}
    return {
        "SED": BagpipesEstimator(**extra),
        "SED, preset Fu": BagpipesEstimator(preset="Fu", **extra),
        "SED, equal errors": BagpipesEstimator(**extra),
        "SED, preset Fu, equal errors": BagpipesEstimator(preset="Fu", **extra),
        "slope": MeurerEstimator(),
    }


def estimates(folder, found, names):
    """Results of the test galaxies and the screens by method, with and without calibration."""
    results = {}
    equal = {
        name: [one | {"sample": one["equal"]} for one in parts] for name, parts in found.items()
    }
    for name, method in methods().items():
        parts = equal if "equal errors" in name else found
        for label, estimate in (
            (name, partial(plain, method, parts)),
            (f"{name}, calibrated", partial(crossed, name, method, parts)),
        ):
            path = folder / f"estimates-{label}.pickle".replace(" ", "_")
            if not path.exists() and name in names:
                path.write_bytes(pickle.dumps(estimate()))
                print(label, flush=True)
            if path.exists():
                results[label] = pickle.loads(path.read_bytes())
    return results


def plain(method, found):
    """Results of an estimator as it is."""
    return {
        name: method.estimate(joined(parts)[0], draws=N_DRAWS) for name, parts in found.items()
    }


def crossed(name, method, found):
    """Results with the calibration of the other half; screens have that of the first half."""
    columns = ["A_V", "log_mass"] if "SED" in name else ["A_V"]
    half = len(found["test"]) // 2
    halves = found["test"][:half], found["test"][half:]
    tables = {}
    for number, learn in enumerate(halves):
        sample, truth = joined(learn)
        calibrated = CalibratedEstimator(method, random_state=SEEDS["fit"])
        calibrated.fit(sample, truth[columns])
        parts = [halves[1 - number], found["screen"] if number == 0 else []]
        table = calibrated.estimate(joined([*parts[0], *parts[1]])[0], draws=N_DRAWS)
        n_bins = sum(len(one["A_V"]) for one in parts[0])
        tables[1 - number], screens = table[:n_bins], table[n_bins:]
        if number == 0:
            tables["screen"] = screens
    test = vstack([tables[0], tables[1]], metadata_conflicts="silent")
    return {"test": test, "screen": tables["screen"]}


def scores(name, found, tables):
    """Row of the figures of a method."""
    _, truth = joined(found["test"])
    table, a_v = tables["test"], np.asarray(truth["A_V"])
    group = np.repeat(np.arange(len(found["test"])), [len(one["A_V"]) for one in found["test"]])
    low, middle, high = (np.asarray(table[c]) for c in ("A_V_p16", "A_V", "A_V_p84"))
    use = np.isfinite(low) & np.isfinite(a_v)
    inside = ((a_v >= low) & (a_v <= high))[use]
    error, baseline = (middle - a_v)[use], np.abs(a_v - np.median(a_v[use]))[use]
    row = {
        "method": name,
        "n_galaxies": len(found["test"]),
        "n_bins": int(use.sum()),
        "coverage": inside.mean(),
        "coverage_err": bootstrap(inside.astype(float), group[use]),
        "bias": error.mean(),
        "bias_err": bootstrap(error, group[use]),
        "mae_over_baseline": np.abs(error).mean() / baseline.mean(),
        "ess_400": share_of_ess(table),
    }
    row |= mass_scores(found["test"], table, truth, group)
    return row | slope_scores(found["screen"], tables["screen"])


def share_of_ess(table):
    """Share of bins with 400 effective samples."""
    return float(np.mean(table["ess"] >= 400)) if "ess" in table.colnames else np.nan


def bootstrap(values, group):
    """Standard error of a mean over galaxies that are drawn again."""
    rng = np.random.default_rng(SEEDS["boot"])
    sums, numbers = np.bincount(group, values), np.bincount(group)
    chosen = rng.integers(len(sums), size=(N_BOOTSTRAP, len(sums)))
    return float(np.std(sums[chosen].sum(axis=1) / numbers[chosen].sum(axis=1)))


def mass_scores(parts, table, truth, group):
    """Median difference of the mass summed over bins, and its error."""
    if "log_mass_draws" not in table.colnames:
        return {"mass_offset": np.nan, "mass_offset_err": np.nan, "mass_scatter": np.nan}
    draws = np.asarray(table["log_mass_draws"])
    offsets = []
    for number in range(len(parts)):
        rows = (group == number) & np.isfinite(draws[:, 0])
        total = np.log10(np.sum(10.0 ** draws[rows], axis=0))
        offsets.append(np.median(total) - np.log10(np.sum(10.0 ** truth["log_mass"][rows])))
    offsets = np.array(offsets)
    rng = np.random.default_rng(SEEDS["boot"])
    again = np.median(
        offsets[rng.integers(len(offsets), size=(N_BOOTSTRAP, len(offsets)))], axis=1
    )
    return {
        "mass_offset": float(np.median(offsets)),
        "mass_offset_err": float(again.std()),
        "mass_scatter": float(0.5 * np.ptp(np.percentile(offsets, [16, 84]))),
    }


def slope_scores(parts, table):
    """Mean slope of A_V with radius behind uniform screens, in mag per arcsec."""
    slopes, offsets, start = [], [], 0
    for part in parts:
        rows = slice(start, start + len(part["radius"]))
        start = rows.stop
        a_v = np.asarray(table["A_V"][rows])
        use = np.isfinite(a_v)
        offsets.append(np.mean((a_v - part["A_V"])[use]))
        if use.sum() >= FEWEST_BINS and np.ptp(part["radius"][use]) > 0.05:
            slopes.append(np.polyfit(part["radius"][use], a_v[use], 1)[0])
    slopes = np.array(slopes)
    return {
        "n_screens": len(slopes),
        "slope": slopes.mean(),
        "slope_err": slopes.std(ddof=1) / np.sqrt(len(slopes)),
        "screen_bias": float(np.mean(offsets)),
    }


def measure_speed(folder, parts):
    """Bins per second and core at one redshift, without the start and the pool of models."""
    sample, _ = joined(parts)
    sample = sample[sample["redshift"] == REDSHIFTS[1]]
    rows = []
    for name, method in methods().items():
        first = timed(method, sample[:FEWEST_BINS])
        table, *total = timed(method, sample)
        seconds, cpu = (b - a for a, b in zip(first[1:], total, strict=True))
        n = len(sample) - FEWEST_BINS
        rows.append([name, n, first[1], first[2], n / seconds, n / cpu, share_of_ess(table)])
        print(rows[-1], flush=True)
    names = ["method", "n_bins", "start", "start_cpu", "per_second", "per_cpu_second", "ess_400"]
    table = QTable(rows=rows, names=names)
    table.write(folder / "speed.ecsv", overwrite=True)
    table.pprint_all()


def timed(method, sample):
    """Result, and the seconds and CPU seconds that it took, those of workers included."""
    start, before = time.perf_counter(), cpu_seconds()
    table = method.estimate(sample, n_jobs=1)
    return table, time.perf_counter() - start, cpu_seconds() - before


def cpu_seconds():
    """CPU time of this process and its finished workers."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
