"""The command line: each command is a thin layer over public functions."""

import argparse
import json
import sys
from pathlib import Path

__all__ = ["main"]

_FIRST_ROWS_SEPARATOR = ":"
_DEFAULT_ESTIMATOR = "meurer"


def main(arguments=None):
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, optional
        Words after ``dustest``; those of the process by default.

    Returns
    -------
    status : int
        0 if all went well, 1 if not; the reason goes to standard error.

    Examples
    --------
    >>> from dustest.cli import main
    >>> main(["estimate", "no-such-file.fits", "--output", "out.ecsv"])
    1
    """
    options = _parser().parse_args(arguments)
    from dustest.data.errors import DustestError

    try:
        return options.run(options)
    except DustestError as error:
        sys.stderr.write(f"dustest: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("dustest: stopped; what was finished is kept with --output\n")
        return 130


def _parser():
    """Commands and their options."""
    from dustest import __version__

    parser = argparse.ArgumentParser(
        prog="dustest", description="Dust attenuation of distant galaxies, by several methods."
    )
    parser.add_argument("--version", action="version", version=f"dustest {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_estimate(commands)
    _add_compare(commands)
    _add_demo(commands)
    _add_simulate(commands)
    _add_train(commands)
    _add_tune(commands)
    _add_cite(commands)
    _add_reproduce(commands)
    _add_doctor(commands)
    return parser


def _add_estimate(commands):
    """``dustest estimate``."""
    parser = commands.add_parser("estimate", help="run one estimator on a catalogue")
    _add_catalog_options(parser)
    parser.add_argument("-e", "--estimator", help=f"name (default: {_DEFAULT_ESTIMATOR})")
    parser.add_argument(
        "--model",
        metavar="FILE|NAME",
        help="instead: networks by dustest train, or that come with dustest",
    )
    parser.add_argument(
        "--output", required=True, help="result: .fits, .ecsv, .parquet or .h5; kept if it exists"
    )
    parser.add_argument("--resume", action="store_true", help="go on with an earlier run")
    parser.set_defaults(run=_estimate)


def _add_compare(commands):
    """``dustest compare``."""
    parser = commands.add_parser("compare", help="run estimators side by side, write a report")
    _add_catalog_options(parser)
    parser.add_argument(
        "-e",
        "--estimator",
        action="append",
        metavar="NAME[:ROWS]",
        help="estimator, and on how many galaxies from the first; repeat for several "
        "(default: all that are installed, the slow ones on 10 galaxies)",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="FILE|NAME",
        help="networks by dustest train, or that come with dustest, beside the estimators; "
        "repeat for several",
    )
    parser.add_argument("--reference", help="estimator that the others are compared with")
    parser.add_argument("--truth", help="table of true values with the column id")
    parser.add_argument(
        "--output", default="dustest-report.html", help="report (default: %(default)s)"
    )
    parser.add_argument("--tables", metavar="FOLDER", help="keep the result tables there")
    parser.add_argument("--resume", action="store_true", help="go on with the tables of --tables")
    parser.set_defaults(run=_compare)


def _add_demo(commands):
    """``dustest demo``."""
    parser = commands.add_parser("demo", help="compare all estimators on simulated galaxies")
    parser.add_argument(
        "--output", default="dustest-demo.html", help="report (default: %(default)s)"
    )
    _add_run_options(parser)
    parser.set_defaults(run=_demo)


def _add_simulate(commands):
    """``dustest simulate``."""
    parser = commands.add_parser(
        "simulate",
        help="simulate galaxies with known truth",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="FOLDER",
        default=argparse.SUPPRESS,
        help="where to write; with the same options, a run that was stopped goes on there",
    )
    parser.add_argument("-n", type=int, default=1000, help="number of rows, views of galaxies")
    parser.add_argument(
        "--bands", nargs="+", default=["F277W", "F356W", "F444W"], help="bands of the images"
    )
    parser.add_argument("--preset", default="JADES-deep", help="survey that sets the noise")
    parser.add_argument(
        "--redshift", nargs="+", type=float, default=[6.0, 9.0], help="redshift, or two ends"
    )
    parser.add_argument(
        "--dust-to-metal",
        nargs="+",
        type=float,
        default=[0.0, 1.0],
        help="share of the metals that is in dust, or two ends",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of random numbers")
    parser.add_argument("--n-jobs", type=int, default=1, help="processes (-1: all cores)")
    parser.set_defaults(run=_simulate)


def _add_train(commands):
    """``dustest train``."""
    parser = commands.add_parser("train", help="train networks on simulated galaxies")
    _add_network_options(parser)
    parser.add_argument("--output", required=True, metavar="FILE", help="model file; a new one")
    parser.add_argument("--n-networks", type=int, default=1, help="networks of the ensemble")
    parser.add_argument(
        "--checkpoint", metavar="FOLDER", help="keep every epoch there, and go on from there"
    )
    parser.set_defaults(run=_train)


def _add_tune(commands):
    """``dustest tune``."""
    parser = commands.add_parser("tune", help="search for the best layers of a network")
    _add_network_options(parser)
    parser.add_argument("--preset", default="quick", help="quick or paper (default: quick)")
    parser.add_argument("--trials", type=int, help="trials in all (default: of the preset)")
    parser.add_argument(
        "--folder", metavar="FOLDER", help="keep every trial there, and go on from there"
    )
    parser.add_argument("--output", required=True, metavar="FILE", help="table of the trials")
    parser.add_argument("--model", metavar="FILE", help="train the best then; a new model file")
    parser.set_defaults(run=_tune)


def _add_network_options(parser):
    """Options of the commands that train networks."""
    parser.add_argument(
        "simulations", nargs="+", metavar="folder", help="written by dustest simulate"
    )
    parser.add_argument(
        "--bands", nargs="+", help="bands of the images (default: all of the first folder)"
    )
    parser.add_argument("--targets", nargs="+", help="A_V, E_BV, log_sSFR (default: all)")
    parser.add_argument("--architecture", default="dustest", help="dustest or paper")
    parser.add_argument("--epochs", type=int, help="most epochs")
    parser.add_argument(
        "--set",
        action="append",
        metavar="PARAMETER=VALUE",
        help="further parameter of CNNEstimator, such as batch_size=64",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of random numbers (default: 0)")
    parser.add_argument(
        "--figure",
        metavar="FILE",
        help="draw how it went: .png, .pdf or .svg; without suffix, PDF and PNG",
    )


def _add_cite(commands):
    """``dustest cite``."""
    parser = commands.add_parser("cite", help="print BibTeX of all that results used")
    parser.add_argument(
        "results",
        nargs="*",
        metavar="FILE",
        help="table of results, model file, or folder of simulations (default: dustest itself)",
    )
    parser.set_defaults(run=_cite)


def _add_reproduce(commands):
    """``dustest reproduce``."""
    parser = commands.add_parser(
        "reproduce", help="make the tables and figures of the paper", allow_abbrev=False
    )
    parser.add_argument(
        "--profile", default="quick", help="quick or full: how much to do (default: quick)"
    )
    parser.add_argument("--catalog", metavar="FILE", help="observed galaxies (default: simulated)")
    parser.add_argument(
        "--images",
        nargs="+",
        action="extend",
        default=[],
        metavar="BAND=FILE",
        help="mosaics of the catalogue; the n-th of all bands belong together",
    )
    parser.add_argument(
        "--output",
        default="dustest-reproduction",
        metavar="FOLDER",
        help="where to write, and to go on (default: %(default)s)",
    )
    parser.add_argument("--n-jobs", type=int, default=-1, help="processes (default: all cores)")
    parser.add_argument("--seed", type=int, default=0, help="seed of random numbers (default: 0)")
    parser.set_defaults(run=_reproduce)


def _add_doctor(commands):
    """``dustest doctor``."""
    parser = commands.add_parser("doctor", help="tell what is installed and which estimators work")
    parser.set_defaults(run=_doctor)


def _add_catalog_options(parser):
    """Options of the commands that read a catalogue."""
    parser.add_argument("catalog", help="FITS, ECSV, CSV, Parquet, HDF5 or VOTable file")
    parser.add_argument("--unit", help="unit of fluxes that declare none, such as uJy or ABmag")
    parser.add_argument("--redshift", help="column of redshifts")
    parser.add_argument("--error-floor", type=float, default=0.0, help="fraction of the flux")
    parser.add_argument("--column", action="append", metavar="NAME=COLUMN", help="column to read")
    parser.add_argument(
        "--image",
        action="append",
        metavar="BAND=FILE",
        help="mosaic to cut the galaxies out of; repeat for several bands",
    )
    parser.add_argument("--z-min", type=float, help="take galaxies from this redshift on")
    parser.add_argument("--z-max", type=float, help="take galaxies up to this redshift")
    parser.add_argument(
        "--set",
        action="append",
        metavar="ESTIMATOR.PARAMETER=VALUE",
        help="parameter of an estimator, such as meurer.relation=Reddy15",
    )
    _add_run_options(parser)


def _add_run_options(parser):
    """Options of the commands that compute."""
    parser.add_argument("--n-jobs", type=int, default=None, help="processes (-1: all cores)")
    parser.add_argument("--seed", type=int, default=None, help="seed of random numbers")


def _estimate(options):
    """Run one estimator."""
    from dustest.data import InputError

    if options.model and (options.estimator or options.set):
        msg = "--model stands for itself, without --estimator and --set"
        raise InputError(msg)
    name = options.model or options.estimator or _DEFAULT_ESTIMATOR
    sample = _read_sample(options)
    if options.model:
        estimator = _trained(options.model, options.seed)
    else:
        estimator = _made(name, _parameters(options), options.seed)
    table = estimator.estimate(
        sample, output=options.output, resume=options.resume, n_jobs=options.n_jobs
    )
    _say(f"{len(table)} galaxies by {name}: {options.output}")
    return 0


def _compare(options):
    """Run estimators side by side."""
    from dustest import compare

    sample = _read_sample(options)
    chosen = _chosen(options.estimator, _ready_made())
    parameters = _parameters(options)
    estimators = {name: _made(name, parameters, options.seed) for name in chosen}
    limits = _limits(chosen, estimators, len(sample))
    notes = _notes(limits, estimators, len(sample))
    estimators |= {Path(word).stem: _trained(word, options.seed) for word in options.model}
    comparison = compare(
        estimators,
        sample,
        limits=limits,
        reference=options.reference,
        truth=options.truth and _read_truth(options.truth),
        output=options.tables,
        resume=options.resume,
        n_jobs=options.n_jobs,
        random_state=0 if options.seed is None else options.seed,
        notes=notes,
    )
    return _report(comparison, options.output)


def _demo(options):
    """Compare all estimators on the simulated catalogue."""
    from dustest import compare
    from dustest.io import load_demo

    sample, truth = load_demo()
    seed = 0 if options.seed is None else options.seed
    estimators = {name: _made(name, _DEMO_PARAMETERS, seed) for name in _ready_made()}
    limits = {name: _SLOW_ROWS for name, made in estimators.items() if _is_slow(made)}
    comparison = compare(
        estimators,
        sample,
        limits=limits,
        truth=truth,
        n_jobs=-1 if options.n_jobs is None else options.n_jobs,
        random_state=seed,
        notes=(*_DEMO_NOTES, *_notes(limits, estimators, len(sample))),
    )
    return _report(comparison, options.output)


# Two assumptions whose effect the report can show.
_DEMO_PARAMETERS = {"bagpipes": {"extra": ("priors",)}}
_DEMO_NOTES = ("The galaxies are simulated.",)
_SLOW_ROWS = 10


def _simulate(options):
    """Simulate galaxies onto disc."""
    from dustest.simulate import GalaxySimulator

    simulator = GalaxySimulator(
        options.bands, options.preset, options.redshift, options.dust_to_metal
    )
    simulated = simulator.stream(options.n, options.output, options.seed, n_jobs=options.n_jobs)
    _say(f"{len(simulated)} rows in {', '.join(simulator.bands)}: {options.output}")
    _say(f"read them in Python with dustest.simulate.read_simulation({options.output!r})")
    return 0


def _train(options):
    """Train networks on simulations."""
    _check_new(options.output)
    simulations = _read_simulations(options)
    cnn = _network(options, simulations, n_networks=options.n_networks)
    cnn.fit(simulations, checkpoint=_made_folder(options.checkpoint))
    _save_network(cnn, simulations, options.output)
    if options.figure:
        from dustest.report.figures import plot_training_history

        _save_figure(plot_training_history(cnn.history_), options.figure)
    return 0


def _tune(options):
    """Search for the best layers of a network."""
    _check_new(options.output)
    if options.model:
        _check_new(options.model)
    simulations = _read_simulations(options)
    cnn = _network(options, simulations)
    result = cnn.tune(
        simulations,
        preset=options.preset,
        n_trials=options.trials,
        folder=_made_folder(options.folder),
    )
    _write_table(result.trials, options.output)
    _say(f"{len(result.trials)} trials: {options.output}")
    _say("best: " + ", ".join(f"{name}={value}" for name, value in result.best.items()))
    if options.figure:
        from dustest.report.figures import plot_tuning

        _save_figure(plot_tuning(result.trials)[0], options.figure)
    if options.model:
        cnn.set_params(**result.best).fit(simulations)
        _save_network(cnn, simulations, options.model)
    return 0


def _cite(options):
    """Print BibTeX of all that results used."""
    from dustest import cite

    _say(cite(*options.results))
    return 0


def _reproduce(options):
    """Make the tables and figures of the paper."""
    from dustest import reproduce

    images = {}
    for word in options.images:
        band, path = _pair(word, "--images")
        images.setdefault(band, []).append(path)
    result = reproduce(
        options.output,
        options.profile,
        catalog=options.catalog,
        images=images or None,
        random_state=options.seed,
        n_jobs=options.n_jobs,
        tell=_say,
    )
    _say(f"report: {(result.folder / 'report.html').resolve()}")
    return 0


def _doctor(options):  # noqa: ARG001 - every command takes its options
    """Tell what is installed and which estimators work."""
    from dustest.doctor import diagnose

    findings = diagnose()
    for finding in findings:
        _say(f"{finding.subject:<24} {finding.state:<12} {finding.detail}".rstrip())
    return 0 if all(finding.healthy for finding in findings) else 1


def _read_sample(options):
    """The catalogue within the asked redshifts, with its images."""
    sample = _read_catalog(options)
    if not options.image:
        return sample
    from dustest.io import add_cutouts

    return add_cutouts(sample, dict(_pair(word, "--image") for word in options.image))


def _read_catalog(options):
    """The catalogue within the asked redshifts."""
    import numpy as np

    from dustest.data import InputError
    from dustest.io import read_catalog

    sample = read_catalog(
        options.catalog,
        columns=dict(_pair(word, "--column") for word in options.column or ()),
        unit=options.unit,
        error_floor=options.error_floor,
        redshift=options.redshift,
    )
    low = -np.inf if options.z_min is None else options.z_min
    high = np.inf if options.z_max is None else options.z_max
    if (low, high) == (-np.inf, np.inf):
        return sample
    if "redshift" not in sample.colnames:
        msg = "--z-min and --z-max need a redshift column; name it with --redshift"
        raise InputError(msg)
    sample = sample[(sample["redshift"] >= low) & (sample["redshift"] <= high)]
    if len(sample) == 0:
        msg = f"no galaxy of {options.catalog} lies within the redshifts {low:g} to {high:g}"
        raise InputError(msg)
    return sample


def _read_truth(path):
    """A table of true values."""
    from astropy.io.registry import IORegistryError
    from astropy.table import QTable

    from dustest.data import ReadError

    try:
        return QTable.read(path)
    except (OSError, ValueError, TypeError, IORegistryError) as error:
        msg = f"cannot read the truth from {path!r}: {error}"
        raise ReadError(msg) from error


def _pair(word, option):
    """Both sides of ``name=value``."""
    from dustest.data import InputError

    name, separator, value = word.partition("=")
    if not separator or not name or not value:
        msg = f"{option} must look like NAME=VALUE, got {word!r}"
        raise InputError(msg)
    return name, value


def _parameters(options):
    """Parameters by estimator from ``--set``."""
    from dustest.data import InputError

    parameters = {}
    for word in options.set or ():
        name, value = _pair(word, "--set")
        estimator, separator, parameter = name.partition(".")
        if not separator:
            msg = f"--set must look like ESTIMATOR.PARAMETER=VALUE, got {word!r}"
            raise InputError(msg)
        parameters.setdefault(estimator, {})[parameter] = _value(value)
    return parameters


def _value(text):
    """A number, truth value or list as JSON writes them; else the text itself."""
    try:
        return _with_tuples(json.loads(text))
    except json.JSONDecodeError:
        return text


def _with_tuples(value):
    """Lists as tuples, at every depth: limits of priors are tuples."""
    if isinstance(value, dict):
        return {key: _with_tuples(part) for key, part in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


def _chosen(words, installed):
    """Number of galaxies by estimator; None for all, or for the default of a slow one."""
    from dustest.data import InputError

    chosen = {}
    for word in words or installed:
        name, separator, rows = word.partition(_FIRST_ROWS_SEPARATOR)
        if separator and not (rows.isdecimal() and int(rows) > 0):
            msg = f"--estimator must look like NAME or NAME:ROWS, got {word!r}"
            raise InputError(msg)
        default = None if words else "slow"
        chosen[name] = int(rows) if separator else default
    return chosen


def _is_slow(estimator):
    """Whether an estimator takes one galaxy at a time, each in a time limit of its own."""
    return estimator.isolated and estimator.rows_at_once == 1


def _limits(chosen, estimators, n_galaxies):
    """How many galaxies the limited estimators get."""
    limits = {}
    for name, rows in chosen.items():
        slow = _SLOW_ROWS if _is_slow(estimators[name]) else None
        limit = slow if rows == "slow" else rows
        if limit is not None and limit < n_galaxies:
            limits[name] = limit
    return limits


def _ready_made():
    """Names of the estimators that can run at once: those that learn, from the demo."""
    from dustest.estimators import get_estimator, list_estimators

    return [name for name in list_estimators() if not _learns_from_images(get_estimator(name))]


def _learns_from_images(estimator):
    """Whether an estimator learns what the demo, which has photometry alone, cannot teach."""
    teachable = all("flux" in alternatives for alternatives in estimator.required_data)
    return estimator.__sklearn_tags__().requires_fit and not teachable


def _made(name, parameters, seed):
    """An estimator with its seed, fitted to the simulated galaxies where it learns."""
    from dustest.data import InputError
    from dustest.estimators import get_estimator

    estimator = get_estimator(name, **parameters.get(name, {}))
    if _learns_from_images(estimator):
        msg = (
            f"the estimator {name} must have been trained on images: name its file, or one that "
            "comes with dustest, with --model"
        )
        raise InputError(msg)
    _set_seed(estimator, seed)
    if estimator.__sklearn_tags__().requires_fit:
        from dustest.io import load_demo

        sample, truth = load_demo()
        names = [name for name in ("A_V", "E_BV", "log_sSFR") if name in truth.colnames]
        if "targets" in estimator.get_params(deep=False):
            estimator.set_params(targets=tuple(names))
        estimator.fit(sample, truth)
    return estimator


def _trained(word, seed):
    """Networks from a file, or by their name."""
    from dustest import CNNEstimator

    is_file = Path(word).exists() or Path(word).suffix
    return _set_seed(
        CNNEstimator.load(word) if is_file else CNNEstimator.from_pretrained(word), seed
    )


def _set_seed(estimator, seed):
    """The estimator, with a seed where it takes one."""
    if seed is not None and "random_state" in estimator.get_params(deep=False):
        estimator.set_params(random_state=seed)
    return estimator


def _check_new(path):
    """Refuse a file that is there, or cannot be written, before hours of work."""
    from dustest.data import InputError

    path = Path(path)
    if path.exists() or not path.parent.is_dir():
        msg = f"{str(path)!r} must be a new file in a folder that exists; choose another name"
        raise InputError(msg)


def _made_folder(path):
    """A folder, made where it does not exist; or None."""
    from dustest.data import InputError

    if path is None:
        return None
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{path!r} must be a folder that can be written to: {error}"
        raise InputError(msg) from error
    return path


def _read_simulations(options):
    """Simulations on disc."""
    from dustest.simulate import read_simulation

    return [read_simulation(folder) for folder in options.simulations]


def _network(options, simulations, **parameters):
    """Networks to be trained, from the options."""
    from dustest.estimators import get_estimator

    bands = options.bands or simulations[0].read(0, 1)[0].cutout_bands
    parameters |= {"architecture": options.architecture, "random_state": options.seed}
    parameters |= {"targets": tuple(options.targets)} if options.targets else {}
    parameters |= {"epochs": options.epochs} if options.epochs is not None else {}
    further = (_pair(word, "--set") for word in options.set or ())
    parameters |= {name: _value(value) for name, value in further}
    return get_estimator("cnn", bands=tuple(bands), **parameters)


def _save_network(cnn, simulations, path):
    """Write trained networks, with what they were trained on."""
    sha256 = cnn.save(path, {"simulations": [one.manifest for one in simulations]})
    _say(f"networks trained on {cnn.n_train_} and chosen on {cnn.n_validation_} galaxies: {path}")
    _say(f"sha256 {sha256}")


def _write_table(table, path):
    """Write a table in the format of its ending."""
    from astropy.io.registry import IORegistryError

    from dustest.data import InputError

    try:
        table.write(path)
    except (OSError, ValueError, TypeError, IORegistryError) as error:
        msg = f"--output must end in .ecsv, .fits, .parquet or .h5, got {path!r}: {error}"
        raise InputError(msg) from error


def _save_figure(axes, path):
    """Write the figure of some axes."""
    from dustest.report.figures import save_figure

    for written in save_figure(axes, path):
        _say(f"figure: {written}")


def _notes(limits, estimators, n_galaxies):
    """What the reader of a report should know of the run."""
    notes = [
        f"{name} ran on the first {rows} of {n_galaxies} galaxies only."
        for name, rows in limits.items()
    ]
    learned = [name for name, made in estimators.items() if made.__sklearn_tags__().requires_fit]
    if learned:
        notes.append(
            f"Fitted to the truth of the 200 simulated demo galaxies: {', '.join(learned)}."
        )
    return notes


def _report(comparison, path):
    """Write the report and say where."""
    comparison.to_html(path)
    for name, reason in comparison.failures.items():
        sys.stderr.write(f"dustest: {name} gave no result: {reason}\n")
    _say(f"report: {Path(path).resolve()}")
    return 0


def _say(line):
    """Write a line to standard output."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
