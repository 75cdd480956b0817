"""Errors of the fusion beside those of images and photometry alone, from ``fusion.csv``."""

import matplotlib.pyplot as plt
import numpy as np
from astropy.table import Table

LABELS = {"A_V": "$A_V$", "log_sSFR": "log sSFR"}


def errors():
    """Mean absolute errors over those of the median, by method."""
    table = Table.read("fusion.csv")
    methods = [name for name in dict.fromkeys(table["method"]) if name != "baseline"]
    height = 1.0 + 0.26 * len(methods)
    figure, axes = plt.subplots(
        1, 2, figsize=(8.0, height), dpi=120, layout="constrained", sharey=True
    )
    for ax, kind in zip(axes, ("default", "heavy"), strict=True):
        for number, (quantity, label) in enumerate(LABELS.items()):
            rows = table[(table["set"] == kind) & (table["quantity"] == quantity)]
            ratio = dict(zip(rows["method"], rows["ratio"], strict=True))
            known = [name for name in methods if name in ratio]
            place = np.array([methods.index(name) for name in known]) + 0.18 * (2 * number - 1)
            ax.barh(place, [ratio[name] for name in known], 0.34, label=label)
        ax.axvline(1.0, color="0.5", linestyle="--", linewidth=0.8)
        ax.set(title=f"{kind} galaxies", xlabel="MAE over that of the median", xlim=(0.0, 1.4))
    axes[0].set_yticks(range(len(methods)), methods)
    axes[0].set_ylim(len(methods) - 0.4, -0.6)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
