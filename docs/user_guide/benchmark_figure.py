"""Errors and coverage of A_V of all methods on the sets of the benchmark."""

import matplotlib.pyplot as plt
import numpy as np
from astropy.table import Table

SETS = ("default", "heavy", "quick", "faint")
TICKS = (0.5, 1, 2, 5, 10)


def methods():
    """MAE over that of the baseline, and coverage of 68 % intervals, by method and set."""
    table = Table.read("benchmark_scores.csv", format="ascii.csv")
    table = table[(table["quantity"] == "A_V") & (table["point"] == "median")]
    names = [name for name in dict.fromkeys(table["method"]) if name != "baseline"]
    figure, axes = plt.subplots(
        1, 2, figsize=(8.0, 3.8), dpi=120, layout="constrained", sharey=True
    )
    panels = (("ratio", 1.0, "MAE over baseline"), ("coverage_68", 0.68, "68 % intervals cover"))
    for ax, (column, nominal, label) in zip(axes, panels, strict=True):
        for number, kind in enumerate(SETS):
            rows = table[table["set"] == kind]
            place = [names.index(name) for name in rows["method"] if name in names]
            rows = rows[[name in names for name in rows["method"]]]
            place = np.array(place) + 0.18 * (number - 1.5)
            style = {"fmt": "o", "ms": 4, "lw": 1.0, "label": kind}
            ax.errorbar(rows[column], place, xerr=rows[f"{column}_err"], **style)
        ax.axvline(nominal, color="0.5", linestyle="--", linewidth=0.8)
        ax.set(xlabel=label)
    axes[0].set_xscale("log")
    axes[0].set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes[0].minorticks_off()
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    axes[1].legend(loc="best")
    return figure
