"""Tables of the documentation, written from records of the code and of results that are kept."""

import json
from math import nan
from pathlib import Path

HERE = Path(__file__).parent
KEPT = HERE / "reproduction"

_ERRORS = ("mae", "control_mae", "ratio", "bias", "bias_of_mean")
_BIASES = {
    "bias_of_mean_by_true": "of the truth",
    "bias_of_mean_of_draws_by_true": "of draws in its place",
    "bias_of_mean_by_predicted": "of the prediction",
}


def setup(app):
    """Write tables before Sphinx reads pages."""
    app.connect("builder-inited", write_tables)
    return {"parallel_read_safe": True}


def write_tables(_app):
    """Write all tables, as pieces of reStructuredText that pages include."""
    for name, rows in (_of_the_code() | _of_the_models() | _of_the_reproduction()).items():
        (HERE / f"{name}_table.rst").write_text(_list_table(rows), encoding="utf-8")


def _of_the_code():
    """Tables from the records that the code itself uses."""
    from dataclasses import fields

    from dustest.data import FLAGS, KINDS, LINES, QUANTITIES
    from dustest.io.layouts import LAYOUTS
    from dustest.physics import IRX_BETA_RELATIONS
    from dustest.physics.dust_laws.lookup import DUST_LAWS
    from dustest.physics.histories import HISTORIES
    from dustest.reproduction import PROFILES, Profile
    from dustest.validation import METRICS

    return {
        "user_guide/_flags": [
            ("Bit", "Value", "Name", "Meaning"),
            *((f.bit, f.value, f"``{f.name}``", f.description) for f in FLAGS.values()),
        ],
        "user_guide/_columns": [
            ("Kind", "Column", "Shape", "Unit", "Meaning"),
            *(row for kind in KINDS.values() for row in _columns_of(kind)),
        ],
        "user_guide/_lines": [
            ("Name", "Vacuum wavelength [Angstrom]", "Other names"),
            *(
                (f"``{line.name}``", line.wavelength, ", ".join(f"``{n}``" for n in line.aliases))
                for line in LINES.values()
            ),
        ],
        "user_guide/_quantities": [
            ("Name", "Unit", "Meaning", "In every result"),
            *(
                (f"``{q.name}``", q.unit or "", q.description, "yes" if q.core else "")
                for q in QUANTITIES.values()
            ),
        ],
        "user_guide/_layouts": [
            ("Name", "Columns", "Unit", "Known from"),
            *(
                (f"``{lay.name}``", lay.description, lay.unit or "declared", lay.unit_source)
                for lay in LAYOUTS.values()
            ),
        ],
        "user_guide/_metrics": [
            ("Column", "Meaning"),
            *((f"``{m.name}``", m.description) for m in METRICS.values()),
        ],
        "user_guide/_profiles": [
            ("Number", *PROFILES),
            *(
                (f"``{field.name}``", *(getattr(p, field.name) for p in PROFILES.values()))
                for field in fields(Profile)
                if field.name != "name"
            ),
        ],
        "user_guide/_relations": [
            ("Name", "a", "b", "Reference"),
            *((f"``{r.name}``", r.a, r.b, r.publication) for r in IRX_BETA_RELATIONS.values()),
        ],
        "user_guide/_dust_laws": [
            ("Name", "Aliases", "R_V", "Range", "References"),
            *(_row_of_law(law) for law in DUST_LAWS.values()),
        ],
        "user_guide/_histories": [
            ("Name", "Parameters", "Rate"),
            *(
                (f"``{h.name}``", ", ".join(f"``{key}``" for key in h.parameters), h.formula)
                for h in HISTORIES.values()
            ),
        ],
    }


def _columns_of(kind):
    """Rows of the columns of a kind."""
    for column in kind.columns:
        name = f"{column.name}_<{kind.per.upper()}>" if kind.per else column.name
        shape = ("(n,)", "(n, k)", "(n, ny, nx)")[column.axes - 1]
        needed = " (required)" if column.required else ""
        unit = "" if column.unit is None else column.unit
        yield f"``{kind.name}``", f"``{name}``", shape, unit, column.description + needed


def _row_of_law(law):
    """Name, aliases, R_V, range and references of a dust law."""
    low, high = law.wavelength_range
    limits = f"{low:.0f} Å to {high / 1e4:.3g} µm" if high < 1e9 else f"from {low:.0f} Å"
    aliases = ", ".join(f"``{alias}``" for alias in law.aliases)
    return f"``{law.name}``", aliases, f"{law.r_v:.3g}", limits, ", ".join(law.references)


def _of_the_models():
    """Tables from the cards of the models that come with dustest."""
    cards = {f"``{name}``": card for name, card in _cards().items()}
    tests = [(name, test) for name, card in cards.items() for test in (card, *card["other_tests"])]
    scores = [((name, test["population"]), one) for name, test in tests for one in test["metrics"]]
    covered = [(names, one) for names, one in scores if "coverage_68" in one]
    biases = [(names, one) for names, one in scores if one["quantity"] == "A_V"]
    return {
        "user_guide/_models": [
            ("Model", "Galaxies to learn from", "Population of the test", "Galaxies to test with"),
            *(
                (name, f"{cards[name]['n_train']:,}", test["population"], f"{test['n_test']:,}")
                for name, test in tests
            ),
        ],
        "user_guide/_model_errors": [
            (
                *("Model", "Population", "Quantity", "MAE", "MAE of the control", "Ratio"),
                *("Bias of the median", "Bias of the mean"),
            ),
            *((*names, one["quantity"], *_errors(one)) for names, one in scores),
        ],
        "user_guide/_model_coverage": [
            (
                *("Model", "Population", "Quantity"),
                *("68 % intervals", "in deciles", "90 % intervals", "in deciles"),
            ),
            *(
                (*names, one["quantity"], *_coverage(one, 68), *_coverage(one, 90))
                for names, one in covered
            ),
        ],
        "user_guide/_model_bias": [
            ("Model", "Population", "Thirds", "0 to 1/3 mag", "1/3 to 2/3", "2/3 to 1", "beyond"),
            *(
                (*names, words, *(_number(value, "bias", "A_V") for value in one[entry]))
                for names, one in biases
                for entry, words in _BIASES.items()
            ),
        ],
    }


def _errors(one):
    """Errors of one quantity as text."""
    ratio = f"{one['ratio']:.2f}"
    words = {
        name: _number(one.get(name, nan), "bias" if "bias" in name else "mae", one["quantity"])
        for name in _ERRORS
    }
    return (words | {"ratio": ratio}).values()


def _number(value, metric, quantity):
    """A mean of differences as text, with the digits of its quantity."""
    from dustest.data import QUANTITIES
    from dustest.report.numbers import format_number
    from dustest.validation import METRICS

    value = nan if value is None else value  # of no galaxy
    return format_number(value, decimals=METRICS[metric].digits_of(QUANTITIES[quantity]))


def _cards():
    """What the model files say of themselves, by the name of the model."""
    from dustest.estimators.network_tools import PRETRAINED, pretrained_file, read_model

    cards = {}
    for name in sorted(PRETRAINED, reverse=True):
        path, sha256 = pretrained_file(name)
        manifest, _ = read_model(path, kind="CNNEstimator", sha256=sha256)
        cards[name] = manifest["created"]["card"]
    return cards


def _coverage(one, level):
    """Shares of truths in intervals, in per cent: of all, and the range of the deciles."""
    name = f"coverage_{level}"
    all_of_them, parts = 100 * one[name], [100 * part for part in one[f"{name}_deciles"]]
    return f"{all_of_them:.1f} %", f"{min(parts):.1f} to {max(parts):.1f} %"


def _of_the_reproduction():
    """Tables from the run of ``dustest reproduce`` that is kept here."""
    record = json.loads((KEPT / "reproduction.json").read_text(encoding="utf-8"))
    read = {path.stem: _read(path) for path in sorted((KEPT / "tables").glob("*.ecsv"))}
    tables = {name: read[name] for name in ("statements", "table_1", "histories")}
    return {
        "reproduction/_dust": _scores(read["table_2"], ("E_BV", "A_V")),
        "reproduction/_rates": _scores(read["table_2"], ("R_V", "log_sSFR")),
        "reproduction/_record": [
            ("What", "Value"),
            ("profile", record["profile"]["name"]),
            ("``--seed``", record["seed"]),
            ("dustest", record["version"]),
            *record["packages"].items(),
        ],
        "reproduction/_seconds": [
            ("Step", "Seconds"),
            *((step, f"{seconds:.0f}") for step, seconds in record["seconds"].items()),
        ],
    } | {f"reproduction/_{name}": _rows(table) for name, table in tables.items()}


def _read(path):
    """A table of the reproduction."""
    from astropy.table import Table

    return Table.read(path)


def _rows(table):
    """Rows of a table, its names first; numbers as people read them."""
    from dustest.report.numbers import format_column

    def cell(value, name):
        is_fraction = isinstance(value.item(), float)
        return format_column(value.item(), name) if is_fraction else str(value)

    return [
        tuple(name.replace("_", " ") for name in table.colnames),
        *(tuple(map(cell, row, table.colnames)) for row in table),
    ]


def _scores(scored, quantities):
    """Table 2 as it is printed, for some quantities: blocks of rows by network."""
    from dustest.report.paper import MEASURES, pivot_scores, score_cells

    columns, blocks = pivot_scores(scored[[name in quantities for name in scored["quantity"]]])
    rows = [("", *(f"{quantity} ({n_bands})" for quantity, n_bands in columns))]
    for network, block in blocks.items():
        rows.append((f"**{network}**", *("" for _ in columns)))
        cells = score_cells(columns, block)
        rows += [(MEASURES[name], *texts) for name, texts in cells.items()]
    return rows


def _list_table(rows):
    """A list-table of rows of cells, the first row being the header."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        marks = ("* -", *("  -" for _ in row[1:]))
        lines += [f"   {mark} {cell}".rstrip() for mark, cell in zip(marks, row, strict=True)]
    return "\n".join(lines) + "\n"
