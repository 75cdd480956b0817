"""Hold the simulated galaxies against those of JADES between redshifts 6 and 9.

Run with ``python tools/compare_with_real.py --data ../shared/data --output FOLDER``, where the
data are ``catalogs/jof_bagpipes.ecsv`` (JADES Origins Field),
``catalogs/jades_z6to9_beagle.fits`` (Endsley et al. 2024, MNRAS 533, 1111) and
``catalogs/published_uv_slopes.csv``. It writes the table ``populations.ecsv``, rows of
`dustest.validation.compare_distributions`, and a figure for each catalogue.

The simulated galaxies get errors and noise like those of the catalogue (those of its galaxies of
similar magnitude), are selected by the same cuts and thinned out to the same redshifts. The real
photometry is the half that `fit_population.py` does not use.
"""

import argparse
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import QTable, hstack, vstack

from dustest.io import read_catalog
from dustest.report.figures import plot_populations
from dustest.simulate import GalaxySimulator
from dustest.validation import compare_distributions

SEED = 1
SPLIT_SEED = 170200
"""Splits the real galaxies into those that `fit_population.py` uses and the others."""
N_GALAXIES = 12000
REDSHIFT = (6.0, 9.0)
REDSHIFT_STEP = 0.5
DETECTION = "F277W"
# Fainter galaxies thin out in both catalogues.
FAINTEST = 29.6
MIN_SNR = 5.0
N_NEIGHBOURS = 10
COLOURS = (("F150W", "F200W"), ("F200W", "F277W"), ("F277W", "F356W"), ("F356W", "F444W"))
# [O III] and H beta move from F335M and F356W into F410M and F444W near redshift 7.
LINE_COLOURS = COLOURS[2:]
MAGNITUDES = ("F277W", "F444W")
BANDS = ("F150W", "F200W", "F277W", "F356W", "F444W")
SLOPES_M_UV = (-22.5, -18.0)
M_UV_STEP = 0.5


@dataclass(frozen=True)
class Catalog:
    """A catalogue of real galaxies, and what its authors fitted to them."""

    name: str
    file: str
    fitted: dict


CATALOGS = (
    Catalog(
        "Endsley+24",
        "jades_z6to9_beagle.fits",
        {"A_V": "Av", "M_UV": "Muv", "log_mass": "logM"},
    ),
    Catalog(
        "JOF",
        "jof_bagpipes.ecsv",
        {
            "A_V": "bp_lognorm_Av_50",
            "beta": "bp_lognorm_beta_C94_50",
            "log_mass": "bp_lognorm_logM_50",
        },
    ),
)


def simulated_galaxies(n, seed, population):
    """Photometry of simulated galaxies side by side with their truth."""
    simulator = GalaxySimulator(
        [DETECTION],
        preset="JADES-deep",
        redshift=REDSHIFT,
        population=population,
        views=["xy"],
        photometry_bands=BANDS,
        spectrograph=None,
    )
    sample, truth = simulator.draw(n, random_state=seed)
    fluxes = [name for name in sample.colnames if name.startswith("flux_")]
    truth.remove_columns(["id", "group"])
    return hstack([QTable(sample[fluxes]), truth], metadata_conflicts="silent")


def real_galaxies(catalog, folder):
    """A catalogue within the redshifts and cuts of the comparison."""
    sample = read_catalog(folder / "catalogs" / catalog.file, columns=catalog.fitted)
    redshift = np.asarray(sample["redshift"])
    inside = (redshift >= REDSHIFT[0]) & (redshift <= REDSHIFT[1])
    return QTable(sample[inside & is_selected(sample)])


def fitting_half(real, name):
    """The galaxies of a catalogue that the fit of the population uses, and the others."""
    order = np.random.default_rng((SPLIT_SEED, *name.encode())).permutation(len(real))
    half = len(real) // 2
    return real[np.sort(order[:half])], real[np.sort(order[half:])]


def magnitude(table, band):
    """AB magnitudes; NaN where the flux is not positive."""
    flux = np.asarray(table[f"flux_{band}"].to_value(u.nJy))
    return (np.where(flux > 0, flux, np.nan) * u.nJy).to_value(u.ABmag)


def is_selected(table):
    """Which galaxies are bright and significant enough."""
    ratio = table[f"flux_{DETECTION}"] / table[f"flux_err_{DETECTION}"]
    return (magnitude(table, DETECTION) < FAINTEST) & (ratio >= MIN_SNR)


def with_errors_of(simulated, real, rng):
    """Simulated galaxies with errors of real ones of similar magnitude, and the noise to them."""
    noisy = simulated.copy()
    distance = np.abs(
        np.subtract.outer(magnitude(simulated, DETECTION), magnitude(real, DETECTION))
    )
    nearest = np.argsort(distance, axis=1)[:, :N_NEIGHBOURS]
    chosen = rng.permuted(nearest, axis=1)[:, 0]
    for band in BANDS:
        own = simulated[f"flux_err_{band}"]
        error = np.maximum(real[f"flux_err_{band}"][chosen].to(own.unit), own)
        noise = np.sqrt(error**2 - own**2) * rng.standard_normal(len(own))
        noisy[f"flux_{band}"] = simulated[f"flux_{band}"] + noise
        noisy[f"flux_err_{band}"] = error
    return noisy


def thinned_out(simulated, real, name, edges, rng):
    """As many of the simulated galaxies as can be had with the same distribution in a column."""
    wanted, present = (np.histogram(table[name], edges)[0] for table in (real, simulated))
    share = np.divide(wanted, present, out=np.zeros(len(wanted)), where=present > 0)
    number = np.digitize(np.asarray(simulated[name]), edges) - 1
    inside = (number >= 0) & (number < len(share))
    kept = rng.random(len(simulated)) < share[np.clip(number, 0, len(share) - 1)] / share.max()
    return simulated[inside & kept]


def redshift_edges():
    """Edges of bins of redshift; the last one holds its upper edge."""
    edges = np.arange(REDSHIFT[0], REDSHIFT[1] + REDSHIFT_STEP / 2, REDSHIFT_STEP)
    edges[-1] += 1e-6
    return edges


def as_in_catalog(simulated, real, rng):
    """Simulated galaxies as the catalogue would hold them."""
    noisy = with_errors_of(simulated, real, rng)
    return thinned_out(noisy[is_selected(noisy)], real, "redshift", redshift_edges(), rng)


def observables(table, quantities=()):
    """Redshift, magnitudes and colours, and columns that are there already."""
    columns = {"redshift": np.asarray(table["redshift"])}
    columns |= {f"mag_{band}": magnitude(table, band) for band in MAGNITUDES}
    columns |= {
        f"{blue}-{red}": magnitude(table, blue) - magnitude(table, red) for blue, red in COLOURS
    }
    return QTable(columns | {name: np.asarray(table[name]) for name in quantities})


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
    tables, edges = [], redshift_edges()
    for low, high in pairwise(edges):
        inside = [
            table[(table["redshift"] >= low) & (table["redshift"] < high)]
            for table in (real, simulated)
        ]
        if len(inside[0]):
            tables.append(compared(*inside, names, f"{label}, z {low:.1f} to {high:.1f}", seed))
    return tables


def compare_catalog(catalog, simulated, folder, output, seed):
    """All comparisons with one catalogue."""
    real = fitting_half(real_galaxies(catalog, folder), catalog.name)[1]
    matched = as_in_catalog(simulated, real, np.random.default_rng(seed))
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
    real = QTable.read(folder / "catalogs" / "published_uv_slopes.csv").filled(np.nan)
    real.rename_column("z", "redshift")
    inside = (real["redshift"] > REDSHIFT[0]) & (real["redshift"] < REDSHIFT[1])
    for side, limit in zip((1, -1), SLOPES_M_UV, strict=True):
        inside &= side * real["M_UV"] > side * limit
    real, rng = real[inside], np.random.default_rng(seed)
    simulated = simulated["redshift", "M_UV", "beta"].copy()
    simulated["M_UV"] = simulated["M_UV"].value
    edges = np.arange(SLOPES_M_UV[0], SLOPES_M_UV[1] + M_UV_STEP / 2, M_UV_STEP)
    matched = thinned_out(simulated, real, "M_UV", edges, rng)
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
    parser.add_argument("--population", default="0.1", help="name of the population")
    return parser.parse_args()


def main():
    """Write the table and the figures."""
    arguments = parsed_arguments()
    data, output, seed = arguments.data, arguments.output, arguments.seed
    output.mkdir(parents=True, exist_ok=True)
    simulated = simulated_galaxies(arguments.n, seed, arguments.population)
    tables = []
    for catalog in CATALOGS:
        tables += compare_catalog(catalog, simulated, data, output, seed)
    tables += compare_slopes(simulated, data, output, seed)
    vstack(tables, metadata_conflicts="silent").write(output / "populations.ecsv", overwrite=True)


if __name__ == "__main__":
    main()
