"""Figures of the report, of the paper, and of a comparison: they draw on axes and return them.

They use neither pyplot nor matplotlib's global settings, so that a report does not affect the
figures of a user's session. Notebooks display the figures that they make, and the figure of axes,
at the end of a cell; of a list of axes, ``axes[0]`` is enough.
"""

from dustest.report.figure_files import save_figure
from dustest.report.figures._drawing import COLORS
from dustest.report.figures.assumptions import plot_assumption_shifts
from dustest.report.figures.benchmarks import plot_benchmark
from dustest.report.figures.calibration import (
    plot_coverage,
    plot_coverage_cells,
    plot_pit,
    plot_ranks,
)
from dustest.report.figures.densities import plot_density
from dustest.report.figures.error_budgets import plot_error_budget
from dustest.report.figures.forecasts import plot_forecast
from dustest.report.figures.maps import plot_map, plot_maps
from dustest.report.figures.network_layers import plot_network
from dustest.report.figures.occlusion import plot_occlusion
from dustest.report.figures.panels import (
    CONTOUR_FRACTIONS,
    Panel,
    comparison_figure,
    differences,
    histograms,
    one_to_one,
)
from dustest.report.figures.populations import plot_populations
from dustest.report.figures.predictions import plot_against_sed, plot_predictions
from dustest.report.figures.simulated_galaxies import (
    REFERENCE_R_V,
    plot_attenuation_ratio,
    plot_main_sequence,
)
from dustest.report.figures.stamps import plot_stamps
from dustest.report.figures.training import plot_training_history, plot_tuning

__all__ = [
    "COLORS",
    "CONTOUR_FRACTIONS",
    "REFERENCE_R_V",
    "Panel",
    "comparison_figure",
    "differences",
    "histograms",
    "one_to_one",
    "plot_against_sed",
    "plot_assumption_shifts",
    "plot_attenuation_ratio",
    "plot_benchmark",
    "plot_coverage",
    "plot_coverage_cells",
    "plot_density",
    "plot_error_budget",
    "plot_forecast",
    "plot_main_sequence",
    "plot_map",
    "plot_maps",
    "plot_network",
    "plot_occlusion",
    "plot_pit",
    "plot_populations",
    "plot_predictions",
    "plot_ranks",
    "plot_stamps",
    "plot_training_history",
    "plot_tuning",
    "save_figure",
]
