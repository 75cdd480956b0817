"""Figure of the joint posterior of one galaxy."""

import numpy as np

from dustest.data.containers.reweighting import DRAWS
from dustest.data.errors import InputError
from dustest.data.messages import did_you_mean
from dustest.data.quantities import QUANTITIES
from dustest.report.figures._drawing import (
    COLORS,
    FONT_SIZE,
    SMALL_FONT_SIZE,
    axis_label,
    empty_figure,
    plain_text,
)
from dustest.report.figures.galaxy._row import galaxy_row, headline, row_values

__all__ = ["plot_corner"]

_SUFFIX = DRAWS.format("")
_WHAT = "joint draws of the posterior, which estimators with one keep"
_PANEL, _MARGIN, _TOP = 0.85, 0.85, 0.3
"""Inches: width of a panel, room for labels, and for the title."""
_LEAST = 1e-9
"""Relative spread of a parameter that is fixed, but for rounding."""
_LEVELS = (0.16, 0.5, 0.84)
_CONTOURS = (0.39, 0.86)
"""Fractions within one and two standard deviations of a normal distribution of two numbers."""


def plot_corner(table, id, *, parameters=None, figure=None):  # noqa: A002 - the column of a result
    """Draw the joint posterior of one galaxy: each parameter, and each pair.

    Contours enclose 39 and 86 per cent of the draws. Dashed lines are the median and the 16th and
    84th percentile. Parameters without a spread, and those that the model does not have, are left
    out.

    Parameters
    ----------
    table : DustTable
        Result of ``estimate(..., draws=n)``, of any estimator with a posterior.
    id : int or str
        Identifier of the galaxy.
    parameters : sequence of str, optional
        Quantities, and parameters of the model, as in the names of the columns before
        ``_draws``; all by default.
    figure : `~matplotlib.figure.Figure`, optional
        Empty figure to draw on; by default a new figure that is not registered with pyplot.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        The figure, with axes in rows.

    Raises
    ------
    InputError
        If the result has no draws or not those of a parameter, no parameter has a spread, or the
        galaxy is not in it or has no estimate.

    References
    ----------
    Foreman-Mackey 2016, JOSS 1, 24 (corner).

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.data import DustTable
    >>> draws = np.random.default_rng(1).normal([[[0.5]], [[-8.0]]], 0.1, (2, 1, 500))
    >>> extra = {"A_V_draws": draws[0], "log_sSFR_draws": draws[1]}
    >>> table = DustTable.from_quantities(["a"], {"A_V": [0.5]}, extra=extra)
    >>> len(table.plot_corner("a").axes)
    4
    """
    import corner

    names = _names(table, parameters)
    row = galaxy_row(table, id, DRAWS.format(names[0]) if names else DRAWS.format("A_V"), _WHAT)
    drawn = {name: _values(row, name) for name in names}
    drawn = {name: one for name, one in drawn.items() if np.ptp(one) > _LEAST * np.abs(one).max()}
    if not drawn:
        msg = f"galaxy {id!r} must have draws with a spread, got none of {names}"
        raise InputError(msg)
    side = _PANEL * len(drawn) + _MARGIN + _TOP
    figure = empty_figure(side, side, layout=None) if figure is None else figure
    draws = np.stack([*drawn.values()], axis=1)
    corner.corner(
        draws,
        fig=figure,
        labels=[_label(name) for name in drawn],
        quantiles=_LEVELS,
        levels=_CONTOURS,
        color=COLORS[0],
        bins=int(np.clip(np.sqrt(len(draws)), 8, 24)),
        smooth=1.0,
        smooth1d=1.0,
        max_n_ticks=3,
        label_kwargs={"fontsize": SMALL_FONT_SIZE},
        hist_kwargs={"lw": 0.8},
        data_kwargs={"ms": 1.5},
        labelpad=0.1,
    )
    edges = {"left": _MARGIN / side, "right": 1.0 - 0.1 / side, "top": 1.0 - _TOP / side}
    figure.subplots_adjust(bottom=edges["left"], **edges)
    for ax in figure.axes:
        ax.tick_params(labelsize=SMALL_FONT_SIZE - 1, width=0.5, length=2.5)
    figure.suptitle(headline(row, ("A_V",)), fontsize=FONT_SIZE, x=0.98, y=0.98, ha="right")
    return figure


def _names(table, parameters):
    """Names of the parameters to draw, quantities first."""
    known = [name.removesuffix(_SUFFIX) for name in table.colnames if name.endswith(_SUFFIX)]
    if parameters is None:
        return sorted(known, key=lambda name: name not in QUANTITIES)
    names = [parameters] if isinstance(parameters, str) else list(parameters)
    for name in names:
        if known and name not in known:
            msg = f"parameters must be among {', '.join(known)}, got {name!r}: "
            raise InputError((msg + did_you_mean(name, known)).rstrip(": "))
    return names


def _label(name):
    """Label of a parameter in two lines: symbol and unit, or component and name."""
    if name in QUANTITIES:
        return axis_label(name).replace(" [", "\n[")
    return plain_text(name.replace(":", "\n"))


def _values(row, name):
    """Draws of a parameter as plain floats; one that is missing has no spread."""
    values = row_values(row, DRAWS.format(name))
    return values if np.isfinite(values).all() else np.zeros(len(values))
