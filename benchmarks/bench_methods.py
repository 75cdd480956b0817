"""All methods that come with dustest on all sets of the standard benchmark, for the user guide.

Run with ``python benchmarks/bench_methods.py``. It writes ``benchmark_scores.csv`` and
``benchmark_runs.csv`` into ``docs/user_guide``, from which the guide makes its tables and figure.
Simulations and results are kept in ``--folder``, and an interrupted run resumes. With ``--sets``
only these sets are run, and the rows of others stay as they are.

On sets whose corruption changes images alone, only methods that see images run: the results of
others are those for the same galaxies without it, in the rows ``default, first 300``.
SED fits run on these sets with their defaults only, as they take most of the time.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import QTable, vstack

from dustest.estimators.network_tools import CORRUPTIONS
from dustest.studies import BENCHMARKS, CatalogMissingError, benchmark, ready_methods

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "user_guide"
FIRST = "default, first 300"
"""The clean galaxies of the sets with corruptions."""
FLAGS = ("any", "no A_V", "OUT_OF_DOMAIN", "NOT_A_GALAXY", "POOR_FIT", "PRIOR_DOMINATED")
SPEEDS = ("galaxies_per_second", "ess", "ess_400")
DIGITS = 4
SLOW = "bagpipes"


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=[*BENCHMARKS, FIRST])
    parser.add_argument("--methods", nargs="+", help="some of the methods; all by default")
    parser.add_argument("--folder", type=Path, help="default: the cache folder of the user")
    parser.add_argument("--catalogs", type=Path, help="folder of the published catalogues")
    parser.add_argument("--output", type=Path, default=GUIDE)
    parser.add_argument("--n-jobs", type=int, default=1)
    options = parser.parse_args(arguments)
    for name in options.sets:
        record = record_of(name)
        methods = methods_for(record, options.methods)
        try:
            card = benchmark(
                {},
                record,
                against=methods,
                folder=options.folder,
                catalogs=options.catalogs,
                n_jobs=options.n_jobs,
            )
        except CatalogMissingError as error:
            print(f"skipped: {error}")
            continue
        for file, rows in (("scores", scores_of(card)), ("runs", runs_of(card))):
            path = options.output / f"benchmark_{file}.csv"
            update(path, name, rows, keep_others=options.methods is not None)
        print(f"{name}: {', '.join(card.methods)}; left out: {card.left_out or 'none'}")


def record_of(name):
    """Record of a set."""
    if name != FIRST:
        return BENCHMARKS[name]
    some = next(one for one in BENCHMARKS.values() if getattr(one, "corruption", None))
    return replace(some, name=FIRST, description="Galaxies of corrupted sets.", corruption=None)


def methods_for(record, names=None):
    """Methods that run on a set."""
    methods = ready_methods(getattr(record, "survey", None))
    corruption = getattr(record, "corruption", None)
    if corruption is not None or record.name == FIRST:
        methods = {
            name: one
            for name, one in methods.items()
            if name == SLOW or not name.startswith(f"{SLOW}, ")
        }
    if corruption is not None and not CORRUPTIONS[corruption].is_photometric:
        methods = {name: one for name, one in methods.items() if "cutout" in one.required_kinds}
    return {name: one for name, one in methods.items() if names is None or name in names}


def scores_of(card):
    """Scores of a card, rounded."""
    scores = card.scores
    for name in scores.colnames:
        if scores[name].dtype.kind == "f":
            scores[name] = np.round(scores[name], DIGITS)
    return scores


def runs_of(card):
    """Number of galaxies, speed and flags of the methods of a card."""
    rows = [
        {"method": name, "n": card.about["n"]}
        | {key: round(one["speed"][key], DIGITS) for key in SPEEDS}
        | {key: round(one["flags"].get(key, 0.0), DIGITS) for key in FLAGS}
        for name, one in card.methods.items()
    ]
    names = ("method", "n", *SPEEDS, *FLAGS)
    return QTable({name: [row[name] for row in rows] for name in names})


def update(path, name, rows, *, keep_others):
    """Replace the rows of a set in a file, or those of some methods, in the order of sets."""
    rows.add_column(np.full(len(rows), name, dtype="U24"), name="set", index=0)
    parts = [rows]
    if path.exists():
        kept, new = QTable.read(path, format="ascii.csv"), set(rows["method"])
        other = [row["set"] != name or (keep_others and row["method"] not in new) for row in kept]
        parts = [kept[np.array(other, dtype=bool)], rows]
    table = vstack([part for part in parts if len(part)] or [rows])
    order = {one: number for number, one in enumerate((FIRST, *BENCHMARKS))}
    place = np.argsort([order[str(one)] for one in table["set"]], kind="stable")
    table[place].write(path, format="ascii.csv", overwrite=True)


if __name__ == "__main__":
    main()
