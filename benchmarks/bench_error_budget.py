"""Error budget of SED fits of the demo's galaxies, for the guide.

Run ``python benchmarks/bench_error_budget.py``. It prints the shifts by each variation and the
totals; with ``--n 20`` of the first 20 galaxies only.
"""

import argparse

from dustest import BagpipesEstimator
from dustest.io import load_demo
from dustest.studies import error_budget

SEED = 195001


def main():
    """Print the error budget."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=200, help="number of galaxies")
    parser.add_argument("--preset", default="default", help="preset of the SED fit")
    parser.add_argument("--n-jobs", type=int, default=1, help="processes")
    options = parser.parse_args()
    budget = error_budget(
        load_demo()[0][: options.n],
        reference=BagpipesEstimator(preset=options.preset, random_state=SEED),
        n_jobs=options.n_jobs,
        random_state=SEED,
    )
    for table in (budget.table(), budget.totals()):
        print(*table.pformat(max_lines=-1, max_width=-1), sep="\n")
    print("median half interval of the reference:", round(budget.table().meta["half_width"], 3))
    for name, reason in budget.left_out.items():
        print(f"left out: {name}: {reason}")


if __name__ == "__main__":
    main()
