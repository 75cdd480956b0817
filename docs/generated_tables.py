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
    tables = _of_the_code() | _of_the_models() | _of_the_benchmark() | _of_the_reproduction()
    for name, rows in tables.items():
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
    from dustest.data.formatting import format_number
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


def _of_the_benchmark():
    """Tables from the scores that ``benchmarks/bench_methods.py`` wrote."""
    from dustest.studies import BENCHMARKS

    sets = [(f"``{one.name}``", one.description) for one in BENCHMARKS.values()]
    scores, runs = (_read_guide(f"benchmark_{name}.csv") for name in ("scores", "runs"))
    return {
        "user_guide/_benchmark_sets": [("Name", "Galaxies"), *sets],
        "user_guide/_benchmark_points": _point_rows(scores),
        "user_guide/_benchmark_corrupted": _corrupted_rows(scores, runs),
        "user_guide/_benchmark_published": _published_rows(scores),
        "user_guide/_benchmark_runs": _run_rows(runs),
    } | {
        f"user_guide/_benchmark_{quantity}": _benchmark_rows(scores, quantity)
        for quantity in ("A_V", "log_sSFR", "log_mass")
    }


_SCORED_SETS = ("default", "heavy", "faint", "quick", "all data")
_CLEAN = "default, first 300"
_AGAINST = ("JOF", "Endsley+24")


def _read_guide(name):
    """Rows of a table of the user guide, as dicts."""
    from astropy.table import Table

    table = Table.read(HERE / "user_guide" / name, format="ascii.csv")
    return [dict(zip(table.colnames, row, strict=True)) for row in table]


def _select(rows, **wanted):
    """Rows with some values."""
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def _benchmark_rows(scores, quantity):
    """Scores of medians of one quantity, best method first in each set."""
    mass = quantity == "log_mass"
    heads = ("Set", "Method", "n", "MAE", "MAE over baseline", "Bias")
    heads += ("RMSE", "R2") if mass else ("68 %", "90 %", "CRPS")
    rows = [heads]
    for name in _SCORED_SETS:
        found = _select(scores, set=name, quantity=quantity, point="median")
        for row in sorted(found, key=lambda row: row["mae"]):
            end = ("rmse", "r2") if mass else ("coverage_68", "coverage_90", "crps")
            cells = (_cell(row, score) for score in ("mae", "ratio", "bias", *end))
            rows.append((name, row["method"], row["n"], *cells))
    return rows


def _point_rows(scores):
    """MAE, bias and share of small values of A_V of the point estimates of each method."""
    rows = [("Set", "Method", "Point", "MAE", "RMSE", "Bias", "Below 0.05 mag")]
    for name in ("default", "heavy", "quick"):
        found = _select(scores, set=name, quantity="A_V")
        several = {row["method"] for row in found if row["point"] == "mean"}
        rows += [
            (
                *(name, row["method"], row["point"]),
                *(_cell(row, score) for score in ("mae", "rmse", "bias", "low")),
            )
            for row in found
            if row["method"] in several
        ]
    return rows


def _corrupted_rows(scores, runs):
    """MAE over that of clean galaxies, and share of flagged galaxies, by corruption."""
    from dustest.studies import BENCHMARKS

    names = [one.name for one in BENCHMARKS.values() if getattr(one, "corruption", None)]
    clean = {
        row["method"]: row for row in _select(scores, set=_CLEAN, quantity="A_V", point="median")
    }
    methods = [name for name in clean if name != "baseline"]
    rows = [("Corruption", *methods)]
    for name in (_CLEAN, *names):
        cells = []
        for method in methods:
            score = _select(scores, set=name, method=method, quantity="A_V", point="median")
            run = _select(runs, set=name, method=method)
            ratio = f"{score[0]['mae'] / clean[method]['mae']:.2f}" if score else ""
            flags = f"{100 * run[0]['OUT_OF_DOMAIN']:.0f} %" if run else ""
            cells.append(", ".join(part for part in (ratio, flags) if part))
        rows.append((name, *cells))
    return rows


def _published_rows(scores):
    """Differences from published medians."""
    rows = [("Catalogue", "Quantity", "Method", "n", "MAE", "Bias")]
    for name in _AGAINST:
        rows += [
            (name, row["quantity"], row["method"], row["n"], _cell(row, "mae"), _cell(row, "bias"))
            for row in _select(scores, set=name, point="median")
        ]
    return rows


def _run_rows(runs):
    """Speed and flags of each method on the default set."""
    rows = [("Method", "Galaxies/s", "Median ESS", "No A_V", "Any flag", "PRIOR_DOMINATED")]
    for row in _select(runs, set="default"):
        shares = (f"{100 * row[name]:.0f} %" for name in ("no A_V", "any", "PRIOR_DOMINATED"))
        ess = "" if row["ess"] != row["ess"] else f"{row['ess']:.0f}"
        rows.append((row["method"], f"{row['galaxies_per_second']:.1f}", ess, *shares))
    return rows


def _cell(row, score):
    """A score as text."""
    value = row[score]
    if value != value:
        return ""
    if score in ("low", "coverage_68", "coverage_90"):
        return f"{100 * value:.1f} %"
    if score in ("ratio", "r2"):
        return f"{value:.2f}"
    metric = {"rmse": "sigma"}.get(score, score)
    return _number(value, metric, row["quantity"])


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
