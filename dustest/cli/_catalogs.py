"""Commands that read a catalogue: ``estimate`` and ``compare``."""

import sys
from pathlib import Path

from dustest.cli._estimators import (
    chosen_runs,
    given_parameters,
    load_networks,
    make_estimator,
    named_networks,
    notes_on,
    ready_made,
    row_limits,
    without_data,
)
from dustest.cli._outputs import remove_result
from dustest.cli._priors import add_prior
from dustest.cli._words import add_run_options, check_not_input, diameter, say, split_pairs

__all__ = [
    "LARGE_BYTES",
    "add_catalog_options",
    "add_commands",
    "is_read_in_parts",
    "read_sample",
    "write_report",
]

_DEFAULT_ESTIMATOR = "meurer"
LARGE_BYTES = 2**28
"""Size from which a catalogue is read in parts."""


def add_commands(commands):
    """Add the commands to a parser."""
    _add_estimate(commands)
    _add_compare(commands)


def _add_estimate(commands):
    """``dustest estimate``."""
    parser = commands.add_parser(
        "estimate",
        help="run one estimator on a catalogue",
        description="Run one estimator on a catalogue. FITS, Parquet and HDF5 files from 256 MB "
        "are read in parts, if the output is .fits or .parquet and no --z-min, --z-max, "
        "--photometry or --format is given, so that they need not fit into memory.",
    )
    add_catalog_options(parser)
    parser.add_argument("-e", "--estimator", help=f"name (default: {_DEFAULT_ESTIMATOR})")
    parser.add_argument(
        "--model",
        metavar="FILE|NAME",
        help="instead of an estimator: networks of dustest train, or that come with dustest",
    )
    parser.add_argument(
        "--output", required=True, help="result: .fits, .ecsv, .parquet or .h5; kept if it exists"
    )
    _add_draws(parser)
    _add_earlier(parser, "resume an earlier run", "replace the result of an earlier run")
    parser.set_defaults(run=_estimate)


def _add_compare(commands):
    """``dustest compare``."""
    parser = commands.add_parser("compare", help="run several estimators and write a report")
    add_catalog_options(parser)
    parser.add_argument(
        "-e",
        "--estimator",
        action="append",
        metavar="[NAME=]ESTIMATOR[:ROWS]",
        help="estimator, optionally with a name, for several runs of one estimator, and with the "
        "number of galaxies to use; may be repeated (default: all installed ones for which the "
        "sample has data, slow ones on 10 galaxies)",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="FILE|NAME",
        help="networks of dustest train, or that come with dustest, besides the estimators; "
        "may be repeated",
    )
    parser.add_argument("--reference", help="estimator that the others are compared with")
    parser.add_argument("--truth", help="table of true values, paired by identifier")
    parser.add_argument(
        "--output", default="dustest-report.html", help="report (default: %(default)s)"
    )
    parser.add_argument("--tables", metavar="FOLDER", help="folder for the result tables")
    _add_draws(parser)
    _add_earlier(parser, "resume with the tables of --tables", "replace the tables of --tables")
    parser.set_defaults(run=_compare)


def _add_draws(parser):
    """Option of the commands that make results."""
    parser.add_argument(
        "--draws",
        type=int,
        default=0,
        metavar="N",
        help="joint draws of the posterior to keep for each galaxy, for figures of single "
        "galaxies (default: %(default)s)",
    )


def _add_earlier(parser, resume, overwrite):
    """Options for results of an earlier run, which are kept without them."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--resume", action="store_true", help=resume)
    group.add_argument("--overwrite", action="store_true", help=overwrite)


def add_catalog_options(parser):
    """Options of the commands that read a catalogue."""
    parser.add_argument(
        "catalog", help="FITS, ECSV, CSV, Parquet, HDF5 or VOTable file, or columns of text"
    )
    parser.add_argument("--format", help="format, if the suffix of the name does not give it")
    parser.add_argument("--hdu", help="extension of a FITS file, or table in an HDF5 file")
    parser.add_argument("--layout", help="layout of the columns, if it is not recognised")
    parser.add_argument(
        "--unit",
        action="append",
        metavar="UNIT|COLUMN=UNIT|BAND=UNIT",
        help="unit of fluxes without a declared unit, such as uJy or ABmag, or of one column, or "
        "of the image of a band; may be repeated",
    )
    parser.add_argument("--redshift", help="column of redshifts; '' for none")
    parser.add_argument(
        "--foreground-ebv",
        metavar="COLUMN|NUMBER",
        help="E(B-V) of the Milky Way, to correct fluxes that are not corrected",
    )
    parser.add_argument("--error-floor", type=float, default=0.0, help="fraction of the flux")
    parser.add_argument("--column", action="append", metavar="NAME=COLUMN", help="column to read")
    parser.add_argument(
        "--image",
        action="append",
        metavar="BAND=FILE",
        help="mosaic to cut the galaxies from; may be repeated for several bands",
    )
    parser.add_argument(
        "--photometry",
        nargs="?",
        type=diameter,
        const=0.5,
        metavar="ARCSEC",
        help="also measure total fluxes on the mosaics, in an aperture of this diameter (default: "
        "0.5); columns of positions are found by their names",
    )
    parser.add_argument(
        "--psf",
        action="append",
        metavar="BAND=FILE",
        help="point-spread function of a mosaic, for --photometry (default: computed for JWST); "
        "may be repeated",
    )
    parser.add_argument("--z-min", type=float, help="lowest redshift of the galaxies")
    parser.add_argument("--z-max", type=float, help="highest redshift of the galaxies")
    parser.add_argument(
        "--set",
        action="append",
        metavar="ESTIMATOR.PARAMETER=VALUE",
        help="parameter of an estimator, or of a named run of compare, such as "
        "meurer.relation=Reddy15; may be repeated",
    )
    add_prior(parser)
    add_run_options(parser)


def _estimate(options):
    """Run one estimator."""
    from dustest.data import InputError
    from dustest.data.files.paths import check_writable

    if options.model and (options.estimator or options.set or options.prior):
        msg = "--model stands for itself, without --estimator, --set and --prior"
        raise InputError(msg)
    check_writable(options.output)
    check_not_input(options.output, options.catalog, options.model, *_image_files(options))
    name = options.model or options.estimator or _DEFAULT_ESTIMATOR
    if options.model:
        estimator = load_networks(options.model, options.seed)
    else:
        estimator = make_estimator(name, given_parameters(options, {name: name}), options.seed)
    if is_read_in_parts(options):
        galaxies = _open(options)
    else:
        galaxies = read_sample(options)
        _check_images(options, galaxies)
    if options.overwrite:
        remove_result(options.output)
    table = estimator.estimate(
        galaxies,
        output=options.output,
        resume=options.resume,
        n_jobs=options.n_jobs,
        draws=options.draws,
    )
    say(f"{len(table)} galaxies by {name}: {options.output}")
    _say_missing(table if hasattr(table, "parts") else [table])
    return 0


def is_read_in_parts(options):
    """Whether a catalogue is so large that it is read, and its result is written, in parts."""
    from dustest.data.containers.result_files import WITH_PARTS
    from dustest.io.opened_catalogs import has_parts

    path, output = Path(options.catalog), Path(options.output)
    has_limits = (options.z_min, options.z_max) != (None, None)
    return (
        path.is_file()
        and options.format is None
        and path.stat().st_size >= LARGE_BYTES
        and has_parts(path)
        and output.suffix.lower() in WITH_PARTS
        and options.photometry is None
        and not has_limits
    )


def _open(options):
    """The catalogue in parts, with the images of each."""
    from dustest.io import open_catalog

    images, units, of_images = _images_and_units(options)
    catalog = open_catalog(options.catalog, **_reading(options, _without(units, of_images)))
    if not images:
        return catalog
    return catalog.map(lambda sample: _with_images(options, sample, images, of_images))


def _say_missing(tables):
    """Print how many galaxies have no result, and their flags."""
    from dustest.data.containers.results import rows_without_result

    count, found = 0, {}
    for table in tables:
        missing, names = rows_without_result(table)
        count += int(missing.sum())
        found |= dict.fromkeys(names)
    if count:
        say(f"{count} galaxies have no result, with the flags {', '.join(found)}")


def _compare(options):
    """Run several estimators."""
    from dustest import compare
    from dustest.data import InputError
    from dustest.data.files.paths import check_page_file
    from dustest.io import read_table

    check_page_file(options.output)
    if options.resume and options.tables is None:
        msg = "--resume needs --tables, the folder of the run to resume"
        raise InputError(msg)
    check_not_input(options.output, options.catalog, options.truth)
    runs = chosen_runs(options.estimator, ready_made())
    networks = named_networks(options.model, runs)
    parameters = given_parameters(options, {name: run.estimator for name, run in runs.items()})
    truth = None if options.truth is None else read_table(options.truth)
    sample = read_sample(options)
    _check_images(options, sample)
    estimators = {
        name: make_estimator(run.estimator, parameters, options.seed, run=name)
        for name, run in runs.items()
    }
    # An estimator that was asked for by name is not left out: its failure is reported.
    idle = {} if options.estimator else without_data(estimators, sample)
    estimators = {name: made for name, made in estimators.items() if name not in idle}
    limits = row_limits(runs, estimators, len(sample))
    notes = (*notes_on(limits, estimators, len(sample)), *idle.values())
    estimators |= {name: load_networks(word, options.seed) for name, word in networks.items()}
    if options.overwrite and options.tables is not None:
        for name in estimators:
            remove_result(Path(options.tables) / f"{name}.ecsv")
    comparison = compare(
        estimators,
        sample,
        limits=limits,
        reference=options.reference,
        truth=truth,
        output=options.tables,
        resume=options.resume,
        n_jobs=options.n_jobs,
        draws=options.draws,
        random_state=0 if options.seed is None else options.seed,
        notes=notes,
    )
    write_report(comparison, options.output, sample)
    asked = {*(runs if options.estimator else ()), *networks}
    return 1 if asked & set(comparison.failures) else 0


def read_sample(options):
    """The catalogue within the requested redshifts, with its images."""
    images, units, of_images = _images_and_units(options)
    sample = _read_catalog(options, _without(units, of_images))
    return _with_images(options, sample, images, of_images) if images else sample


def _images_and_units(options):
    """Mosaics by band, all units, and those of the mosaics."""
    images = split_pairs(options.image, "--image")
    units = _units(options.unit)
    _check_photometry(options, images)
    return images, units, _units_of_images(units, images)


def _with_images(options, sample, images, of_images):
    """The sample with cutouts, and with photometry if it is requested."""
    from dustest.io import add_cutouts

    ebv = None if options.foreground_ebv is None else "foreground_ebv"
    same = {"unit": of_images or None, "foreground_ebv": ebv}
    sample = add_cutouts(sample, images, **same)
    return sample if options.photometry is None else _add_photometry(options, sample, images, same)


def _add_photometry(options, sample, images, same):
    """The sample with total fluxes measured on the mosaics."""
    from astropy import units as u

    from dustest.io import add_photometry

    psf = split_pairs(options.psf, "--psf") or None
    return add_photometry(sample, images, aperture=options.photometry * u.arcsec, psf=psf, **same)


def _check_photometry(options, images):
    """Raise an error for options of photometry without mosaics."""
    from dustest.data import InputError

    if options.photometry is not None and not images:
        msg = "--photometry needs mosaics: name one for each band with --image BAND=FILE"
        raise InputError(msg)
    if options.psf and options.photometry is None:
        msg = "--psf is for --photometry: add that option"
        raise InputError(msg)


def _check_images(options, sample):
    """Raise an error for networks whose images are missing."""
    from dustest.data import InputError

    if options.model and not sample.cutout_bands:
        msg = (
            f"--model needs images of the galaxies, which {options.catalog} does not have: name "
            "a mosaic for each band of the networks with --image BAND=FILE"
        )
        raise InputError(msg)


def _image_files(options):
    """Files of the mosaics."""
    return split_pairs(options.image, "--image").values()


def _units_of_images(units, images):
    """Units given for the image of a band, by band."""
    from dustest.data.checks.sample_columns import band_column_name

    if not isinstance(units, dict):
        return {}
    bands = {band_column_name(name) for name in images}
    return {key: unit for key, unit in units.items() if band_column_name(key) in bands}


def _without(units, some):
    """Units of the catalogue only: None, one unit, or units by column."""
    if not some:
        return units
    return {key: unit for key, unit in units.items() if key not in some} or None


def _read_catalog(options, unit):
    """The catalogue within the requested redshifts."""
    import numpy as np

    from dustest.data import InputError
    from dustest.io import read_catalog

    sample = read_catalog(options.catalog, **_reading(options, unit))
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


def _reading(options, unit):
    """Arguments of the readers of catalogues."""
    return {
        "columns": _columns(options),
        "unit": unit,
        "error_floor": options.error_floor,
        "redshift": [] if options.redshift == "" else options.redshift,
        "foreground_ebv": _number_or_name(options.foreground_ebv),
        "layout": options.layout,
        "format": options.format,
        "hdu": _hdu(options),
    }


def _columns(options):
    """Columns to read, with those of positions for photometry if they are not named."""
    from dustest.data.checks.positions import DEC_COLUMNS, RA_COLUMNS
    from dustest.data.checks.tables import first_named
    from dustest.io import read_table

    columns = split_pairs(options.column, "--column")
    if options.photometry is None or {"ra", "dec"} & set(columns):
        return columns
    names = read_table(options.catalog, file_format=options.format, hdu=_hdu(options)).colnames
    places = {"ra": first_named(names, RA_COLUMNS), "dec": first_named(names, DEC_COLUMNS)}
    return columns | (places if all(places.values()) else {})


def _hdu(options):
    """Extension of the catalogue, by number or name."""
    return int(options.hdu) if (options.hdu or "").isdecimal() else options.hdu


def _units(words):
    """Units by column, with ``*`` for all others; or one unit, or None."""
    from dustest.data import InputError

    if not words:
        return None
    bare = [word for word in words if "=" not in word]
    if len(bare) > 1:
        msg = f"--unit must be given once without a column, got {' and '.join(bare)}"
        raise InputError(msg)
    by_column = split_pairs([word for word in words if "=" in word], "--unit")
    if not by_column:
        return bare[0]
    return by_column | ({"*": bare[0]} if bare else {})


def _number_or_name(word):
    """Convert a word to a number if possible."""
    try:
        return None if word is None else float(word)
    except ValueError:
        return word


def write_report(comparison, path, sample=None):
    """Write the report, with stamps of the sample, and print its path."""
    comparison.to_html(path, sample=sample)
    for name, reason in comparison.failures.items():
        sys.stderr.write(f"dustest: {name} gave no result: {reason}\n")
    say(f"report: {Path(path).resolve()}")
