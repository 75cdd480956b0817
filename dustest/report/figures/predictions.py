"""Figures of predictions against the truth, and against SED fits."""

from itertools import product

from dustest.data.errors import InputError
from dustest.data.quantities import QUANTITIES, check_quantity
from dustest.report.figures._drawing import COLORS, FONT_SIZE, plain_text
from dustest.report.figures.panels import comparison_figure, matched_panel
from dustest.validation.matching import TRUTH, checked_truth, gives, identified

__all__ = ["plot_against_sed", "plot_predictions"]


def plot_predictions(tables, truth, quantity, *, figure=None):
    """Draw predictions against the truth, one row per table.

    Each row has predicted against true values with the identity line and contours that enclose
    10, 30, 50, 70 and 95 % of the galaxies; the distributions of both; and that of prediction
    minus truth. Overestimates are to the right of zero, as in ``bias`` of
    `~dustest.validation.compute_metrics`.

    Parameters
    ----------
    tables : dict of str to DustTable, Table or data frame
        Results by name, such as those of networks for one and for three bands.
    truth : Table, data frame or dict of columns
        A column of the quantity, and identifiers, by which rows are paired.
    quantity : str
        Predicted quantity.
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`, optional
        Figure to draw on; by default a new figure as wide as a journal page.

    Returns
    -------
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
        The figure, with three axes per row.

    Raises
    ------
    InputError
        If the quantity is unknown, a table or the truth does not have it, or rows cannot be
        paired by id.

    See Also
    --------
    dustest.validation.compare_tables : Numbers of this comparison.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest.data import DustTable
    >>> from dustest.report.figures import plot_predictions
    >>> table = DustTable.from_quantities([1, 2, 3], {"A_V": [0.2, 0.5, 0.9]})
    >>> truth = QTable({"id": [3, 2, 1], "A_V": [0.8, 0.5, 0.1]})
    >>> figure = plot_predictions({"1 band": table}, truth, "A_V")
    >>> figure.axes[2].get_xlabel()
    '$A_V$ [mag]: 1 band − truth'
    """
    label = _check(quantity, tables=tables).label
    sides = identified({TRUTH: checked_truth(truth), **tables})
    truth = sides.pop(TRUTH)
    silent = _silent({TRUTH: truth, **sides}, quantity)
    if silent:
        msg = f"{quantity} must be given by the truth and all tables, but not by {silent[0]!r}"
        raise InputError(msg)
    panels = [
        matched_panel((name, TRUTH), table, truth, quantity, color=_color(i))
        for i, (name, table) in enumerate(sides.items())
    ]
    return comparison_figure(panels, label=label, figure=figure)


def plot_against_sed(tables, fits, quantity, *, figure=None):
    """Draw estimates against SED fits for the same galaxies, one row per pair.

    The rows are those of `plot_predictions`, with the SED fit in place of the truth. Titles state
    the number of galaxies with an estimate. A table without estimates, such as that of a network
    if no galaxy has an image, has no row; a note below says so.

    Parameters
    ----------
    tables : dict of str to DustTable, Table or data frame
        Results by name: those of networks, or of a relation like Meurer's.
    fits : dict of str to DustTable, Table or data frame
        Results of SED fits by name. `~dustest.validation.ssfr_over` computes their star-formation
        rates over other durations.
    quantity : str
        Quantity to compare.
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`, optional
        Figure to draw on; by default a new figure as wide as a journal page.

    Returns
    -------
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
        The figure, with three axes per row.

    Raises
    ------
    InputError
        If the quantity is unknown, no table or not every fit has it, or rows cannot be paired by
        id.

    Examples
    --------
    >>> from dustest.data import DustTable
    >>> from dustest.report.figures import plot_against_sed
    >>> network = DustTable.from_quantities([1, 2], {"A_V": [0.2, float("nan")]})
    >>> fit = DustTable.from_quantities([1, 2], {"A_V": [0.3, 0.4]})
    >>> figure = plot_against_sed({"1 band": network}, {"Bagpipes": fit}, "A_V")
    >>> figure.axes[1].get_title()
    '1 of 2 galaxies'
    """
    label = _check(quantity, tables=tables, fits=fits).label
    tables, fits = _with_ids(tables, fits)
    panels = {
        names: matched_panel(
            names,
            tables[names[0]],
            fits[names[1]],
            quantity,
            color=_color(list(tables).index(names[0])),
            n_asked=len(fits[names[1]]),
        )
        for names in ((name, fit) for fit, name in product(fits, tables))
    }
    silent = _silent(tables, quantity), _silent(fits, quantity)
    left_out = [
        names
        for names, panel in panels.items()
        if panel.n_used == 0 or names[0] in silent[0] or names[1] in silent[1]
    ]
    shown = [panel for names, panel in panels.items() if names not in left_out]
    if not shown:
        msg = (
            f"{quantity} must be given by a table and an SED fit for at least one galaxy in "
            f"common, got none for {', '.join(tables)} and {', '.join(fits)}"
        )
        raise InputError(msg)
    figure = comparison_figure(shown, label=label, figure=figure)
    if left_out:
        figure.supxlabel(_without([panels[names] for names in left_out]), fontsize=FONT_SIZE)
    return figure


def _check(quantity, **sides):
    """Check the quantity, and that there are tables on all sides."""
    check_quantity(quantity)
    for argument, tables in sides.items():
        if not isinstance(tables, dict) or not tables:
            msg = f"{argument} must be a dict of name to results, got {type(tables).__name__}"
            raise InputError(msg)
    return QUANTITIES[quantity]


def _silent(tables, quantity):
    """Names of tables without a quantity."""
    return [name for name, table in tables.items() if not gives(table, quantity)]


def _with_ids(tables, fits):
    """Tables and fits with identifiers; both may use the same name."""
    keys = {name: f"{name} (fit)" for name in fits}
    named = identified({**tables, **{keys[name]: fit for name, fit in fits.items()}})
    return {name: named[name] for name in tables}, {name: named[keys[name]] for name in fits}


def _color(i):
    """Colour of a table by its number."""
    return COLORS[i % len(COLORS)]


def _without(panels):
    """Note on pairs without galaxies."""
    pairs = ", ".join(f"{panel.name} and {panel.against}" for panel in panels)
    return plain_text(f"Not shown, since no galaxy has both: {pairs}")
