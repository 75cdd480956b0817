"""Draw galaxies with images and photometry, to train and test combinations of methods.

Run with ``python tools/draw_fusion_sets.py --folder FOLDER --sets calibration test-1 train-1``.
Every part of a set, galaxies of one survey, redshift and kind (``default`` or ``heavy``), is a
pair of files ``SET/PART.sample.fits`` and ``SET/PART.truth.fits``. An interrupted run resumes
with the first part that is missing. `read_set` reads what is complete.

Galaxies are of population 0.2, one view each, at redshifts 4 to 14, in JADES-deep and CEERS.
They have stamps in three bands and total fluxes in all bands of the survey. A set keeps galaxies
with S/N of ``snr_min`` or more in at least one band of the images. To save time, galaxies whose
stars are too few and too old for that are not observed (`BrightPopulation`); of 300 galaxies with
S/N >= 5, drawn without this cut, none is lost. Neighbours are of the whole population.
"""

import argparse
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from astropy.table import vstack

from dustest.data import GalaxySample, RowTable
from dustest.data.quantities import QUANTITIES, quantity_column
from dustest.simulate import GalaxySimulator, get_population

BANDS = ("F277W", "F356W", "F444W")
SURVEYS = {"JADES-deep": 0.6, "CEERS": 0.4}
"""Surveys, and the shares of drawn galaxies in them."""
HEAVY = (8.0, 11.0), 0.5
"""Range of log M and tilt of the mass function of heavy galaxies, as in train_pretrained.py."""
REDSHIFTS = (4.0, 14.0)
SLICE = 100
LIMITS = {
    "JADES-deep": ((4.6, 7.1, 11.0), (6.0, 6.5, 6.95)),
    "CEERS": ((4.6, 7.1, 11.0), (6.5, 7.1, 7.4)),
}
"""Redshifts, and the least brightness (`brightness`) of galaxies that are observed."""


@dataclass(frozen=True)
class Kind:
    """A set: galaxies drawn from both populations, seed, redshifts of a survey, and least S/N."""

    default: int
    heavy: int
    seed: int
    n_redshifts: int = 10
    snr_min: float = 5.0


KINDS = {
    "calibration": Kind(14_000, 1_900, 193001),
    "test-1": Kind(28_000, 2_500, 193002, 12),
    "train-1": Kind(24_000, 5_500, 193003, 14, 3.0),
    "calibration-2": Kind(14_000, 1_900, 193004, 11),
    "test-2": Kind(40_000, 3_500, 193005, 13),
    "train-2": Kind(24_000, 5_500, 193006, 15, 3.0),
    "test-3": Kind(40_000, 0, 193007, 13),
}


@dataclass
class BrightPopulation:
    """Galaxies of a population brighter than a limit, and all of them as neighbours.

    ``population`` and ``limit`` may be changed between draws. ``n_drawn`` counts the galaxies
    that were drawn, observed or not.
    """

    population: object
    limit: float = -np.inf
    n_drawn: int = field(default=0, metadata={"identity": False})

    @property
    def dust(self):
        """Dust of the galaxies."""
        return self.population.dust

    def draw(self, redshift, random_state=None, group=""):
        """Draw a galaxy; those with a name are brighter than the limit."""
        while True:
            galaxy = self.population.draw(redshift, random_state, group=group)
            if not group:
                return galaxy
            self.n_drawn += 1
            if brightness(galaxy.stars) >= self.limit:
                return galaxy


def brightness(stars):
    """Log of the mass of stars of 10 Myr that are about as bright as all stars together."""
    age = np.maximum(np.asarray(stars.age, float), 5e6)
    return np.log10(np.sum(np.asarray(stars.mass, float) * (age / 1e7) ** -0.8))


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args(arguments)
    for name in options.sets:
        draw_set(name, options.folder / name)


def draw_set(name, folder):
    """Draw all parts of a set that are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = KINDS[name]
    for step in spread(kind.n_redshifts):
        for number, (survey, share) in enumerate(SURVEYS.items()):
            low, high = REDSHIFTS
            place = (step + (number + 0.5) / len(SURVEYS)) / kind.n_redshifts
            redshift = round(low + (high - low) * place, 2)
            n = {
                part: round(share * count / kind.n_redshifts)
                for part, count in {"default": kind.default, "heavy": kind.heavy}.items()
            }
            draw_parts(folder, kind, survey, redshift, n, 100 * number + step)


def spread(n):
    """Numbers up to n in an order that covers the range early."""
    return sorted(range(n), key=lambda i: (i * 0.6180339887) % 1.0)


def draw_parts(folder, kind, survey, redshift, counts, number):
    """Draw the parts of one survey and redshift, which share tables of light."""
    simulator = None
    for place, (part, count) in enumerate(counts.items()):
        path = folder / f"{survey}-z{redshift:05.2f}-{part}"
        if not count or path.with_name(f"{path.name}.truth.fits").exists():
            continue
        if simulator is None:
            population = BrightPopulation(get_population("0.2"))
            simulator = GalaxySimulator(
                BANDS,
                survey,
                redshift,
                population=population,
                views=("xy",),
                spectrograph=None,
                offset=0.5,
                neighbours=0.1,
            )
        population.population = of_kind(part)
        limited = part == "default" and kind.snr_min >= 5.0
        population.limit = np.interp(redshift, *LIMITS[survey]) if limited else -np.inf
        population.n_drawn, pairs = 0, []
        while population.n_drawn < count:
            seed = 1_000_000 * kind.seed + 1000 * number + 500 * place + len(pairs)
            n = min(SLICE, count - population.n_drawn)
            pairs.append(bright(simulator.draw(n, random_state=seed), kind.snr_min))
        write_part(path, pairs, {"n_drawn": population.n_drawn, "kind": part, "survey": survey})


def of_kind(part):
    """The population, or the heavy galaxies of it."""
    found = get_population("0.2")
    if part != "heavy":
        return found
    log_mass, tilt = HEAVY
    return replace(found, log_mass=log_mass, mass_function=replace(found.mass_function, tilt=tilt))


def bright(pair, snr_min):
    """Galaxies bright enough in a band, and their truth."""
    snr = np.max([np.asarray(pair[0][f"snr_{band}"], float) for band in BANDS], axis=0)
    return tuple(table[snr >= snr_min] for table in pair)


def write_part(path, pairs, about):
    """Write galaxies and, when they are complete, their truth."""
    for kind, tables in zip(("sample", "truth"), zip(*pairs, strict=True), strict=True):
        filled = [table for table in tables if len(table)] or list(tables[:1])
        table = vstack(filled, metadata_conflicts="silent")
        table.meta = dict(about)
        table["kind"], table["survey"] = (
            np.full(len(table), about[key], dtype="U10") for key in ("kind", "survey")
        )
        partial = path.with_name(f"{path.name}.{kind}.partial")
        table.write(partial, format="fits", overwrite=True)
        partial.rename(path.with_name(f"{path.name}.{kind}.fits"))
    sys.stdout.write(f"{path.parent.name}/{path.name}: {len(table)} of {about['n_drawn']}\n")
    sys.stdout.flush()


def read_set(folder, kinds=("default", "heavy"), surveys=tuple(SURVEYS), columns=None):
    """Complete parts of a set, one part after the other.

    Parameters
    ----------
    folder : path-like
        Folder of the set.
    kinds, surveys : sequence of str, optional
        Which parts.
    columns : callable, optional
        Whether to keep a column of the sample, by its name; those of other columns are dropped.

    Returns
    -------
    sample : GalaxySample
        The galaxies, with their ``kind`` and ``survey``. Bands that one survey lacks are NaN.
    truth : RowTable
        Their truth.
    """
    samples, truths = [], []
    for path in sorted(Path(folder).glob("*.truth.fits")):
        name = path.name.removesuffix(".truth.fits")
        if not (name.endswith(tuple(kinds)) and name.startswith(tuple(surveys))):
            continue
        truth = RowTable.read(path, format="fits")
        for quantity in QUANTITIES:
            column = quantity_column(quantity, truth.colnames)
            if column not in (None, quantity):
                truth.rename_column(column, quantity)
        sample = GalaxySample.read(path.with_name(f"{name}.sample.fits"), format="fits")
        if columns is not None:
            sample = sample[[column for column in sample.colnames if columns(column)]]
        if len(sample):
            samples.append(sample)
            truths.append(truth)
    return stack_samples(samples), vstack(truths, metadata_conflicts="silent")


def stack_samples(samples):
    """One sample of several; fluxes in bands that one of them lacks are NaN."""
    names = list(dict.fromkeys(name for sample in samples for name in sample.colnames))
    for sample in samples:
        for name in names:
            if name not in sample.colnames:
                like = next(other[name] for other in samples if name in other.colnames)
                sample[name] = np.full((len(sample), *like.shape[1:]), np.nan) * like.unit
        sample.meta = {}
    return vstack([sample[names] for sample in samples], metadata_conflicts="silent")


if __name__ == "__main__":
    main()
