"""Bias and pulls of `add_photometry` on simulated mosaics, from ``photometry_accuracy.csv``."""

import matplotlib.pyplot as plt
import numpy as np
from astropy.table import Table

KINDS = {"point": "point sources", "sersic": "Sersic profiles", "simulator": "simulator"}


def accuracy():
    """Ratio of measured and true fluxes and width of pulls, by signal-to-noise ratio."""
    table = Table.read("photometry_accuracy.csv")
    figure, axes = plt.subplots(1, 2, figsize=(8.0, 3.2), dpi=120, layout="constrained")
    for number, (kind, label) in enumerate(KINDS.items()):
        rows = table[(table["kind"] == kind) & (table["band"] != "all")]
        for row in set(rows["snr"]) - {"5-50"}:
            low, high = (float(word) for word in row.split("-"))
            use = rows[rows["snr"] == row]
            place = np.sqrt(low * high) * 1.08 ** (number - 1)
            for ax, name in zip(axes, ("flux_ratio", "pull_width"), strict=True):
                first = row.startswith("5-") and ax is axes[0]
                values = np.full(len(use), place)
                ax.plot(values, use[name], "o", color=f"C{number}", alpha=0.6, markersize=4,
                        label=label if first else None)  # fmt: skip
    for ax, middle, half in ((axes[0], 1.0, 0.02), (axes[1], 1.0, 0.1)):
        ax.axhspan(middle - half, middle + half, color="0.9")
        ax.axhline(middle, color="0.5", linewidth=0.8)
        ax.set(xscale="log", xlabel="signal-to-noise ratio")
        ax.set_xticks([6, 8, 14, 32], ["5-7", "7-10", "10-20", "20-50"], minor=False)
        ax.minorticks_off()
    axes[0].set(ylabel="measured / true flux, median", ylim=(0.94, 1.06))
    axes[1].set(ylabel="width of pulls", ylim=(0.7, 1.3))
    axes[0].legend()
    return figure
