"""A_V of the demo with the presets of both versions, from ``changes_of_demo.csv``."""

import matplotlib.pyplot as plt
from astropy.table import Table

LIMITS = {"SED fit": (-0.05, 1.3), "UV slope": (-1.3, 1.3)}


def figure():
    """A_V with the new preset against that with the old one, coloured by the truth."""
    table = Table.read("changes_of_demo.csv")
    figure, axes = plt.subplots(1, 2, figsize=(8.0, 3.6), dpi=120, layout="constrained")
    for ax, (method, limits) in zip(axes, LIMITS.items(), strict=True):
        ax.axline((0.0, 0.0), slope=1.0, color="0.6", linewidth=0.8)
        points = ax.scatter(
            table[f"{method}, Fu"],
            table[f"{method}, default"],
            c=table["true"],
            s=12,
            vmin=0.0,
            vmax=1.0,
        )
        ax.set(
            title=method,
            xlabel='$A_V$ with preset "Fu" [mag]',
            ylabel='$A_V$ with preset "default" [mag]',
            xlim=limits,
            ylim=limits,
            aspect="equal",
        )
    figure.colorbar(points, ax=axes, label="true $A_V$ [mag]")
    return figure
