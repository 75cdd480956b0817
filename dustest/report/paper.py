"""A reproduction of the paper as an HTML page and as a LaTeX table: tables in, text out."""

import base64
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dustest.report.html import load_template
from dustest.report.numbers import format_number

__all__ = ["Figure", "latex_scores", "pivot_scores", "render_reproduction"]

MEASURES = {"mae": "MAE", "mse": "MSE", "sigma": "sigma", "variance": "variance", "bias": "bias"}
_LATEX_MEASURES = MEASURES | {"sigma": r"$\sigma$"}
_LATEX_QUANTITIES = {
    "E_BV": r"$E(B-V)$",
    "A_V": r"$A_V$",
    "R_V": r"$R_V$",
    "log_sSFR": r"$\log\,\mathrm{sSFR}$",
}
_LATEX_SPECIALS = str.maketrans(
    {one: rf"\{one}" for one in "{}$&#%_"}
    | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)
_DIGITS = 3
_SMALL, _LARGE = 1e-3, 1e3


@dataclass(frozen=True)
class Figure:
    """A figure of the page.

    Parameters
    ----------
    number : str
        Its number in the paper.
    name : str
        Name of its file, without the ending.
    caption : str
        What it shows.
    path : path-like
        PNG file.
    """

    number: str
    name: str
    caption: str
    path: Path

    @property
    def source(self):
        """The image as an address that holds all of it (str)."""
        data = base64.b64encode(Path(self.path).read_bytes()).decode("ascii")
        return f"data:image/png;base64,{data}"


def pivot_scores(scored):
    """Table 2 as it is printed: a row a measure, a column a quantity and number of bands.

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
        By network, by measure: a number for each column, NaN where there is none.

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
        As `pivot_scores` takes it.
    caption : str
        Caption, in which LaTeX may stand.
    label : str, optional
        Label to refer to it by.

    Returns
    -------
    latex : str
        A ``table*`` environment, which needs no package.

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
            _latex_row([_LATEX_MEASURES[name], *map(_latex_number, values)])
            for name, values in block.items()
        ]
    lines += [r"\hline", r"\end{tabular}", r"\end{table*}", ""]
    return "\n".join(lines)


def _latex_quantity(name):
    """A quantity as a symbol, or its name where it has none."""
    return _LATEX_QUANTITIES.get(name) or _latex_text(name)


def _latex_text(text):
    """Text in which LaTeX finds no orders."""
    return text.translate(_LATEX_SPECIALS)


def _latex_row(cells):
    """Cells as a row."""
    return " & ".join(cells) + r" \\"


def _latex_number(value):
    """A number in LaTeX; very small and very large ones with a power of ten."""
    if not np.isfinite(value):
        return "--"
    text = _rounded(value)
    if "e" not in text:
        return f"${text}$"
    mantissa, exponent = text.split("e")
    return rf"${mantissa}\times10^{{{int(exponent)}}}$"


def _rounded(value):
    """A number with three digits."""
    if value != 0 and not _SMALL <= abs(value) < _LARGE:
        return f"{value:.{_DIGITS - 1}e}"
    return f"{value:.{_DIGITS}g}"


def render_reproduction(*, title, meta, scored, tables, figures, notes=()):
    """Render a reproduction as one page that loads nothing.

    Parameters
    ----------
    title : str
        Title of the page.
    meta : dict
        ``profile``, ``seed``, ``seeds``, ``seconds`` by step, ``packages`` and others, which the
        page lists.
    scored : Table
        Table 2, as `pivot_scores` takes it.
    tables : dict of str to Table
        Further tables by title.
    figures : sequence of Figure
        Figures, in their order.
    notes : sequence of str, optional
        What the reader should know.

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
            network: {MEASURES[name]: list(map(_shown, values)) for name, values in block.items()}
            for network, block in blocks.items()
        },
        tables={name: _cells(table) for name, table in tables.items()},
        figures=figures,
        notes=notes,
    )


def _shown(value):
    """A number of Table 2 as text."""
    return _rounded(value) if np.isfinite(value) else "–"


def _cells(table):
    """Head and rows of a table as text."""
    rows = [[_text(row[name]) for name in table.colnames] for row in table]
    return {"head": table.colnames, "rows": rows}


def _text(value):
    """A cell as text."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return format_number(value)
    return str(value)
