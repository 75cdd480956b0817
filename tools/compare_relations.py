"""Hold relations of a population against published ones, one figure each.

Run with ``python tools/compare_relations.py --data ../shared/data --output FOLDER``. Galaxies are
drawn at redshift 7; massive ones are drawn more often than they are, and weighted. The figures
show medians with the 16 to 84 % range, and published values as bands or points: slopes and
luminosities, equivalent widths of [O III] and H beta, attenuation, dust and star formation by
mass, attenuation curves, and the luminosity function, of which only the shape counts. The medians
are written to ``relations.ecsv``, with three summaries as its meta.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from astropy.table import QTable, vstack
from fit_population import weighted_quantiles
from matplotlib.figure import Figure
from mock_catalogs import CATALOGS, MockCatalogs, real_galaxies

from dustest.simulate import get_population
from dustest.simulate.galaxies.named_populations import change_settings

REDSHIFT, SHARES = 7.0, (0.16, 0.5, 0.84)
CEILING = -8.0
"""A galaxy that formed all its mass within 100 Myr has -7.93."""
FEWEST = 10
"""Galaxies in a bin."""


@dataclass(frozen=True)
class Relation:
    """Two columns of the galaxies, and published values of the second.

    Parameters
    ----------
    x, y : str
        Columns.
    edges : tuple of float
        Bins of x: first edge, last edge and width.
    published : tuple of tuple
        Lines of the lower and upper limit: x, lower y, upper y.
    source : str
        Where they are from.
    """

    x: str
    y: str
    edges: tuple
    published: tuple = ()
    source: str = ""


RELATIONS = (
    Relation("log_mass", "A_V", (6.5, 11.0, 0.5), ((6.5, 0.2, 0.4), (9.0, 0.2, 0.4)), "Song+26"),
    Relation("log_mass", "log_dust_to_stars", (6.5, 11.0, 0.5), ((8.5, -3.0, -2.0), (11, -3, -2))),
    Relation("log_mass", "log_sSFR", (6.5, 11.0, 0.5)),
    Relation("log_mass", "log_sSFR_10", (6.5, 11.0, 0.5)),
    Relation(
        "A_V", "A_1600/A_V", (0.0, 3.0, 0.25), ((0, 2.46, 2.46), (3, 2.46, 2.46)), "Calzetti"
    ),
    Relation("M_UV", "EW", (-22.0, -16.0, 1.0)),
    Relation("M_UV", "beta", (-22.0, -17.0, 0.5)),
)


def drawn(name, n, seed):
    """Galaxies of a population at one redshift, with the columns of the relations."""
    population = change_settings(get_population(name), {"n_stars": 300, "n_gas": 300})
    table = MockCatalogs([REDSHIFT]).photometry(population, n, seed)
    table["log_dust_to_stars"] = table["log_dust_mass"] - table["log_mass"]
    table["log_sSFR_10"] = np.maximum(table["log_SFR_10"] - table["log_mass"], -11.0)
    table["A_1600/A_V"] = table["A_1600"] / table["A_V"]
    return table


def binned(table, relation, weights):
    """Quantiles of y in bins of x."""
    x, y = (np.asarray(table[name], dtype=float) for name in (relation.x, relation.y))
    low, high, width = relation.edges
    rows = []
    for left in np.arange(low, high - width / 2, width):
        inside = (x >= left) & (x < left + width)
        if np.count_nonzero(inside) >= FEWEST:
            quantiles = weighted_quantiles(y[inside], weights[inside], SHARES)
            rows.append((relation.x, relation.y, left + width / 2, inside.sum(), *quantiles))
    names = ("x", "y", "centre", "number", "lower", "median", "upper")
    return QTable(rows=rows, names=names)


def plot(relation, simulated, real):
    """Figure of one relation."""
    figure = Figure(layout="constrained", figsize=(5, 4))
    axes = figure.add_subplot()
    for label, table in (("simulated", simulated), ("Endsley+24", real)):
        if table is not None:
            axes.plot(table["centre"], table["median"], "o-", label=label)
            axes.fill_between(table["centre"], table["lower"], table["upper"], alpha=0.2)
    if relation.published:
        x, low, high = np.array(relation.published).T
        axes.fill_between(x, low, high, color="black", alpha=0.3, label=relation.source or "bound")
        axes.plot(x, low, "k:")
    axes.set(xlabel=relation.x, ylabel=relation.y)
    axes.legend()
    return figure


def luminosity_function(table):
    """Relative numbers by luminosity, and their slope in dex per magnitude."""
    edges = np.arange(-22.0, -16.9, 0.5)
    number = np.histogram(np.asarray(table["M_UV"]), edges, weights=table["weight"])[0]
    faint = edges[:-1] >= -20.0
    return edges[:-1] + 0.25, number, np.polyfit(edges[:-1][faint], np.log10(number[faint]), 1)[0]


def main():
    """Write the figures and the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--n", type=int, default=2500, help="number of simulated galaxies")
    parser.add_argument("--seed", type=int, default=170241, help="seed of the galaxies")
    parser.add_argument("--population", default="0.2", help="name of the population")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    mpl.use("agg")
    table, tables = drawn(options.population, options.n, options.seed), []
    real = real_galaxies(CATALOGS[0], options.data)
    weights = np.asarray(table["weight"])
    for relation in RELATIONS:
        tables.append(binned(table, relation, weights))
        known = {relation.x, relation.y} <= set(real.colnames)
        beside = binned(real, relation, np.ones(len(real))) if known else None
        name = f"{relation.y.replace('/', '_over_')}-{relation.x}.png"
        plot(relation, tables[-1], beside).savefig(options.output / name, dpi=150)
    *_, slope = luminosity_function(table)
    beta, m_uv = tables[-1]["median"], tables[-1]["centre"]
    ceiling = np.average(np.asarray(table["log_sSFR"]) > CEILING, weights=weights)
    found = vstack(tables)
    found.meta = {
        "slope of the luminosity function at -20 < M_UV < -17 in dex per mag": float(slope),
        "d beta / d M_UV": float(np.polyfit(m_uv, beta, 1)[0]),
        "share at the ceiling of log_sSFR": float(ceiling),
    }
    found.write(options.output / "relations.ecsv", overwrite=True)


if __name__ == "__main__":
    main()
