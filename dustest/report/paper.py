"""A reproduction of the paper as an HTML page and as a LaTeX table; input are tables."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dustest.data.formatting import NOTHING, format_number
from dustest.data.quantities import QUANTITIES
from dustest.report.figure_files import data_uri
from dustest.report.html import load_template
from dustest.report.numbers import format_column
from dustest.validation.metrics import METRICS

__all__ = ["Figure", "latex_scores", "pivot_scores", "render_reproduction", "score_cells"]

MEASURES = {"mae": "MAE", "mse": "MSE", "sigma": "sigma", "variance": "variance", "bias": "bias"}
_LATEX_MEASURES = MEASURES | {"sigma": r"$\sigma$"}
_LATEX_SPECIALS = str.maketrans(
    {one: rf"\{one}" for one in "{}$&#%_"}
    | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


@dataclass(frozen=True)
class Figure:
    """A figure of the page.

    Parameters
    ----------
    number : str
        Its number in the paper.
    name : str
        Name of its file, without the suffix.
    caption : str
        Its caption.
    path : path-like
        PNG file.
    """

    number: str
    name: str
    caption: str
    path: Path

    @property
    def source(self):
        """The image as a data URI (str)."""
        return data_uri(Path(self.path).read_bytes(), ".png")


def pivot_scores(scored):
    """Table 2 as published: a row per measure, a column per quantity and number of bands.

    Parameters
    ----------
    scored : Table
        Columns ``network``, ``quantity``, ``n_bands``, ``mae``, ``mse``, ``sigma``, ``variance``
        and ``bias``.

    Returns
    -------
    columns : list of (str, int)
        Quantity and number of bands.
    blocks : dict of str to dict of str to list of float
        By network, by measure: a number for each column, NaN if there is none.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from dustest.report.paper import pivot_scores
    >>> names = ("network", "quantity", "n_bands", "mae", "mse", "sigma", "variance", "bias")
    >>> scored = Table(rows=[("printed", "A_V", 1, 0.09, 0.015, 0.12, 0.015, 0.02)], names=names)
    >>> columns, blocks = pivot_scores(scored)
    >>> columns, blocks["printed"]["mae"]
    ([('A_V', 1)], [0.09])
    """
    columns = list(dict.fromkeys((str(row["quantity"]), int(row["n_bands"])) for row in scored))
    blocks = {}
    for row in scored:
        block = blocks.setdefault(
            str(row["network"]), {name: [np.nan] * len(columns) for name in MEASURES}
        )
        place = columns.index((str(row["quantity"]), int(row["n_bands"])))
        for name in MEASURES:
            block[name][place] = float(row[name])
    return columns, blocks


def latex_scores(scored, *, caption, label="tab:dust-networks"):
    r"""Table 2 in LaTeX, for a manuscript.

    Parameters
    ----------
    scored : Table
        Table for `pivot_scores`.
    caption : str
        Caption, which may contain LaTeX.
    label : str, optional
        Label for references.

    Returns
    -------
    latex : str
        A ``table*`` environment that needs no package.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from dustest.report.paper import latex_scores
    >>> names = ("network", "quantity", "n_bands", "mae", "mse", "sigma", "variance", "bias")
    >>> scored = Table(rows=[("printed", "A_V", 1, 0.09, 0.015, 0.12, 0.015, 0.02)], names=names)
    >>> print(latex_scores(scored, caption="Errors.").splitlines()[5])
     & $A_V$ (1) \\
    """
    columns, blocks = pivot_scores(scored)
    heads = [f"{_latex_quantity(name)} ({n_bands})" for name, n_bands in columns]
    lines = [
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{caption}}}",
        rf"\label{{{label}}}",
        rf"\begin{{tabular}}{{l{'r' * len(columns)}}}",
        _latex_row(["", *heads]),
    ]
    for network, block in blocks.items():
        title = rf"\multicolumn{{{len(columns) + 1}}}{{c}}{{{_latex_text(network)}}}"
        lines += [r"\hline", title + r" \\", r"\hline"]
        lines += [
            _latex_row([_LATEX_MEASURES[name], *map(_latex_number, cells)])
            for name, cells in score_cells(columns, block).items()
        ]
    lines += [r"\hline", r"\end{tabular}", r"\end{table*}", ""]
    return "\n".join(lines)


def _latex_quantity(name):
    """A quantity as a symbol, or its name if it has none."""
    return QUANTITIES[name].symbol if name in QUANTITIES else _latex_text(name)


def _latex_text(text):
    """Escape text for LaTeX."""
    return text.translate(_LATEX_SPECIALS)


def _latex_row(cells):
    """Cells as a row."""
    return " & ".join(cells) + r" \\"


def _latex_number(text):
    """A number as text in LaTeX."""
    return "--" if text == NOTHING else f"${text.replace('−', '-')}$"


def score_cells(columns, block):
    """Format numbers of one network in Table 2, with the decimals of their quantities.

    Parameters
    ----------
    columns : list of (str, int)
        Quantity and number of bands, from `pivot_scores`.
    block : dict of str to list of float
        By measure: a number for each column.

    Returns
    -------
    cells : dict of str to list of str
        By measure: a text for each column, a dash if there is no number.

    Examples
    --------
    >>> from dustest.report.paper import score_cells
    >>> score_cells([("A_V", 1), ("E_BV", 1)], {"mae": [0.0891, 0.0136]})
    {'mae': ['0.089', '0.0136']}
    """
    return {
        measure: [
            format_number(value, decimals=_digits(measure, quantity))
            for (quantity, _), value in zip(columns, values, strict=True)
        ]
        for measure, values in block.items()
    }


def _digits(measure, quantity):
    """Number of decimals; None if the quantity is unknown."""
    known = QUANTITIES.get(quantity)
    return None if known is None else METRICS[measure].digits_of(known)


def render_reproduction(*, title, meta, scored, tables, figures, notes=()):
    """Render a reproduction as one page that needs no other file.

    Parameters
    ----------
    title : str
        Title of the page.
    meta : dict
        ``profile``, ``seed``, ``seeds``, ``seconds`` by step, ``packages`` and others, which the
        page lists.
    scored : Table
        Table for `pivot_scores`.
    tables : dict of str to Table
        Further tables by title.
    figures : sequence of Figure
        Figures, in their order.
    notes : sequence of str, optional
        Notes for the reader.

    Returns
    -------
    html : str
        The page.
    """
    columns, blocks = pivot_scores(scored)
    return load_template("reproduction.html.j2").render(
        title=title,
        meta=meta,
        columns=columns,
        blocks={
            network: {MEASURES[name]: cells for name, cells in score_cells(columns, block).items()}
            for network, block in blocks.items()
        },
        tables={name: _cells(table) for name, table in tables.items()},
        figures=figures,
        notes=notes,
    )


def _cells(table):
    """Head and rows of a table as text."""
    rows = [[_text(row[name], name) for name in table.colnames] for row in table]
    return {"head": table.colnames, "rows": rows}


def _text(value, name):
    """A cell of a column as text."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return format_column(value, name)
    return str(value)
