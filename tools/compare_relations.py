"""Hold relations of a population against published ones.

Run with ``python tools/compare_relations.py --data ../shared/data --output FOLDER``. Galaxies are
drawn at redshift 7; massive ones are drawn more often than they are, and weighted. The table
``relations.csv`` has medians with the 16 to 84 % range of simulated galaxies, the same of real
ones in bins, and values that articles state. The documentation plots it, see
``docs/user_guide/relations.py``. ``summary.json`` has the slopes of beta over luminosity and of
the luminosity function, of which only the shape counts.
"""

import argparse
import json
from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np
from astropy.table import QTable
from fit_population import slope_of_medians, weighted_quantiles
from mock_catalogs import CATALOGS, MockCatalogs, published_slopes, real_galaxies

from dustest.simulate import get_population
from dustest.simulate.galaxies.named_populations import change_settings

REDSHIFT, SHARES = 7.0, (0.16, 0.5, 0.84)
CEILING = -8.0
"""A galaxy that formed all its mass within 100 Myr has -7.93."""
FEWEST = 10
"""Galaxies in a bin."""
DIGITS = 3
COLUMNS = ("x", "y", "source", "centre", "number", "lower", "median", "upper")
SIMULATED = "simulated"


@dataclass(frozen=True)
class Relation:
    """Two columns of the galaxies, and bins of the first.

    Parameters
    ----------
    x, y : str
        Columns.
    edges : tuple of float
        First edge, last edge and width of the bins of x.
    """

    x: str
    y: str
    edges: tuple


RELATIONS = (
    Relation("log_mass", "A_V", (6.5, 11.0, 0.5)),
    Relation("log_mass", "log_dust_to_stars", (6.5, 11.0, 0.5)),
    Relation("log_mass", "log_sSFR", (6.5, 11.0, 0.5)),
    Relation("log_mass", "log_sSFR_10", (6.5, 11.0, 0.5)),
    Relation("log_mass", "half_light_radius", (6.5, 11.0, 0.5)),
    Relation("A_V", "A_1600/A_V", (0.0, 3.0, 0.25)),
    Relation("M_UV", "EW", (-22.0, -16.0, 1.0)),
    Relation("M_UV", "beta", (-22.0, -17.0, 0.5)),
)
PUBLISHED = (
    ("log_mass", "A_V", "Song et al. 2026", 6.5, 0, 0.2, nan, 0.4),
    ("log_mass", "A_V", "Song et al. 2026", 9.0, 0, 0.2, nan, 0.4),
    ("log_mass", "A_V", "Song et al. 2026, at 11", 11.0, 0, 0.8, 1.0, 1.2),
    ("log_mass", "half_light_radius", "Westcott et al. 2025", 7.5, 0, 0.43, 0.53, 0.63),
    ("log_mass", "half_light_radius", "Westcott et al. 2025", 10.0, 0, 0.43, 0.53, 0.63),
    ("log_mass", "half_light_radius", "Llerena et al. 2026", 8.26, 0, nan, 0.49, nan),
    ("A_V", "A_1600/A_V", "Calzetti et al. 2000", 0.0, 0, nan, 2.46, nan),
    ("A_V", "A_1600/A_V", "Calzetti et al. 2000", 3.0, 0, nan, 2.46, nan),
    ("M_UV", "beta", "Cullen et al. 2023", -22.0, 0, -1.78, -1.64, -1.51),
    ("M_UV", "beta", "Cullen et al. 2023", -19.3, 0, -2.15, -2.10, -2.05),
    ("M_UV", "beta", "Cullen et al. 2023", -18.0, 0, -2.39, -2.32, -2.26),
)
"""Values that articles state, as rows of the table.

Song et al. (arXiv:2605.23049): stellar A_V of 0.2 to 0.4 below 1e9 Msun and about 1 at 1e11 Msun,
with 0.2 between attenuation laws. Westcott et al. (arXiv:2412.14970v1): 2.74 +- 0.49 kpc times
(1 + z)**-0.79 for galaxies of all masses at 6.5 < z < 12.5; the range is that of the first number.
Llerena et al. (arXiv:2510.25647): median of 160 galaxies with strong lines at 4 < z < 9, of
median mass 10**8.26 Msun. Cullen et al. (arXiv:2208.04914), 8 < z < 16: -2.10 +- 0.05 at a median
M_UV of -19.3, and -0.17 +- 0.05 per mag.
"""


def draw_galaxies(name, n, seed):
    """Galaxies of a population at one redshift, with the columns of the relations."""
    population = change_settings(get_population(name), {"n_stars": 300, "n_gas": 300})
    table = MockCatalogs([REDSHIFT]).photometry(population, n, seed)
    table["log_dust_to_stars"] = table["log_dust_mass"] - table["log_mass"]
    table["log_sSFR_10"] = np.maximum(table["log_SFR_10"] - table["log_mass"], -11.0)
    table["A_1600/A_V"] = table["A_1600"] / np.where(table["A_V"] > 0.0, table["A_V"], np.nan)
    return table


def bin_relation(table, relation, weights, source):
    """Quantiles of y in bins of x."""
    x, y = (np.asarray(table[name], dtype=float) for name in (relation.x, relation.y))
    low, high, width = relation.edges
    rows = []
    for left in np.arange(low, high - width / 2, width):
        inside = (x >= left) & (x < left + width) & np.isfinite(y)
        number = np.count_nonzero(inside)
        if number >= FEWEST:
            quantiles = weighted_quantiles(y[inside], weights[inside], SHARES).round(DIGITS)
            rows.append((relation.x, relation.y, source, left + width / 2, number, *quantiles))
    return rows


def bin_real(folder):
    """Quantiles of the galaxies of a catalogue and of published slopes."""
    rows = []
    for table, source in (
        (real_galaxies(CATALOGS[0], folder), "Endsley et al. 2024"),
        (published_slopes(folder), "slopes of several articles"),
    ):
        known = [r for r in RELATIONS if {r.x, r.y} <= set(table.colnames)]
        for relation in known:
            rows += bin_relation(table, relation, np.ones(len(table)), source)
    return rows


def luminosity_slope(table):
    """Slope of the luminosity function at -20 < M_UV < -17 in dex per mag."""
    edges = np.arange(-20.0, -16.9, 0.5)
    number = np.histogram(np.asarray(table["M_UV"]), edges, weights=table["weight"])[0]
    return np.polyfit(edges[:-1], np.log10(number), 1)[0]


def summarize(table):
    """Slopes, and the share of galaxies that formed nearly all their mass within 100 Myr."""
    weights = np.asarray(table["weight"])
    m_uv, beta, rate = (np.asarray(table[n], float) for n in ("M_UV", "beta", "log_sSFR"))
    return {
        "slope of the luminosity function in dex per mag": float(luminosity_slope(table)),
        "d beta / d M_UV": float(slope_of_medians(m_uv, beta, weights)),
        "share at the ceiling of log_sSFR": float(np.average(rate > CEILING, weights=weights)),
    }


def main():
    """Write the table and the summary."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--n", type=int, default=2500, help="number of simulated galaxies")
    parser.add_argument("--seed", type=int, default=170606, help="seed of the galaxies")
    parser.add_argument("--population", default="0.2", help="name of the population")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    table = draw_galaxies(options.population, options.n, options.seed)
    table.write(options.output / "galaxies.ecsv", overwrite=True)
    weights = np.asarray(table["weight"])
    rows = [row for r in RELATIONS for row in bin_relation(table, r, weights, SIMULATED)]
    rows += [*bin_real(options.data), *PUBLISHED]
    QTable(rows=rows, names=COLUMNS).write(options.output / "relations.csv", overwrite=True)
    (options.output / "summary.json").write_text(json.dumps(summarize(table), indent=1))


if __name__ == "__main__":
    main()
