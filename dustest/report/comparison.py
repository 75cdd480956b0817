"""`Comparison`, the results of several estimators for the same galaxies."""

from dataclasses import dataclass, field

import numpy as np
from astropy.table import QTable

from dustest.data.displays import Display, Heading
from dustest.data.errors import InputError
from dustest.data.files.paths import check_page_file, replacing
from dustest.data.formatting import format_measurement
from dustest.data.messages import did_you_mean
from dustest.data.quantities import QUANTITIES, check_quantity
from dustest.report.figures import COLORS
from dustest.report.figures.calibration import calibration_figure
from dustest.report.figures.galaxy.overviews import plot_galaxy
from dustest.report.figures.panels import comparison_figure, matched_panel
from dustest.report.html import render_report
from dustest.report.verdict import verdict
from dustest.validation.matching import TRUTH, gives
from dustest.validation.metrics import METRICS
from dustest.validation.posteriors.interval_coverage import coverage
from dustest.validation.posteriors.pairing import gives_posterior
from dustest.validation.posteriors.ranks import pit_histogram
from dustest.validation.sensitivity import assumption_shifts

__all__ = ["Comparison"]

_LEVELS = np.linspace(0.05, 0.95, 19)
_CELL_LEVELS = (0.68, 0.9)
# Galaxies in a cell, whose coverage then has an error of 3.3 points, and most cells.
_CELL_SIZE = 200
_MAX_CELLS = 10
_SHOWN = ("bias", "mae", "nmad", "coverage_68")
_HEADINGS = ("quantity", "estimator", "against", "n", *(METRICS[name].label for name in _SHOWN))
"""Metrics that notebooks show."""


@dataclass(frozen=True, repr=False, eq=False)
class Comparison:
    """Results of several estimators for the same galaxies, with metrics and figures.

    ``print`` says what came out; notebooks show that and the metrics.

    Parameters
    ----------
    tables : dict of str to DustTable
        Results by name.
    metrics : QTable
        One row per estimator, table that it is compared against, and quantity; see
        `~dustest.validation.compare_tables`.
    flags : QTable
        Number of rows with each flag; see `~dustest.validation.flag_counts`.
    truth : QTable or None
        The truth with ids, if known.
    reference : str or None
        Name of the estimator that the others are compared with.
    failures : dict of str to str
        Reasons of failed estimators, by name.
    notes : tuple of str
        Notes for the report.
    meta : dict
        Date and versions of the comparison.
    differences : QTable or None
        Differences of mean absolute errors and CRPS of pairs of estimators with their errors, if
        the truth is known; see `~dustest.validation.compare_scores`.
    """

    tables: dict
    metrics: QTable
    flags: QTable
    truth: QTable | None = None
    reference: str | None = None
    failures: dict = field(default_factory=dict)
    notes: tuple = ()
    meta: dict = field(default_factory=dict)
    differences: QTable | None = None

    def __repr__(self):
        known = "with truth" if self.truth is not None else "without truth"
        return f"<Comparison of {', '.join(self.tables)}, {known}>"

    def __str__(self):
        return "\n".join(verdict(self))

    def _repr_html_(self):
        rows = [
            _metric_cells(row) for row in self.metrics if row["against"] == self.default_against
        ]
        failures = [f"{name} gave no result: {reason}" for name, reason in self.failures.items()]
        notes = [*verdict(self), *failures, *self.notes]
        return Display(repr(self).strip("<>"), _HEADINGS, rows, notes).to_html()

    @property
    def quantities(self):
        """Quantities that at least two tables have, in the order of `QUANTITIES`."""
        found = set(self.metrics["quantity"])
        return tuple(name for name in QUANTITIES if name in found)

    @property
    def colors(self):
        """Colour of each estimator in the figures, by name."""
        return {name: COLORS[i % len(COLORS)] for i, name in enumerate(self.tables)}

    def panels(self, quantity, *, against=None):
        """Data of a figure of one quantity, matched galaxy by galaxy.

        Parameters
        ----------
        quantity : str
            A key of `~dustest.data.QUANTITIES`.
        against : str, optional
            Name of an estimator, or ``"truth"``. By default the truth if there is one, else the
            reference, else the first estimator.

        Returns
        -------
        panels : list of `~dustest.report.figures.Panel`
            One for each other estimator with the quantity. R_V is left out if a dust law makes it
            constant.

        Raises
        ------
        InputError
            If the quantity or the name is unknown.
        """
        check_quantity(quantity)
        sides = self.tables if self.truth is None else {TRUTH: self.truth, **self.tables}
        against = self.default_against if against is None else against
        if against not in sides:
            guess = did_you_mean(against, sides)
            msg = f"against must be one of {tuple(sides)}, got {against!r}: {guess}".rstrip(": ")
            raise InputError(msg)
        if not gives(sides[against], quantity):
            return []
        return [
            matched_panel(
                (name, against), table, sides[against], quantity, color=self.colors[name]
            )
            for name, table in self.tables.items()
            if name != against and gives(table, quantity)
        ]

    @property
    def default_against(self):
        """Name of the table that figures compare with by default."""
        if self.truth is not None:
            return TRUTH
        return self.reference or next(iter(self.tables))

    def plot(self, quantity, *, against=None, figure=None):
        """Draw one quantity: one-to-one, distributions and differences, one row per estimator.

        Parameters
        ----------
        quantity : str
            A key of `~dustest.data.QUANTITIES`.
        against : str, optional
            Name of an estimator, or ``"truth"``. By default the truth if there is one, else the
            reference, else the first estimator.
        figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`, optional
            Figure to draw on; by default a new figure that is not registered with pyplot.

        Returns
        -------
        figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
            The figure.

        Raises
        ------
        InputError
            If the quantity or the name is unknown, or fewer than two tables have it.
        """
        panels = self.panels(quantity, against=against)
        if not panels:
            msg = (
                f"quantity must be given by {against or self.default_against} and another "
                f"estimator, got {quantity!r}; these are: {', '.join(self.quantities) or 'none'}"
            )
            raise InputError(msg)
        return comparison_figure(panels, label=QUANTITIES[quantity].label, figure=figure)

    def verdict(self, quantity=None):
        """Say what the methods find, where they disagree, and how they fare, in words.

        Parameters
        ----------
        quantity : str, optional
            A key of `~dustest.data.QUANTITIES`; by default A_V, or the first that is compared.

        Returns
        -------
        sentences : list of str
            With the truth: errors beside those of a constant, and why a method may lose to it.

        Raises
        ------
        InputError
            If the quantity is unknown.
        """
        if quantity is not None:
            check_quantity(quantity)
        return verdict(self, quantity)

    def plot_galaxy(self, id, sample=None):  # noqa: A002 - the column of the results
        """Draw one galaxy: its stamps, its SED, its slope, and the A_V of every method.

        Parameters
        ----------
        id : int or str
            Identifier of the galaxy.
        sample : GalaxySample, optional
            Galaxies with cutouts, in any form that `~dustest.data.as_sample` takes.

        Returns
        -------
        figure : `~matplotlib.figure.Figure`
            The figure, see `~dustest.report.plot_galaxy`.

        Raises
        ------
        InputError
            If no result has the galaxy, or the sample does not have it.
        """
        return plot_galaxy(self.tables, id, sample, truth=self.truth, colors=self.colors)

    def with_posterior(self, quantity):
        """Names of the tables whose posteriors of a quantity can be compared with the truth.

        Parameters
        ----------
        quantity : str
            A key of `~dustest.data.QUANTITIES`.

        Returns
        -------
        names : list of str
            Tables with percentiles or draws for a galaxy with a truth; none without a truth.
        """
        if self.truth is None:
            return []
        return [
            name
            for name, table in self.tables.items()
            if gives_posterior(self.truth, table, quantity)
        ]

    def plot_calibration(self, quantity):
        """Draw coverage curves, PIT histograms and coverage in cells of the prediction.

        Parameters
        ----------
        quantity : str
            A key of `~dustest.data.QUANTITIES`.

        Returns
        -------
        figure : `~matplotlib.figure.Figure`
            The figure, not registered with pyplot. Cells have about 200 galaxies or more.

        Raises
        ------
        InputError
            If the quantity is unknown, or there is no truth or no posterior of it.
        """
        check_quantity(quantity)
        names = self.with_posterior(quantity)
        if not names:
            msg = (
                f"quantity must have a truth and percentiles or draws, got {quantity!r}: give "
                "compare a truth with this column"
            )
            raise InputError(msg)
        tables = {name: self.tables[name] for name in names}
        smallest = min(len(table) for table in tables.values())
        n_cells = min(max(smallest // _CELL_SIZE, 1), _MAX_CELLS)
        of_cells = {"levels": _CELL_LEVELS, "by": quantity, "n_cells": n_cells}
        given = {name: (self.truth, table, quantity) for name, table in tables.items()}
        return calibration_figure(
            {name: coverage(*these, levels=_LEVELS) for name, these in given.items()},
            {name: pit_histogram(*these) for name, these in given.items()},
            {name: coverage(*these, **of_cells) for name, these in given.items()},
            quantity=quantity,
            colors=self.colors,
        )

    def assumption_shifts(self, quantity="A_V"):
        """Shifts of a quantity due to prior and star-formation history, galaxy by galaxy.

        Parameters
        ----------
        quantity : str, optional
            A key of `~dustest.data.QUANTITIES`.

        Returns
        -------
        shifts : QTable
            See `~dustest.validation.assumption_shifts`. All shifts are NaN if no table has the
            quantity under two priors, and no two tables differ in the history only.

        Raises
        ------
        InputError
            If the quantity is unknown.
        """
        return assumption_shifts(self.tables, quantity)

    def to_html(
        self,
        path=None,
        *,
        title="Dust estimates compared",
        sample=None,
        galaxies=(),
        progress=None,
    ):
        """Write the report as one HTML page that needs no other file and no network access.

        It lists all galaxies. Those on which the methods disagree most have a page if there is
        more to see than numbers: stamps of ``sample``, or fits of results with draws.

        Parameters
        ----------
        path : str or path-like, optional
            File to write, ``.html`` or ``.htm``; an existing page is replaced once the new one is
            complete.
        title : str, optional
            Title of the page.
        sample : GalaxySample, optional
            Galaxies with cutouts, in any form that `~dustest.data.as_sample` takes.
        galaxies : int, str or sequence of these, optional
            Identifiers of further galaxies to have a page.
        progress : bool, optional
            Whether to show a progress bar; by default on terminals and in notebooks.

        Returns
        -------
        html : str
            The page.

        Raises
        ------
        InputError
            If the file has another suffix or cannot be written. This is checked before anything
            is drawn.
        """
        if path is not None:
            check_page_file(path, "path")
        options = {"sample": sample, "galaxies": galaxies}
        html = render_report(self, title=title, progress=progress, **options)
        if path is not None:
            _write(path, html)
        return html


def _metric_cells(row):
    """Cells of a row of the metrics: names, and metrics with their errors."""
    names = [str(Heading.of(str(row["quantity"]))), str(row["estimator"]), str(row["against"])]
    metrics = [format_measurement(float(row[name]), float(row[f"{name}_err"])) for name in _SHOWN]
    return [*names, str(row["n"]), *metrics]


def _write(path, text):
    """Write a text file atomically."""
    try:
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"path must be a file that can be written, got {str(path)!r}: {error}"
        raise InputError(msg) from error
