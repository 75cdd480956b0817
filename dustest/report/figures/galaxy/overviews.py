"""Figure of one galaxy with the results of all methods: stamps, SED, slope and A_V."""

import numpy as np

from dustest.data.checks.identifiers import match_ids
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import InputError
from dustest.data.formatting import format_estimate, format_value
from dustest.data.quantities import QUANTITIES, percentile_columns
from dustest.report.figures._drawing import (
    AGAINST_COLOR,
    COLORS,
    FONT_SIZE,
    INK,
    SMALL_FONT_SIZE,
    dress,
    empty_figure,
    plain_text,
)
from dustest.report.figures.galaxy._row import row_values
from dustest.report.figures.galaxy.kinds import FITS, GALAXY_FIGURES
from dustest.report.figures.galaxy.seds import plot_sed
from dustest.report.figures.galaxy.slopes import plot_beta
from dustest.report.figures.stamps import plot_stamps
from dustest.validation.matching import TRUTH

__all__ = ["plot_galaxy"]

_QUANTITY = "A_V"
_STAMPS, _FITS, _METHOD = 1.5, 3.3, 0.22
"""Inches: heights of stamps, of fits, and of the line of a method."""


def plot_galaxy(tables, id, sample=None, *, truth=None, colors=None, figure=None):  # noqa: A002
    """Draw one galaxy: its stamps, its SED, its slope, and the A_V of every method.

    What no result or sample has is left out: stamps need cutouts, the SED a result of
    ``BagpipesEstimator.estimate(..., draws=n)``, and the slope one of ``MeurerEstimator``.

    Parameters
    ----------
    tables : dict of str to DustTable
        Results by name.
    id : int or str
        Identifier of the galaxy.
    sample : GalaxySample, optional
        Galaxies with cutouts, in any form that `~dustest.data.as_sample` takes.
    truth : Table, optional
        True values by ``id``, of which A_V is marked.
    colors : dict of str to color, optional
        Colour of each result, by name.
    figure : `~matplotlib.figure.Figure`, optional
        Figure to draw on; by default a new figure that is not registered with pyplot.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        The figure.

    Raises
    ------
    InputError
        If no table has the galaxy, or the sample does not have it.

    Examples
    --------
    >>> from dustest import MeurerEstimator
    >>> from dustest.io import load_demo
    >>> from dustest.report import plot_galaxy
    >>> sample, truth = load_demo()
    >>> laws = {law: MeurerEstimator(dust_law=law) for law in ("SMC", "Calzetti")}
    >>> tables = {law: meurer.estimate(sample, draws=100) for law, meurer in laws.items()}
    >>> figure = plot_galaxy(tables, 3, sample, truth=truth)
    >>> len(figure.subfigs)
    3
    """
    own = {name: row for name, table in tables.items() if (row := _row(table, id)) is not None}
    if not own:
        msg = f"id must be that of a galaxy in one of {', '.join(tables)}, got {id!r}"
        raise InputError(msg)
    sample = None if sample is None else _one(as_sample(sample), id)
    has_stamps = sample is not None and len(sample.cutout_bands) > 0
    fits = _drawable(own)
    heights = [_STAMPS] * has_stamps + [_FITS] * bool(fits) + [_METHOD * (len(own) + 3)]
    figure = empty_figure(sum(heights)) if figure is None else figure
    parts = list(np.atleast_1d(figure.subfigures(len(heights), 1, height_ratios=heights)))
    if has_stamps:
        plot_stamps(sample, figure=parts.pop(0))
    if fits:
        _draw_fits(parts.pop(0), fits, tables, id)
    colors = colors or {name: COLORS[k % len(COLORS)] for k, name in enumerate(tables)}
    _draw_intervals(parts.pop(0).subplots(), own, colors, _true_value(truth, id))
    return figure


def _row(table, galaxy):
    """Row of a galaxy in a result, None if it has none or several."""
    _, rows = match_ids([galaxy], table["id"])
    return table[int(rows[0])] if len(rows) == 1 else None


def _one(sample, galaxy):
    """The sample of one galaxy."""
    _, rows = match_ids([galaxy], sample["id"])
    if len(rows) != 1:
        msg = f"sample must have the galaxy {galaxy!r} once, got it {len(rows)} times"
        raise InputError(msg)
    return sample[rows]


def _drawable(own):
    """Figure of the first SED fit and of the first slope of the galaxy, with their names."""
    fits = {}
    for kind, column in FITS.items():
        for name, row in own.items():
            if column in row.colnames and np.isfinite(row_values(row, column)).any():
                fits[GALAXY_FIGURES[kind]] = name
                break
    return fits


def _draw_fits(figure, fits, tables, galaxy):
    """SED fit and slope, side by side."""
    widths = [{plot_sed: 1.7, plot_beta: 1.0}[function] for function in fits]
    panels = np.atleast_1d(figure.subfigures(1, len(fits), width_ratios=widths))
    for panel, (function, name) in zip(panels, fits.items(), strict=True):
        if function is plot_sed:
            plot_sed(tables[name], galaxy, figure=panel)
            panel.suptitle(plain_text(name), fontsize=FONT_SIZE)
        else:
            ax = plot_beta(tables[name], galaxy, ax=panel.subplots())
            ax.set_title(plain_text(name), fontsize=FONT_SIZE)


def _draw_intervals(ax, own, colors, true_value):
    """A_V of each method with its interval, on one axis."""
    for place, (name, row) in enumerate(own.items()):
        value, low, high = (
            row_values(row, c) for c in (_QUANTITY, *percentile_columns(_QUANTITY))
        )
        if np.isfinite(value):
            bar = np.nan_to_num([[value - low], [high - value]])
            ax.errorbar(value, place, xerr=bar, fmt="o", color=colors[name], ms=4, lw=1.2)
        text = format_estimate(value, low, high)
        ax.annotate(
            text,
            (1.0, place),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL_FONT_SIZE,
        )
    if np.isfinite(true_value):
        ax.axvline(true_value, color=INK, lw=0.8, ls="--")
        ax.set_title(
            f"{TRUTH} {format_value(true_value)} (dashed)",
            fontsize=SMALL_FONT_SIZE,
        )
    ax.axvline(0.0, color=AGAINST_COLOR, lw=0.6)
    ax.set_ylim(len(own) - 0.4, -0.6)
    dress(ax)
    ax.set_yticks(range(len(own)), [plain_text(name) for name in own], fontsize=FONT_SIZE)
    ax.set_xlabel(QUANTITIES[_QUANTITY].label, fontsize=FONT_SIZE)


def _true_value(truth, galaxy):
    """True A_V of a galaxy, NaN if it is unknown."""
    row = None if truth is None or _QUANTITY not in truth.colnames else _row(truth, galaxy)
    return np.nan if row is None else float(row_values(row, _QUANTITY))
