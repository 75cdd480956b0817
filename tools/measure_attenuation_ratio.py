"""Measure the ratio A_V / E(B-V) of simulated galaxies by their dust-to-metal ratio.

Run with ``python tools/measure_attenuation_ratio.py --output FOLDER``; it writes the table
``attenuation_ratio.ecsv`` and a figure for each set of galaxies. All are seen by CEERS, and only
those with a signal-to-noise ratio of 5 in one band of the images or more are kept.
"""

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from astropy.table import vstack

from dustest.report.figures import plot_attenuation_ratio
from dustest.simulate import GalaxySimulator, get_population
from dustest.simulate.galaxies.named_populations import change_settings
from dustest.validation import binned_statistics

SEED = 170608
REDSHIFT = (6.0, 8.0)
# The ratios of the paper are 0, 0.1, ..., 1; each bin is centred on one of them.
EDGES = np.round(np.arange(0.05, 1.0, 0.1), 2)
EVERYTHING = np.array([0.0, 1.0])


@dataclass(frozen=True)
class Setting:
    """Which galaxies are measured, and behind which dust: a law, or that of the population."""

    name: str
    log_mass: tuple
    dust_law: str | None
    n: int


SETTINGS = (
    Setting("all", (7.0, 11.0), None, 12000),
    Setting("above_1e8", (8.0, 11.0), None, 10000),
    Setting("above_1e9.5", (9.5, 11.0), None, 4000),
    Setting("above_1e9.5_mw", (9.5, 11.0), "MW", 4000),
)


def detected_truth(setting, population, seed):
    """Truth of the galaxies that CEERS would see."""
    simulator = GalaxySimulator(
        preset="CEERS",
        redshift=REDSHIFT,
        population=change_settings(get_population(population), {"log_mass": setting.log_mass}),
        dust_law=setting.dust_law,
        photometry_bands=[],
        spectrograph=None,
    )
    sample, truth = simulator.draw(setting.n, random_state=seed)
    return truth[sample["flags"] == 0]


def ratio_table(truth, setting):
    """Percentiles of R_V by dust-to-metal ratio; the first row holds all galaxies."""
    by_ratio = partial(binned_statistics, truth, "R_V", by="dust_to_metal")
    table = vstack(
        [by_ratio(edges=EVERYTHING), by_ratio(edges=EDGES)], metadata_conflicts="silent"
    )
    for name in ("log_mass", "A_V"):
        edges = (EVERYTHING, EDGES)
        rows = [binned_statistics(truth, name, by="dust_to_metal", edges=e) for e in edges]
        table[f"median_{name}"] = np.concatenate([np.asarray(row["median"]) for row in rows])
    table.add_column(setting.dust_law or "population", name="dust_law", index=0)
    table.add_column(setting.name, name="set", index=0)
    return table


def parsed_arguments():
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the galaxies")
    parser.add_argument("--population", default="0.2", help="name of the population")
    return parser.parse_args()


def main():
    """Write the table and the figures."""
    arguments = parsed_arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    tables = []
    for setting in SETTINGS:
        truth = detected_truth(setting, arguments.population, arguments.seed)
        tables.append(ratio_table(truth, setting))
        figure = plot_attenuation_ratio(truth).figure
        figure.savefig(arguments.output / f"{setting.name}.png", dpi=200)
        vstack(tables, metadata_conflicts="silent").write(
            arguments.output / "attenuation_ratio.ecsv", overwrite=True
        )


if __name__ == "__main__":
    main()
