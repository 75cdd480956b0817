"""Hold the simulated galaxies against those of JADES between redshifts 6 and 9.

Run with ``python tools/compare_with_real.py --data ../shared/data --output FOLDER``, where the
data are ``catalogs/jof_bagpipes.ecsv`` (JADES Origins Field),
``catalogs/jades_z6to9_beagle.fits`` (Endsley et al. 2024, MNRAS 533, 1111) and
``catalogs/published_uv_slopes.csv``. It writes the table ``populations.ecsv``, rows of
`dustest.validation.compare_distributions`, and a figure for each catalogue.

The simulated galaxies are seen as the catalogue would hold them, see ``mock_catalogs.py``. The
real photometry is the half that `fit_population.py` does not use.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.table import vstack
from mock_catalogs import (
    CATALOGS,
    LINE_COLOURS,
    REDSHIFT,
    MockCatalogs,
    fitting_half,
    observables,
    published_slopes,
    real_galaxies,
    thinned,
    weights_of,
)

from dustest.report.figures import plot_populations
from dustest.simulate import get_population
from dustest.validation import compare_distributions

SEED = 1
N_GALAXIES = 12000
REDSHIFT_STEP = 0.5
SLOPES_M_UV = (-22.5, -18.0)
M_UV_STEP = 0.5


def compared(real, simulated, names, label, seed):
    """Statistics of two tables, with a label of the comparison."""
    table = compare_distributions(real, simulated, names, random_state=seed)
    table.add_column(label, name="comparison", index=0)
    for key in ("distinguishability", "distinguishability_err"):
        table[key] = table.meta.pop(key)
    return table


def compare_by_redshift(real, simulated, label, seed):
    """The colours in which lines move, redshift by redshift."""
    names = [f"{blue}-{red}" for blue, red in LINE_COLOURS]
    tables, edges = [], np.arange(REDSHIFT[0], REDSHIFT[1] + REDSHIFT_STEP, REDSHIFT_STEP)
    for low, high in pairwise(edges):
        inside = [
            table[(table["redshift"] >= low) & (table["redshift"] < high)]
            for table in (real, simulated)
        ]
        if len(inside[0]):
            tables.append(compared(*inside, names, f"{label}, z {low:.1f} to {high:.1f}", seed))
    return tables


def compare_catalog(catalog, mocks, simulated, folder, output, seed):
    """All comparisons with one catalogue."""
    real = fitting_half(real_galaxies(catalog, folder), catalog.name)[1]
    rng = np.random.default_rng(seed)
    matched = thinned(*mocks.as_in_catalog(simulated, catalog, real, rng), rng)
    real, matched = (observables(table, catalog.fitted) for table in (real, matched))
    photometric = [name for name in real.colnames if name not in catalog.fitted]
    axes = plot_populations(real, matched, real.colnames, labels=(catalog.name, "simulated"))
    axes[0].figure.savefig(output / f"{catalog.name}.png", dpi=200)
    return [
        compared(real, matched, photometric, catalog.name, seed),
        compared(real, matched, list(catalog.fitted), f"{catalog.name}, fits against truth", seed),
        *compare_by_redshift(real, matched, catalog.name, seed),
    ]


def compare_slopes(simulated, folder, output, seed):
    """Published slopes against true ones of galaxies of the same luminosities."""
    real, rng = published_slopes(folder), np.random.default_rng(seed)
    real = real[(real["M_UV"] > SLOPES_M_UV[0]) & (real["M_UV"] < SLOPES_M_UV[1])]
    simulated = simulated["true_redshift", "M_UV", "beta", "weight"].copy()
    simulated.rename_column("true_redshift", "redshift")
    edges = np.arange(SLOPES_M_UV[0], SLOPES_M_UV[1] + M_UV_STEP / 2, M_UV_STEP)
    matched = thinned(simulated, weights_of(simulated, real, "M_UV", edges), rng)
    names = ["redshift", "M_UV", "beta"]
    axes = plot_populations(real, matched, names, labels=("published", "simulated"))
    axes[0].figure.savefig(output / "uv_slopes.png", dpi=200)
    return [compared(real, matched, names, "published slopes", seed)]


def parsed_arguments():
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--n", type=int, default=N_GALAXIES, help="number of simulated galaxies")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the galaxies")
    parser.add_argument("--population", default="0.2", help="name of the population")
    return parser.parse_args()


def main():
    """Write the table and the figures."""
    arguments = parsed_arguments()
    data, output, seed = arguments.data, arguments.output, arguments.seed
    output.mkdir(parents=True, exist_ok=True)
    mocks = MockCatalogs()
    simulated = mocks.photometry(get_population(arguments.population), arguments.n, seed)
    tables = []
    for catalog in CATALOGS:
        tables += compare_catalog(catalog, mocks, simulated, data, output, seed)
    tables += compare_slopes(simulated, data, output, seed)
    vstack(tables, metadata_conflicts="silent").write(output / "populations.ecsv", overwrite=True)


if __name__ == "__main__":
    main()
