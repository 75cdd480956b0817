"""Figures of the relations of a population beside published ones, from ``relations.csv``."""

import matplotlib.pyplot as plt
import numpy as np
from astropy.table import Table

SIMULATED = "simulated"
LABELS = {
    "log_mass": r"log stellar mass [$M_\odot$]",
    "M_UV": r"$M_\mathrm{UV}$ [mag]",
    "A_V": r"$A_V$ [mag]",
    "beta": r"$\beta$",
    "half_light_radius": "half-light radius [kpc]",
    "EW": r"equivalent width of [O III] and H$\beta$ [$\mathrm{\AA}$]",
    "A_1600/A_V": r"$A_{1600} / A_V$",
}


def plot_relation(x, y, **settings):
    """Plot a relation: one colour for each source."""
    table = Table.read("relations.csv")
    table = table[(table["x"] == x) & (table["y"] == y)]
    figure, axes = plt.subplots(figsize=(6.0, 4.0), dpi=120, layout="constrained")
    sources = list(dict.fromkeys(table["source"]))
    for number, source in enumerate(sources):
        plot_source(axes, table[table["source"] == source], source, f"C{number}")
    axes.set(xlabel=LABELS[x], ylabel=LABELS[y], **settings)
    axes.legend(fontsize="small")
    return figure


def plot_source(axes, rows, source, color):
    """Plot medians and ranges of a source; a single value as a point."""
    centre, lower, median, upper = (
        np.ma.filled(np.ma.asarray(rows[name], dtype=float), np.nan)
        for name in ("centre", "lower", "median", "upper")
    )
    if len(rows) == 1:
        error = np.abs([median - lower, upper - median])
        axes.errorbar(centre, median, np.nan_to_num(error), fmt="s", color=color, label=source)
        return
    axes.fill_between(centre, lower, upper, color=color, alpha=0.2, lw=0)
    style = "o-" if source == SIMULATED else "s--"
    if np.isfinite(median).any():
        axes.plot(centre, median, style, color=color, ms=4, label=source)
    else:
        axes.fill_between([], [], [], color=color, alpha=0.2, label=source)


def attenuation():
    """A_V by mass."""
    plot_relation("log_mass", "A_V", yscale="log", ylim=(3e-3, 5.0))


def slope():
    """Slope of the ultraviolet continuum by luminosity."""
    plot_relation("M_UV", "beta")


def size():
    """Half-light radius by mass."""
    plot_relation("log_mass", "half_light_radius", yscale="log")


def width():
    """Equivalent widths by luminosity."""
    plot_relation("M_UV", "EW", yscale="log", ylim=(30.0, 4000.0))


def curve():
    """Shape of attenuation curves by attenuation."""
    plot_relation("A_V", "A_1600/A_V")
