"""The galaxies of a report: a row for each, and pages of some."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np

from dustest.data.checks.identifiers import match_ids
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import InputError
from dustest.data.flags import decode_flags
from dustest.data.formatting import format_estimate, format_value
from dustest.data.progress import progress_bar
from dustest.data.quantities import percentile_columns
from dustest.report.figure_files import figure_uri
from dustest.report.figures.galaxy.kinds import has_fit
from dustest.validation.disagreement import spread_of
from dustest.validation.matching import (
    TRUTH,
    aligned_column,
    all_ids,
    gives,
    identified,
)

__all__ = ["GalaxyList", "list_galaxies"]

_N_PAGES = 12
"""Galaxies with the largest disagreement that have a page."""
_RESOLUTION = 110


@dataclass(frozen=True)
class GalaxyList:
    """Galaxies of a report.

    Parameters
    ----------
    quantity : str
        Quantity of the values.
    columns : tuple of str
        Names of the columns: methods, then the truth and the spread if there are some.
    rows : list of (str, str or None, list of (str, float), str)
        Identifier, anchor of the page if there is one, text and number of each column, and names
        of flags.
    pages : list of dict
        ``id``, ``anchor``, ``source`` (data URI) and ``alternative`` of each page.
    """

    quantity: str
    columns: tuple
    rows: list
    pages: list


def list_galaxies(comparison, quantity, *, sample=None, galaxies=(), progress=False):
    """List all galaxies, with pages of those on which methods disagree most.

    There are pages if there is more to see than the numbers: stamps, or fits of results with
    draws.

    Parameters
    ----------
    comparison : `~dustest.report.Comparison`
        The comparison.
    quantity : str
        A key of `~dustest.data.QUANTITIES`.
    sample : GalaxySample, optional
        Galaxies with cutouts, for the pages.
    galaxies : sequence of int or str, optional
        Identifiers of further galaxies to have a page.
    progress : bool, optional
        Whether to show a progress bar of the pages.

    Returns
    -------
    listed : GalaxyList or None
        None if no table has the quantity.

    Raises
    ------
    InputError
        If a galaxy is in no table.
    """
    tables = {n: t for n, t in identified(comparison.tables).items() if gives(t, quantity)}
    if not tables:
        return None
    ids = all_ids(tables)
    values = {name: aligned_column(table, quantity, ids) for name, table in tables.items()}
    spread = spread_of(np.stack([*values.values()]))
    columns = {name: _estimates(table, quantity, ids) for name, table in tables.items()}
    if comparison.truth is not None and gives(comparison.truth, quantity):
        columns[TRUTH] = _cells(aligned_column(comparison.truth, quantity, ids))
    if len(tables) > 1:
        columns["spread"] = _cells(spread)
    sample = None if sample is None else as_sample(sample)
    is_seen = (sample is not None and sample.cutout_bands) or any(map(has_fit, tables.values()))
    chosen = _chosen(ids, spread, galaxies, _N_PAGES if is_seen else 0)
    anchors = {row: f"galaxy-{number}" for number, row in enumerate(chosen)}
    flags = decode_flags(_flags(tables, ids))
    rows = [
        (str(ids[k]), anchors.get(k), [*cells], ", ".join(flags[k]))
        for k, cells in enumerate(zip(*columns.values(), strict=True))
    ]
    bar = progress_bar(chosen, progress, desc="pages of galaxies", unit="galaxy")
    of_methods = f"{quantity} of each method"
    pages = [_page(comparison, ids[k], sample) | _words(rows[k], tables, of_methods) for k in bar]
    return GalaxyList(quantity, tuple(columns), rows, pages)


def _chosen(ids, spread, galaxies, n_most):
    """Row numbers of the galaxies with a page, those that were asked for first."""
    galaxies = [galaxies] if isinstance(galaxies, str | Integral) else list(galaxies)
    _, asked = match_ids(galaxies, ids) if galaxies else ([], np.array([], int))
    if len(asked) < len(galaxies):
        msg = f"galaxies must be in one of the tables, got {galaxies}: {len(asked)} are"
        raise InputError(msg)
    most = np.argsort(-spread, kind="stable")[:n_most]
    return list(dict.fromkeys([*asked.tolist(), *most[spread[most] > 0].tolist()]))


def _page(comparison, galaxy, sample):
    """The figure of one galaxy, with its stamps if the sample has it."""
    has_stamps = sample is not None and len(match_ids([galaxy], sample["id"])[1]) == 1
    figure = comparison.plot_galaxy(galaxy, sample if has_stamps else None)
    return {"source": figure_uri(figure, ".png", dpi=_RESOLUTION)}


def _words(row, methods, of_methods):
    """Identifier, anchor and alternative text of the page of a row."""
    galaxy, anchor, cells, _ = row
    # The first columns are those of the methods.
    answers = ", ".join(f"{name} {text}" for name, (text, _) in zip(methods, cells, strict=False))
    words = f"Galaxy {galaxy}: its data and fits, and {of_methods}: {answers}."
    return {"id": galaxy, "anchor": anchor, "alternative": words}


def _estimates(table, quantity, ids):
    """Text and number of the estimates of a method."""
    names = (quantity, *percentile_columns(quantity))
    columns = (aligned_column(table, name, ids).tolist() for name in names)
    return [(format_estimate(*values), values[0]) for values in zip(*columns, strict=True)]


def _cells(values):
    """Text and number of values."""
    return [(format_value(value), value) for value in values.tolist()]


def _flags(tables, ids):
    """Flags that any method sets."""
    found = np.zeros(len(ids), dtype=np.int32)
    for table in tables.values():
        rows, places = match_ids(table["id"], ids)
        if "flags" in table.colnames:
            found[places] |= np.asarray(table["flags"], dtype=np.int32)[rows]
    return found
