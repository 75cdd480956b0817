"""Comparisons, figures and reports."""

from dustest.report.compare import compare
from dustest.report.comparison import Comparison
from dustest.report.figures.galaxy.corners import plot_corner
from dustest.report.figures.galaxy.overviews import plot_galaxy
from dustest.report.figures.galaxy.seds import plot_sed
from dustest.report.figures.galaxy.slopes import plot_beta

__all__ = ["Comparison", "compare", "plot_beta", "plot_corner", "plot_galaxy", "plot_sed"]
