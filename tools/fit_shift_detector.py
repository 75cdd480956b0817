"""Fit the detector of galaxies outside the training set, and write it into a file of networks.

Run with ``python tools/fit_shift_detector.py MODEL TRAINING``, where MODEL is a file that
``tools/train_pretrained.py`` wrote, or any of `CNNEstimator.save`, and TRAINING one or more
folders of simulations that trained it: each folder in them is one part, and those whose names
differ only by ``-heavy`` at the end are of the same mosaics. Examples of wrong pixel scales are
the galaxies with the pixel scale of other mosaics. Galaxies at redshifts 0.5 to 3 with redshifts
of the training set, and galaxies with wider point-spread functions and more noise at two redshifts
of the training set, are drawn with ``--population``, ``--examples`` of each for each survey.

Those that come with dustest were fitted with ``--rows 75000 --examples 2000`` (three bands, 6
minutes), ``--rows 60000 --examples 1600`` (one band) and ``--rows 12000 --examples 800`` (seven
bands, which take the most memory: 7 GB).

The file is replaced unless ``--output`` names another, and its SHA-256 is printed, with the share
of false alarms on galaxies of ``--test``, a folder like TRAINING.
"""

import argparse
import sys
import time
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import vstack
from train_pretrained import Part, highest_snr, population

from dustest import CNNEstimator, ShiftDetector
from dustest.simulate import PSF, GalaxySimulator, noise_preset, read_simulation
from dustest.simulate.galaxies.named_populations import POPULATIONS
from dustest.simulate.surveys import get_survey

PRESETS = ("JADES-deep", "CEERS")
SEED = 170445
FAINTEST, BRIGHT = 2.0, 5.0
SIZE = 48
WIDER, NOISIER = (1.4, 1.6), (1.8, 2.2)
REDSHIFT_RANKS = (0.25, 0.75)
REPEATS = 3
"""How often drawn examples are shown, each time with other bands missing."""
LOW_REDSHIFTS = (0.5, 1.0, 2.0, 3.0)
KINDS = ("PSF", "noise", "redshift")


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("training", type=Path, nargs="+")
    parser.add_argument("--population", choices=list(POPULATIONS), default="0.2")
    parser.add_argument("--rows", type=int, default=10_000, help="of the training set")
    parser.add_argument("--examples", type=int, default=400, help="of each kind and survey")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    start = time.perf_counter(), time.process_time()
    cnn = CNNEstimator.load(options.model)
    bands = tuple(cnn.bands)
    parts = read_parts(options.training, bands, options.rows, FAINTEST)
    galaxies = {name: sample for name, (sample, _) in parts.items()}
    redshift = np.concatenate([np.asarray(one["redshift"]) for one in galaxies.values()])
    draws = Draws(bands, options.population, (redshift.min(), redshift.max()), options.seed)
    examples = {"pixel scale": stacked(misjudged(galaxies))}
    if options.examples:
        # Galaxies of few redshifts share tables of light, which take longer than the images.
        some = np.quantile(redshift, REDSHIFT_RANKS, method="nearest").tolist()
        examples |= draws.examples(options.examples, some)
    labels = np.repeat(list(galaxies), [len(one) for one in galaxies.values()])
    detector = ShiftDetector(bands, size=cnn.size, random_state=options.seed)
    detector.fit(stacked(galaxies.values()), labels, examples=examples)
    sha256 = cnn.use_detector(detector).save(options.output or options.model)
    wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
    sys.stdout.write(f"fitted on {len(labels)} galaxies: {wall:.0f} s, {cpu:.0f} s of one core\n")
    sys.stdout.write(f"{sha256}\n")
    if options.test:
        for name, (sample, _) in read_parts([options.test], bands, options.rows, BRIGHT).items():
            share = np.mean(detector.report(sample)["out_of_domain"])
            sys.stdout.write(f"{name}: false alarms {share:.3f} of {len(sample)}\n")


def read_parts(folders, bands, n, faintest):
    """About n galaxies and their truth by the mosaics, those bright enough in a band."""
    parts = [
        (path.parent, path.relative_to(folder).parts[0].removesuffix("-heavy"))
        for folder in folders
        for path in sorted(folder.rglob("simulation.json"))
    ]
    found = {}
    for path, name in parts:
        found.setdefault(name, []).append(some_of(path, bands, n // len(parts), faintest))
    return {name: tuple(map(stacked, zip(*pairs, strict=True))) for name, pairs in found.items()}


def some_of(path, bands, n, faintest):
    """The first galaxies of a simulation, and their truth."""
    samples, truths, count = [], [], 0
    for sample, truth in read_simulation(path):
        present = [band for band in bands if band in sample.cutout_bands]
        kept = highest_snr(sample, present) >= faintest
        columns = ["id", "group", "redshift", "pixel_scale", *(f"cutout_{b}" for b in present)]
        samples.append(sample[columns][kept])
        truths.append(truth[kept])
        count += len(samples[-1])
        if count >= n:
            break
    return stacked(samples)[:n], stacked(truths)[:n]


def misjudged(galaxies):
    """Galaxies with the pixel scale of other mosaics."""
    scales = {name: s["pixel_scale"][0].to_value(u.arcsec) for name, s in galaxies.items()}
    for name, sample in galaxies.items():
        others = [one for one in scales.values() if not np.isclose(one, scales[name])]
        part = sample.copy()
        if others:
            part["pixel_scale"] = np.resize(others, len(part)) * u.arcsec
            yield part


@dataclass(frozen=True)
class Draws:
    """Simulations outside the training set of networks."""

    bands: tuple
    population: str
    redshift: tuple
    seed: int
    faintest: float = FAINTEST

    def examples(self, n, redshifts):
        """Galaxies outside the training set, by the reason of the detector."""
        found = {
            "PSF": [
                self.wide(one, n // 4, f, z) for one, f, z in product(PRESETS, WIDER, redshifts)
            ],
            "noise": [
                self.noisy(one, n // 4, f, z) for one, f, z in product(PRESETS, NOISIER, redshifts)
            ],
            "redshift": [self.near(one, n) for one in PRESETS],
        }
        return {
            reason: stacked(REPEATS * [sample for sample, _ in parts])
            for reason, parts in found.items()
        }

    def near(self, survey, n, redshifts=LOW_REDSHIFTS):
        """Galaxies of low redshift that are taken for those of the training set.

        They are heavy galaxies of redshift 4, the lowest of the populations, seen from nearer.
        """
        rng = self._rng("redshift", survey)
        heavy = population(self.population, Part(survey, 1.0, is_heavy=True))
        galaxies = [
            replace(
                heavy.draw(4.0, rng, group=str(number)),
                redshift=redshifts[number % len(redshifts)],
            )
            for number in range(n)
        ]
        simulator = self._simulator(survey, neighbours=0.0)
        sample, truth = self._bright(*simulator.observe(galaxies, random_state=rng))
        sample["redshift"] = rng.uniform(*self.redshift, len(sample))
        return sample, truth

    def wide(self, survey, n, factor, redshift=None):
        """Galaxies seen with a wider point-spread function."""
        psfs = widened(self._simulator(survey).psfs, factor)
        return self.draw("PSF", survey, n, factor, redshift, psfs=psfs)

    def noisy(self, survey, n, factor, redshift=None):
        """Galaxies with more noise."""
        noise = louder(survey, self._bands(survey), factor)
        return self.draw("noise", survey, n, factor, redshift, noise=noise)

    def draw(self, kind, survey, n, factor, redshift, **options):
        """Galaxies of the population in changed mosaics, with larger stamps."""
        redshift = self.redshift if redshift is None else redshift
        simulator = self._simulator(survey, redshift=redshift, **options)
        rng = self._rng(kind, survey, round(100 * factor), round(100 * np.min(redshift)))
        return self._bright(*simulator.draw(n, random_state=rng))

    def _rng(self, kind, survey, *more):
        """Random numbers of one draw."""
        return np.random.default_rng((self.seed, KINDS.index(kind), PRESETS.index(survey), *more))

    def _bands(self, survey):
        """Bands that a survey has."""
        return [band for band in self.bands if band in get_survey(survey).bands]

    def _simulator(self, survey, **options):
        """Simulator of the mosaics of a survey."""
        common = {"redshift": self.redshift, "population": self.population, "neighbours": 0.1}
        return GalaxySimulator(
            self._bands(survey),
            survey,
            spectrograph=None,
            photometry_bands=(),
            offset=0.5,
            size=SIZE,
            views=("xy",),
            **common | options,
        )

    def _bright(self, sample, truth):
        """Galaxies that are bright enough in a band."""
        kept = highest_snr(sample, sample.cutout_bands) >= self.faintest
        return sample[kept], truth[kept]


def widened(psfs, factor):
    """Point-spread functions that are wider by a factor, by band."""
    return {band: PSF(psf.image, factor * psf.pixel_scale, band) for band, psf in psfs.items()}


def louder(survey, bands, factor):
    """Noise of a survey at another level, with the same correlation, by band."""
    found = {}
    for band in bands:
        noise = noise_preset(survey, band)
        depth = None if noise.depth is None else noise.depth - 2.5 * np.log10(factor)
        found[band] = replace(noise, rms=factor * noise.rms, depth=depth)
    return found


def stacked(samples):
    """All samples in one; bands that one lacks are masked."""
    return vstack(list(samples), metadata_conflicts="silent")


if __name__ == "__main__":
    main()
