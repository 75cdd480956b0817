"""Files of a reproduction: tables, figures, page and record."""

import json

from dustest.citations import cite
from dustest.data.files.paths import replacing, writable_folder
from dustest.report.figures import save_figure
from dustest.report.paper import Figure, latex_scores, render_reproduction

__all__ = ["write_figures", "write_meta", "write_page", "write_references", "write_tables"]

_TITLE = "Dust attenuation of galaxies at z ~ 8, reproduced"
_CAPTION = (
    "Errors of networks on simulated images, by quantity and, in brackets, number of bands: as "
    "published by Fu et al., and as reproduced."
)
_TITLES = {
    "statements": "Statements of the paper",
    "table_1": "Table 1: hyperparameters",
    "histories": "SED fits by star-formation history",
}
_SIMULATED_SKY = (
    "No catalogue was given: the observed galaxies are simulated, and no network was trained on "
    "them."
)


def write_tables(folder, tables):
    """Write tables as ECSV, and Table 2 in LaTeX too.

    Parameters
    ----------
    folder : `~pathlib.Path`
        Folder; created if it does not exist.
    tables : dict of str to RowTable
        Tables by name.
    """
    writable_folder(folder)
    for name, table in tables.items():
        with replacing(folder / f"{name}.ecsv") as partial:
            table.write(partial)
    _write_text(folder / "table_2.tex", latex_scores(tables["table_2"], caption=_CAPTION))


def write_figures(folder, plans, findings):
    """Draw figures and write them as PDF and PNG.

    Parameters
    ----------
    folder : `~pathlib.Path`
        Folder; created if it does not exist.
    plans : sequence of FigurePlan
        Plans of the figures.
    findings : Findings
        Findings of a run.

    Returns
    -------
    dict of str to `~pathlib.Path`
        PNG files by name, for figures that could be drawn.
    """
    writable_folder(folder)
    files = {}
    for plan in plans:
        number = plan.number.split(",")[0]
        stem = folder / f"figure-{int(number):02d}-{plan.name}"
        drawn = plan.draw(findings)
        if drawn is not None:
            files[plan.name] = save_figure(drawn, stem)[-1]
            continue
        for suffix in (".pdf", ".png"):  # of an earlier run
            stem.with_suffix(suffix).unlink(missing_ok=True)
    return files


def write_meta(path, meta):
    """Write the record of a run.

    Parameters
    ----------
    path : `~pathlib.Path`
        JSON file.
    meta : dict
        Record.
    """
    _write_text(path, json.dumps(meta, indent=1) + "\n")


def write_references(path, findings):
    """Write BibTeX of everything that was used.

    Parameters
    ----------
    path : `~pathlib.Path`
        File.
    findings : Findings
        Findings of a run.
    """
    tested = [result for result, _ in findings.tests.values()]
    _write_text(path, cite(findings.simulation, *tested, *findings.sky.results.values()))


def write_page(path, tables, plans, figures, meta):
    """Write a page with all tables and figures.

    Parameters
    ----------
    path : `~pathlib.Path`
        HTML file.
    tables : dict of str to RowTable
        Tables by name.
    plans : sequence of FigurePlan
        Figures.
    figures : dict of str to `~pathlib.Path`
        PNG files by name.
    meta : dict
        Record of the run.
    """
    shown = [
        Figure(plan.number, figures[plan.name].stem, plan.caption, figures[plan.name])
        for plan in plans
        if plan.name in figures
    ]
    left_out = [plan.number for plan in plans if plan.name not in figures]
    notes = [_SIMULATED_SKY] if meta["sky"] == "simulated" else []
    notes += [f"Figure {number} has nothing to show." for number in left_out]
    page = render_reproduction(
        title=_TITLE,
        meta=meta,
        scored=tables["table_2"],
        tables={title: tables[name] for name, title in _TITLES.items()},
        figures=shown,
        notes=notes,
    )
    _write_text(path, page)


def _write_text(path, text):
    """Write a text file atomically."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
