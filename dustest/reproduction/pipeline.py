"""`reproduce`: all tables and figures of the paper, in steps whose results are saved."""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from numbers import Integral
from pathlib import Path

import numpy as np

from dustest.data.checks.numbers import check_number, is_number
from dustest.data.errors import InputError, MissingDependencyError
from dustest.data.files.paths import installed_version
from dustest.reproduction.paper_figures import FIGURES
from dustest.reproduction.paper_galaxies import read_sky
from dustest.reproduction.paper_networks import N_BANDS, NETWORKS
from dustest.reproduction.profiles import get_profile
from dustest.reproduction.scores import histories, hyperparameters, scores, table_2
from dustest.reproduction.sed_fits import HISTORIES
from dustest.reproduction.statements import statements
from dustest.reproduction.step_runner import Run
from dustest.reproduction.steps import Steps
from dustest.reproduction.writing import (
    write_figures,
    write_meta,
    write_page,
    write_references,
    write_tables,
)

__all__ = ["Reproduction", "reproduce"]

_SEEDS = ("galaxies", "split", "networks", "tuning", "stamps", "sky", "fits", "metrics")
_NEEDED = ("keras", "keras_tuner", "safetensors", "skimage", "bagpipes", "poppy")
_PACKAGES = (
    "numpy",
    "scipy",
    "astropy",
    "scikit-learn",
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "keras-tuner",
    "bagpipes",
    "matplotlib",
)


@dataclass(frozen=True, eq=False)
class Reproduction:
    """Result of `reproduce`.

    Parameters
    ----------
    folder : `~pathlib.Path`
        Folder with ``report.html``, ``reproduction.json``, ``references.bib``, ``tables/``,
        ``figures/`` and ``cache/``.
    tables : dict of str to RowTable
        Results by name; files of the same name are in ``tables/``.
    figures : dict of str to `~pathlib.Path`
        PNG files by name; there are PDF files of the same name.
    meta : dict
        Profile, seeds, versions and seconds of each step.
    """

    folder: Path
    tables: dict = field(repr=False)
    figures: dict = field(repr=False)
    meta: dict = field(repr=False)


def reproduce(
    output,
    profile="quick",
    *,
    catalog=None,
    images=None,
    random_state=0,
    n_jobs=-1,
    progress=None,
    tell=None,
):
    """Reproduce Fu et al.: Tables 1 and 2, Figures 1 to 11, and their statements.

    Galaxies are simulated, augmented and split, once as in the paper and once by galaxy. Six
    networks of the paper are trained with each split, two ``dustest`` networks with the latter.
    All are tested, and hyperparameters are searched. Networks, SED fits with seven star-formation
    histories and the Meurer relation are compared on observed galaxies: those of a catalogue, or
    simulated ones that were not used in training.

    The result of every step is saved in the folder under a name derived from its inputs. A run
    that was interrupted resumes; a run with another profile, seed, catalogue or version repeats
    the steps that changed.

    Parameters
    ----------
    output : path-like
        Folder; created if it does not exist.
    profile : {"quick", "full"} or Profile, optional
        Size of the run: some minutes, or as many galaxies as the paper.
    catalog : path-like or GalaxySample, optional
        Observed galaxies, as `dustest.io.read_catalog` reads them.
    images : dict of str to path-like or sequence of path-like, optional
        Mosaics of the catalogue by band, in F277W, F356W and F444W. If a band has several, a
        galaxy is cut from the first that covers it; the n-th mosaics of all bands belong together.
    random_state : int, optional
        Seed from which the seeds of all steps derive.
    n_jobs : int, optional
        Number of processes for simulations and fits (-1: all cores).
    progress : bool, optional
        Whether to show progress bars; by default on terminals and in notebooks.
    tell : callable, optional
        Function called with a line of text for every step.

    Returns
    -------
    Reproduction
        The folder, the tables, and a record of the run.

    Raises
    ------
    InputError
        If an argument is invalid.
    MissingDependencyError
        If Keras, keras-tuner, safetensors, scikit-image, Bagpipes or poppy is not installed.

    References
    ----------
    Fu, Conselice, Ferreira, Harvey, Duan, Adams & Austin, "Dust Extinction Measures for z~8
    Galaxies using Machine Learning on JWST Imaging".

    Examples
    --------
    >>> from dustest import reproduce
    >>> result = reproduce("reproduction")  # doctest: +SKIP
    >>> print(result.tables["table_2"]["network", "quantity", "n_bands", "mae"])  # doctest: +SKIP
    """
    profile = get_profile(profile)
    _check_arguments(random_state, catalog, images, n_jobs)
    _check_packages()
    common = {"profile": asdict(profile), "seed": int(random_state)}
    common["version"] = installed_version("dustest")
    steps = Steps(Path(output) / "cache", common, tell)
    seeds = _seeds(int(random_state))
    run = Run(steps, profile, seeds, n_jobs=n_jobs, progress=progress)
    findings = run.findings(None if catalog is None else read_sky(catalog, images))
    tables = _tables(findings, seeds["metrics"])
    meta = common | {"seeds": seeds, "seconds": steps.seconds, "packages": _versions()}
    meta["sky"] = "simulated" if catalog is None else "observed"
    folder = Path(output)
    write_tables(folder / "tables", tables)
    figures = write_figures(folder / "figures", FIGURES, findings)
    write_meta(folder / "reproduction.json", meta)
    write_references(folder / "references.bib", findings)
    write_page(folder / "report.html", tables, FIGURES, figures, meta)
    return Reproduction(folder, tables, figures, meta)


def _check_arguments(random_state, catalog, images, n_jobs):
    """Raise an error for an invalid argument, before hours of computation."""
    check_number(random_state, "random_state", 0, kind=Integral)
    if n_jobs is not None and (not is_number(n_jobs, Integral) or n_jobs == 0):
        msg = f"n_jobs must be a whole number other than 0, or -1 for all cores, got {n_jobs!r}"
        raise InputError(msg)
    if images and catalog is None:
        msg = "images must come with a catalog that tells where the galaxies are, got none"
        raise InputError(msg)
    if images is not None and not isinstance(images, Mapping):
        msg = f"images must be a dict of band to file, got {type(images).__name__}"
        raise InputError(msg)


def _check_packages():
    """Raise an error for a missing optional package, before hours of computation."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        msg = f'a reproduction needs {", ".join(missing)}: pip install "dustest[cnn,sed,simulate]"'
        raise MissingDependencyError(msg)


def _seeds(random_state):
    """A seed for each purpose."""
    states = np.random.SeedSequence(int(random_state)).generate_state(len(_SEEDS))
    return dict(zip(_SEEDS, (int(state) for state in states), strict=True))


def _versions():
    """Versions of packages that affect the results."""
    found = {name: installed_version(name) for name in _PACKAGES}
    return {"python": platform.python_version()} | {k: v for k, v in found.items() if v}


def _tables(findings, seed):
    """All tables of a run."""
    measured = [
        scores(name, n_bands, result, truth, seed)
        for (name, n_bands), (result, truth) in findings.tests.items()
    ]
    scored = table_2(measured)
    predicted, truth = findings.tests[NETWORKS[1].name, N_BANDS[-1]]
    sky = findings.sky.results
    return {
        "table_1": hyperparameters(findings.trials),
        "table_2": scored,
        "statements": statements(scored, predicted, truth, sky),
        "histories": histories({name: sky[name] for name in HISTORIES}),
        "trials": findings.trials,
    }
