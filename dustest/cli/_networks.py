"""Commands that make networks: ``simulate``, ``train`` and ``tune``."""

import argparse
from pathlib import Path

from dustest.cli._outputs import (
    check_figure,
    check_new,
    check_table,
    save_figure,
    write_table,
)
from dustest.cli._scheduler import add_scheduler
from dustest.cli._words import add_overwrite, read_value, say, split_pair

__all__ = ["add_commands"]


def add_commands(commands):
    """Add the commands to a parser."""
    _add_simulate(commands)
    _add_train(commands)
    _add_tune(commands)


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
        help="output folder; with the same options, an interrupted run resumes",
    )
    parser.add_argument("-n", type=int, default=1000, help="number of rows, views of galaxies")
    parser.add_argument(
        "--bands", nargs="+", default=["F277W", "F356W", "F444W"], help="bands of the images"
    )
    parser.add_argument("--preset", default="JADES-deep", help="survey that sets the noise")
    parser.add_argument(
        "--redshift", nargs="+", type=float, default=[6.0, 9.0], help="redshift, or its range"
    )
    parser.add_argument(
        "--dust-to-metal",
        nargs="+",
        type=float,
        help="fraction of the metals that is in dust, or its range; None: that of the population",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of random numbers")
    parser.add_argument("--n-jobs", type=int, default=None, help="processes (-1: all cores)")
    add_scheduler(parser)
    parser.set_defaults(run=_simulate)


def _add_train(commands):
    """``dustest train``."""
    parser = commands.add_parser("train", help="train networks on simulated galaxies")
    _add_network_options(parser)
    parser.add_argument("--output", required=True, metavar="FILE", help="model file; a new one")
    parser.add_argument("--n-networks", type=int, default=1, help="networks of the ensemble")
    parser.add_argument(
        "--checkpoint", metavar="FOLDER", help="folder for every epoch, from which a run resumes"
    )
    parser.set_defaults(run=_train)


def _add_tune(commands):
    """``dustest tune``."""
    parser = commands.add_parser("tune", help="search for the best layers of a network")
    _add_network_options(parser)
    parser.add_argument("--preset", default="quick", help="quick or paper (default: quick)")
    parser.add_argument("--trials", type=int, help="trials in all (default: of the preset)")
    parser.add_argument(
        "--folder",
        metavar="FOLDER",
        help="folder for every trial and epoch, from which a run resumes",
    )
    parser.add_argument("--output", required=True, metavar="FILE", help="table of the trials")
    parser.add_argument("--model", metavar="FILE", help="train the best network; a new model file")
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
        help="figure of the training: .png, .pdf or .svg; without suffix, PDF and PNG",
    )
    add_overwrite(parser)


def _simulate(options):
    """Simulate galaxies and write them to disc."""
    from dustest.simulate import GalaxySimulator

    simulator = GalaxySimulator(
        options.bands, options.preset, options.redshift, options.dust_to_metal
    )
    simulated = simulator.stream(options.n, options.output, options.seed, n_jobs=options.n_jobs)
    say(f"{len(simulated)} rows in {', '.join(simulator.bands)}: {options.output}")
    say(f"read them in Python with dustest.simulate.read_simulation({options.output!r})")
    return 0


def _train(options):
    """Train networks on simulations."""
    check_figure(options.figure)
    check_new(options.output, options.overwrite)
    simulations = _read_simulations(options)
    cnn = _network(options, simulations, n_networks=options.n_networks)
    cnn.fit(simulations, checkpoint=_made_folder(options.checkpoint))
    _save_network(cnn, simulations, options.output)
    if options.figure:
        from dustest.report.figures import plot_training_history

        save_figure(plot_training_history(cnn.history_), options.figure)
    return 0


def _tune(options):
    """Search for the best layers of a network."""
    check_figure(options.figure)
    check_table(options.output)
    if not options.folder or _search_of(options.output) is None:
        check_new(options.output, options.overwrite)
    if options.model:
        check_new(options.model, options.overwrite)
    simulations = _read_simulations(options)
    cnn = _network(options, simulations)
    folder = _made_folder(options.folder)
    result = cnn.tune(simulations, preset=options.preset, n_trials=options.trials, folder=folder)
    _write_trials(result.trials, options.output, options.overwrite)
    say(f"{len(result.trials)} trials: {options.output}")
    say("best: " + ", ".join(f"{name}={value}" for name, value in result.best.items()))
    if options.figure:
        from dustest.report.figures import plot_tuning

        save_figure(plot_tuning(result.trials)[0], options.figure)
    if options.model:
        cnn.set_params(**result.best).fit(simulations, checkpoint=folder)
        _save_network(cnn, simulations, options.model)
    return 0


def _search_of(path):
    """Digest of the search whose trials a table has, None without such a table."""
    from dustest.data import ReadError, RowTable

    try:
        return RowTable.read(path).meta.get("search")
    except (ReadError, OSError):
        return None


def _write_trials(trials, path, overwrite):
    """Write a table of trials, which may replace an earlier one of the same search."""
    from dustest.data import InputError

    if not overwrite and Path(path).exists() and _search_of(path) != trials.meta["search"]:
        msg = (
            f"{path!r} has the trials of another search, and is kept: choose another --output; "
            "those of this search are in --folder"
        )
        raise InputError(msg)
    write_table(trials, path)


def _made_folder(path):
    """A folder, created if it does not exist; or None."""
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
    """Open simulations on disc."""
    from dustest.simulate import read_simulation

    return [read_simulation(folder) for folder in options.simulations]


def _network(options, simulations, **parameters):
    """Untrained networks with the parameters of the options."""
    from dustest.estimators import get_estimator

    bands = options.bands or simulations[0].read(0, 1)[0].cutout_bands
    parameters |= {"architecture": options.architecture, "random_state": options.seed}
    parameters |= {"targets": tuple(options.targets)} if options.targets else {}
    parameters |= {"epochs": options.epochs} if options.epochs is not None else {}
    further = (split_pair(word, "--set") for word in options.set or ())
    parameters |= {name: read_value(value) for name, value in further}
    return get_estimator("cnn", bands=tuple(bands), **parameters)


def _save_network(cnn, simulations, path):
    """Write trained networks, with a record of their training set."""
    sha256 = cnn.save(path, {"simulations": [one.manifest for one in simulations]})
    say(f"networks trained on {cnn.n_train_} and chosen on {cnn.n_validation_} galaxies: {path}")
    say(f"sha256 {sha256}")
