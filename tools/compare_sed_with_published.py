"""Fit two catalogues under seven histories of star formation, beside what others published.

Run with ``python tools/compare_sed_with_published.py --data ../shared/data --output FOLDER``,
where the data are ``catalogs/jof_bagpipes.ecsv`` (JADES Origins Field, fitted with Bagpipes) and
``catalogs/jades_z6to9_beagle.fits`` (Endsley et al. 2024, MNRAS 533, 1111, fitted with BEAGLE). It
writes into the folder

* ``fits/<catalogue>_<history>.ecsv``: every fit. Another run goes on where the last one stopped;
  other assumptions belong into another folder;
* ``statistics.ecsv``: how published and fitted values are distributed and differ (A_V in mag, the
  others logarithmic), a row for each catalogue, history, range of redshift and quantity;
* ``<catalogue>.png``: attenuations;
* ``<catalogue>.html``: the histories compared with each other.

The published fits assume something else. Those of Bagpipes have a prior that is flat in A_V, a
free redshift and the fluxes of segments of the image in place of total ones; those of BEAGLE have
another dust law and other stars. Masses and rates are converted to the initial mass function of
Kroupa. ``--assumptions published`` uses the published priors, as far as they are known. Even then,
compare distributions rather than single galaxies.
"""

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.table import QTable, vstack
from matplotlib.figure import Figure

from dustest import BagpipesEstimator, compare
from dustest.data import FLAGS
from dustest.io import read_catalog
from dustest.physics import convert_quantity
from dustest.report.figures import COLORS, histograms, one_to_one
from dustest.studies import BENCHMARKS
from dustest.validation import compare_distributions, compute_metrics

SEED = 1
HISTORIES = (
    "lognormal",
    "delayed",
    "constant",
    "exponential",
    "double_delayed",
    "delayed_burst",
    "continuity",
)
# Columns of a fit under other priors, and which published quantity they are held against.
OTHER_PRIORS = {"A_V_flat": "A_V", "A_V_log10": "A_V"}
REDSHIFT_RANGES = {"all": (0.0, np.inf), "6 to 9": (6.0, 9.0)}
ESS_PERCENTILES = (1, 5, 50)
# Limits of the prior of A_V, log10 mag.
LOG_LIMITS = (-4.0, 1.0)
# Of the differences that a figure shows, in per cent.
SHOWN_DIFFERENCES = (0.5, 99.5)
N_BINS = 40
FIGURE_SIZE = (7.1, 6.6)
FONT_SIZE = 8
PUBLISHED_COLOR = "#8c8c8c"
HISTORY_COLORS = dict(zip(HISTORIES, (*COLORS, "#222222"), strict=True))


@dataclass(frozen=True)
class Assumptions:
    """What a fit assumes; the defaults of the estimator where nothing is said.

    Priors are in the names of Bagpipes. ``redshift`` is a column of the catalogue.
    """

    dust_law: str = "Calzetti"
    priors: dict = field(default_factory=dict)
    priors_by_history: dict = field(default_factory=dict)
    redshift: str | None = None

    def priors_of(self, history):
        """Priors of the fit of a history, None where all are default."""
        return (self.priors | self.priors_by_history.get(history, {})) or None


@dataclass(frozen=True)
class Catalog:
    """A catalogue of the benchmark, and the further fits that were published of its galaxies.

    The cosmology of the published fits is that of ours.

    A fit is a dictionary of quantity to the columns of its 16, 50 and 84 %. Histories that were
    not published, and quantities that were not published of them, are held against ``reference``.
    """

    name: str
    code: str
    own: dict
    assumptions: Assumptions

    @property
    def file(self):
        """Name of the file."""
        return BENCHMARKS[self.name].file

    @property
    def reference(self):
        """Columns of the published fit, by quantity."""
        return BENCHMARKS[self.name].columns

    @property
    def imf(self):
        """Initial mass function of the published fits."""
        return BENCHMARKS[self.name].imf

    def fit_for(self, history):
        """Columns of the published fit that a history is held against."""
        return self.reference | self.own.get(history, {})

    @property
    def columns(self):
        """All columns of published fits."""
        fits = [self.reference, *self.own.values()]
        return sorted({name for fit in fits for names in fit.values() for name in names})


def bagpipes_fit(history):
    """Columns of a fit in the JOF catalogue."""
    stems = {"A_V": "Av", "log_mass": "logM", "log_sSFR": "log_ssfr"}
    return {
        quantity: tuple(f"bp_{history}_{stem}_{level}" for level in (16, 50, 84))
        for quantity, stem in stems.items()
    }


def beagle_columns(name):
    """Columns of a quantity in the catalogue of Endsley et al."""
    return f"{name}_l16", name, f"{name}_u84"


def uniform(**limits):
    """Uniform priors between limits; two underscores in a name stand for its colon."""
    names = {name.replace("__", ":"): pair for name, pair in limits.items()}
    return names | {f"{name}_prior": "uniform" for name in names}


METALLICITY = (1e-3, 2.5)
# src/EXPANSE/bagpipes/pipes_models.py of the repository that the JOF catalogue is from. Its
# continuity history has other bins as well, and nothing is said of the constant one.
EXPANSE = Assumptions(
    priors=uniform(dust__Av=(0.0, 5.0), nebular__logU=(-3.0, -1.0)),
    priors_by_history={
        "lognormal": uniform(
            lognormal__tmax=(0.01, 2.5),
            lognormal__fwhm=(0.01, 1.0),
            lognormal__metallicity=METALLICITY,
        ),
        "delayed": uniform(delayed__tau=(0.01, 15.0), delayed__metallicity=METALLICITY),
        "constant": uniform(constant__metallicity=METALLICITY),
        "continuity": uniform(continuity__metallicity=METALLICITY),
    },
    redshift="bp_lognorm_z_50",
)
# The percentiles of the least dusty galaxies show a prior flat in log A_V that begins at an
# optical depth of 0.001. Where it ends (here 5) does not matter to galaxies like these.
BEAGLE = Assumptions(dust_law="SMC", priors={"dust:Av": (1.086e-3, 5.43)})
CATALOGS = (
    Catalog(
        name="JOF",
        code="Bagpipes, lognormal",
        own={
            "delayed": bagpipes_fit("delayed"),
            "constant": bagpipes_fit("cnst"),
            "continuity": bagpipes_fit("continuity"),
        },
        assumptions=EXPANSE,
    ),
    Catalog(
        name="Endsley+24",
        code="BEAGLE",
        own={
            "constant": {"log_mass": beagle_columns("logM_CSFH")},
            "continuity": {"log_mass": beagle_columns("logM_continuity")},
        },
        assumptions=BEAGLE,
    ),
)


def read_galaxies(catalog, folder, assumptions):
    """Photometry of a catalogue, and the columns of the published fits."""
    return read_catalog(
        folder / "catalogs" / catalog.file,
        columns={name: name for name in catalog.columns},
        redshift=assumptions.redshift,
    )


def fit_history(sample, history, assumptions, path, arguments):
    """Fit a catalogue under one history, as far as no earlier run has."""
    extra = {"extra": tuple(arguments.extra)} if arguments.extra else {}
    estimator = BagpipesEstimator(
        sfh=history,
        preset="Fu",
        engine="tabulated",
        dust_law=assumptions.dust_law,
        priors=assumptions.priors_of(history),
        random_state=SEED,
        **extra,
    )
    return estimator.estimate(sample, output=path, resume=True, n_jobs=arguments.n_jobs)


def fit_catalog(catalog, arguments):
    """The galaxies of a catalogue, and the fits of all histories by name."""
    assumptions = catalog.assumptions if arguments.assumptions == "published" else Assumptions()
    sample = read_galaxies(catalog, arguments.data, assumptions)[: arguments.limit]
    folder = arguments.output / "fits"
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{catalog.name}_{name}.ecsv" for name in arguments.histories}
    return sample, {
        name: fit_history(sample, name, assumptions, path, arguments)
        for name, path in paths.items()
    }


def values_of(column):
    """Bare floats of a column."""
    return np.asarray(getattr(column, "value", column), dtype=float)


def has_flag(table, name):
    """Which rows carry a flag."""
    return (np.asarray(table["flags"]) & FLAGS[name].value) > 0


def is_answered(table):
    """Which galaxies lie at redshifts of the model and have an answer."""
    return ~has_flag(table, "REDSHIFT_OUT_OF_RANGE") & np.isfinite(values_of(table["A_V"]))


def side_by_side(sample, table, fit, imf):
    """Published and fitted values under the names of ours; NaN in both where either has none."""
    published, ours = QTable(), QTable()
    for name, quantity in ({key: key for key in fit} | OTHER_PRIORS).items():
        if name in table.colnames:
            theirs, mine = values_of(sample[fit[quantity][1]]), values_of(table[name])
            theirs = convert_quantity(theirs, quantity, imf=(imf, "Kroupa"))
            known = np.isfinite(theirs) & np.isfinite(mine)
            published[name] = np.where(known, theirs, np.nan)
            ours[name] = np.where(known, mine, np.nan)
    return published, ours


def distribution_rows(published, ours):
    """A row for each quantity: both distributions and how far apart they are."""
    rows = compare_distributions(published, ours, published.colnames, random_state=SEED)
    # How well a classifier tells them apart means nothing where both are the same galaxies.
    rows.meta.clear()
    rows.remove_columns(["unit", "n_b", "distance"])
    rows.rename_columns(["name", "n_a"], ["quantity", "n"])
    for level in ("median", "p16", "p84"):
        rows.rename_column(f"{level}_a", f"{level}_published")
        rows.rename_column(f"{level}_b", f"{level}_ours")
    return rows


def difference_columns(published, ours):
    """Columns about ours minus published, galaxy by galaxy, with a value for each quantity."""
    pairs = [(ours[name], published[name]) for name in ours.colnames]
    metrics = [compute_metrics(*pair, n_bootstrap=0) for pair in pairs]
    residuals = [mine - theirs for mine, theirs in pairs]
    known = [np.isfinite(residual) for residual in residuals]
    return {
        "median_difference": [
            np.median(residual[use]) if use.any() else np.nan
            for residual, use in zip(residuals, known, strict=True)
        ],
        "nmad": [row["nmad"] for row in metrics],
        "standard_deviation": [row["sigma"] for row in metrics],
        "spearman": [row["spearman"] for row in metrics],
    }


def quality_columns(table):
    """How many galaxies have an answer, and how good the answers are."""
    outside, answered = has_flag(table, "REDSHIFT_OUT_OF_RANGE"), is_answered(table)
    kept = table[answered]
    ess, information = (values_of(kept[name]) for name in ("ess", "A_V_information"))
    return {
        "n_redshift_out_of_range": int(outside.sum()),
        "n_without_answer": int((~outside & ~answered).sum()),
        "prior_dominated": mean_or_nan(has_flag(kept, "PRIOR_DOMINATED")),
        "low_ess": mean_or_nan(has_flag(kept, "LOW_ESS")),
        **{f"ess_p{level}": percentile_or_nan(ess, level) for level in ESS_PERCENTILES},
        "median_information": percentile_or_nan(information, 50),
    }


def mean_or_nan(values):
    """Mean; NaN of nothing."""
    return float(np.mean(values)) if len(values) else np.nan


def percentile_or_nan(values, level):
    """A percentile; NaN of nothing."""
    return float(np.percentile(values, level)) if len(values) else np.nan


def statistics_of(sample, table, catalog, history):
    """Rows of one catalogue and history, in all ranges of redshift."""
    fit = catalog.fit_for(history)
    published, ours = side_by_side(sample, table, fit, catalog.imf)
    columns = [fit[OTHER_PRIORS.get(name, name)][1] for name in ours.colnames]
    redshift, answered = values_of(sample["redshift"]), is_answered(table)
    tables = []
    for label, (low, high) in REDSHIFT_RANGES.items():
        inside = (redshift >= low) & (redshift <= high)
        pair = published[answered & inside], ours[answered & inside]
        rows = distribution_rows(*pair)
        keys = {"catalog": catalog.name, "history": history, "redshift": label}
        rows.add_columns([*keys.values()], names=[*keys], indexes=[0, 0, 0])
        rows.add_column(columns, name="published", index=4)
        for key, value in (difference_columns(*pair) | quality_columns(table[inside])).items():
            rows[key] = value
        tables.append(rows)
    return vstack(tables)


def log_values(column):
    """Logarithms (base 10) of a column; NaN where there is none."""
    values = values_of(column)
    return np.log10(np.where(values > 0, values, np.nan))


def log_errors(low, median, high):
    """Distances from the median down to the 16 and up to the 84 %, of the logarithms."""
    low, median, high = map(log_values, (low, median, high))
    return np.stack([median - low, high - median])


def draw_cumulative(values, *, ax, colors):
    """Cumulative distributions, the first one as a broad line."""
    for i, (column, color) in enumerate(zip(values.values(), colors, strict=True)):
        ax.ecdf(column[np.isfinite(column)], color=color, lw=1.2 if i else 4.0)
    ax.set(xlim=LOG_LIMITS, ylim=(0, 1), ylabel="fraction of galaxies below")


def draw_distributions(catalog, sample, tables, axes):
    """Distributions of A_V, published and in all histories."""
    used = is_answered(next(iter(tables.values())))
    column = catalog.reference["A_V"][1]
    values = {f"published ({catalog.code})": log_values(sample[column])[used]}
    for name, table in tables.items():
        values[name] = log_values(table["A_V"])[is_answered(table)]
    colors = [PUBLISHED_COLOR, *(HISTORY_COLORS[name] for name in tables)]
    histograms(values, ax=axes[0], colors=colors, limits=LOG_LIMITS, normalized=True)
    draw_cumulative(values, ax=axes[1], colors=colors)
    for ax in axes:
        ax.set_xlabel(r"$\log_{10}\,A_V$ [mag]")


def draw_galaxies(catalog, sample, history, table, ax):
    """A_V of one history against the published one."""
    used = is_answered(table)
    ours = [table[name][used] for name in ("A_V_p16", "A_V", "A_V_p84")]
    published = [sample[name][used] for name in catalog.fit_for(history)["A_V"]]
    one_to_one(
        log_values(published[1]),
        log_values(ours[1]),
        xerr=log_errors(*published),
        yerr=log_errors(*ours),
        ax=ax,
        color=HISTORY_COLORS[history],
        limits=LOG_LIMITS,
    )
    ax.set_xlabel(rf"$\log_{{10}}\,A_V$ [mag], published ({catalog.code})")
    ax.set_ylabel(rf"$\log_{{10}}\,A_V$ [mag], {history}")


def draw_differences(catalog, sample, tables, ax):
    """Differences of A_V from the published one; few lie far out, and the axis shows them."""
    residuals = {}
    for name, table in tables.items():
        published = values_of(sample[catalog.fit_for(name)["A_V"][1]])
        residuals[name] = (values_of(table["A_V"]) - published)[is_answered(table)]
    limits = np.percentile(np.concatenate([*residuals.values()]), SHOWN_DIFFERENCES)
    for name, residual in residuals.items():
        style = {"histtype": "step", "lw": 1.2, "color": HISTORY_COLORS[name]}
        ax.hist(residual, N_BINS, range=limits, log=True, **style)
    ax.axvline(0.0, color="#222222", lw=0.9, ls="--")
    ax.set(xlabel=r"$A_V$ [mag], ours − published", ylabel="galaxies", ylim=(0.7, None))


def draw_catalog(catalog, sample, tables):
    """Figure of A_V: distributions in all histories, and the first history galaxy by galaxy."""
    figure = Figure(figsize=FIGURE_SIZE, layout="constrained")
    axes = figure.subplots(2, 2)
    draw_distributions(catalog, sample, tables, axes[0])
    draw_galaxies(catalog, sample, *next(iter(tables.items())), axes[1, 0])
    draw_differences(catalog, sample, tables, axes[1, 1])
    handles, labels = axes[0, 0].get_legend_handles_labels()
    axes[0, 0].get_legend().remove()
    figure.legend(
        handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=FONT_SIZE
    )
    for ax in axes.flat:
        ax.tick_params(labelsize=FONT_SIZE - 1, direction="in", which="both", top=True, right=True)
        for axis in (ax.xaxis, ax.yaxis):
            axis.label.set_size(FONT_SIZE)
    return figure


def compare_histories(catalog, sample, tables, path):
    """Write the report that compares the histories with each other."""
    any_table = next(iter(tables.values()))
    outside = has_flag(any_table, "REDSHIFT_OUT_OF_RANGE")
    published = np.percentile(sample[catalog.reference["A_V"][1]][~outside], [16, 50, 84])
    counts = (
        f"{catalog.name}: {np.count_nonzero(~outside)} galaxies; {np.count_nonzero(outside)} more "
        "lie at redshifts outside those of the model and are left out."
    )
    values = "Published A_V ({}): median {:.3f}, 16 and 84 % {:.3f} and {:.3f} mag.".format(
        catalog.code, *published[[1, 0, 2]]
    )
    kept = {name: table[~outside] for name, table in tables.items()}
    result = compare(kept, reference=next(iter(kept)), random_state=SEED, notes=(counts, values))
    result.to_html(path, title=f"{catalog.name}: {len(kept)} histories of star formation")


def parsed_arguments():
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--histories",
        nargs="+",
        choices=HISTORIES,
        default=HISTORIES,
        help="histories to fit; the first one is drawn galaxy by galaxy",
    )
    parser.add_argument("--n-jobs", type=int, default=1, help="number of processes")
    parser.add_argument("--limit", type=int, help="number of galaxies of either catalogue")
    parser.add_argument(
        "--assumptions",
        choices=("default", "published"),
        default="default",
        help="redshifts, dust and priors: the estimator's own, or those of the published fits",
    )
    parser.add_argument("--extra", nargs="*", help="extra columns of the fits, such as priors")
    return parser.parse_args()


def main():
    """Fit all catalogues, and write table, figures and reports."""
    arguments = parsed_arguments()
    output, statistics = arguments.output, []
    for catalog in CATALOGS:
        sample, tables = fit_catalog(catalog, arguments)
        statistics += [
            statistics_of(sample, table, catalog, history) for history, table in tables.items()
        ]
        draw_catalog(catalog, sample, tables).savefig(output / f"{catalog.name}.png", dpi=200)
        compare_histories(catalog, sample, tables, output / f"{catalog.name}.html")
    vstack(statistics).write(output / "statistics.ecsv", overwrite=True)


if __name__ == "__main__":
    main()
