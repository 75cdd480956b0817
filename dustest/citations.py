"""BibTeX of everything that a result used, according to its meta.

Methods and records declare the keys of their references, which are collected here; the references
themselves are in ``resources/references.bib``.
"""

import json
import os
import warnings

from astropy.table import Table

from dustest.data import DustestWarning, DustTable, InputError
from dustest.data.cited import Cited, own_references
from dustest.data.files.parsing import check_file, refuse_damaged, require
from dustest.data.files.paths import as_path
from dustest.estimators import get_estimator, list_estimators
from dustest.estimators.network_tools import read_model
from dustest.report.comparison import Comparison
from dustest.simulate import GalaxySimulator, SimulatedSet, read_simulation
from dustest.validation.provenance import parameters_of

__all__ = ["cite"]

_OWN = ("dustest", "Fu2024")
_ALWAYS = ("dustest", "Astropy2013", "Astropy2018", "Astropy2022", "Gordon2024JOSS", "Harris2020")
_ALWAYS += ("Johnson2021", "Pedregosa2011", "Virtanen2020")

_SIMULATOR = GalaxySimulator.__name__

_MODEL = ".model"
_PACKAGES = {".h5": "h5py", ".hdf5": "h5py", ".parquet": "pyarrow", ".pq": "pyarrow"}


def cite(*results):
    """Return BibTeX of everything that results used.

    The meta of a result records the estimator, its parameters, and the training set of networks.
    Lines that begin with ``%`` list what each result used, and what has no reference; BibTeX
    ignores them.

    Parameters
    ----------
    *results : DustTable, Comparison, SimulatedSet, Table, str or path-like
        Results: tables, comparisons, simulations in memory or on disc, or the names of files of
        tables (``.ecsv``, ``.fits``, ``.parquet``, ``.h5``) and of networks (``.model``), or of
        folders of simulations. None for dustest itself and the paper that it reproduces.

    Returns
    -------
    bibtex : str
        Comments and entries.

    Raises
    ------
    InputError
        If a result is none of these.
    ReadError
        If a file is missing or cannot be read.
    MissingDependencyError
        If a file needs a package that is not installed.

    Examples
    --------
    >>> from dustest import MeurerEstimator, cite
    >>> from dustest.io import load_demo
    >>> galaxies, _ = load_demo()
    >>> bibtex = cite(MeurerEstimator(dust_law="SMC").estimate(galaxies[:3]))
    >>> print(bibtex.splitlines()[1])
    % MeurerEstimator: Calzetti1994, Gordon2003, Meurer1999, Reddy2018, Wilkins2012
    """
    every = [_cited(label, meta) for result in results for label, meta in _made_by(result)]
    if any(isinstance(result, Comparison) for result in results):
        every.append(_always("figures", "Hunter2007"))
    own = _always("every result", *_ALWAYS) if results else _always("dustest", *_OWN)
    every.insert(0, own)
    entries = {key: text for used in every for key, text in used.entries.items()}
    entries |= {key: own_references()[key] for used in every for key in used.keys}
    comments = dict.fromkeys(line for used in every for line in used.lines())
    ordered = [entries[key] for key in sorted(entries, key=str.lower)]
    return "\n\n".join(["\n".join(comments), *ordered])


def _always(label, *references):
    """Add references that are cited for every result."""
    cited = Cited(label)
    cited.use(*references)
    return cited


# ---- provenance of results --------------------------------------------------------------


def _made_by(result):
    """Label and meta of each table of a result."""
    if isinstance(result, Comparison):
        return _of_comparison(result)
    if isinstance(result, Table):
        return [(_label(result.meta), result.meta)]
    if isinstance(result, SimulatedSet):
        return [(_label(result.manifest), result.manifest)]
    if not isinstance(result, str | os.PathLike):
        msg = (
            "results must be tables, comparisons, simulations or names of files, got "
            f"{type(result).__name__}"
        )
        raise InputError(msg)
    path = as_path(result, "results", "file")
    return [(path.name, _read_meta(path))]


def _label(meta):
    """Label of a table without a name."""
    return _method(meta) or "table"


def _method(meta):
    """Name of the estimator or simulator; empty if there is none."""
    return str(meta.get("estimator") or meta.get("simulator") or "")


def _of_comparison(comparison):
    """Label and meta of the tables, and of the truth if it is simulated."""
    pairs = [(name, table.meta) for name, table in comparison.tables.items()]
    truth = {} if comparison.truth is None else comparison.truth.meta
    return [*pairs, ("truth", truth)] if "simulator" in truth else pairs


def _read_meta(path):
    """Meta of a file or of a folder of simulations."""
    if path.is_dir():
        return read_simulation(path).manifest
    check_file(path)
    suffix = path.suffix.lower()
    if suffix == _MODEL:
        return _model_meta(read_model(path, kind=("CNNEstimator", "FusionEstimator"))[0])
    if suffix in _PACKAGES:
        require(_PACKAGES[suffix], f"reading {path.name}")
    with refuse_damaged(f"the file {path} is not a readable result"):
        meta = DustTable.read(path).meta
    if not (_method(meta) or "plan" in meta):
        msg = (
            f"the file {path} is no result of dustest: its meta names no estimator and no "
            "simulator, so that what it used is unknown"
        )
        raise InputError(msg)
    return meta


def _model_meta(manifest):
    """Meta of a table by the networks of a file."""
    known = manifest["parameters"]
    if manifest["kind"] == "FusionEstimator":
        members = _methods()[manifest["kind"]]._described_members(known["members"])
        return {"estimator": manifest["kind"], "params": json.dumps({"members": members})}
    kind = "paper" if known["config"]["kind"] == "paper" else "dustest"
    return {
        "estimator": manifest["kind"],
        "params": json.dumps(known["estimator"] | {"architecture": kind}),
        "trained_on": json.dumps(manifest["created"]["card"]),
    }


# ---- references of methods --------------------------------------------------------------


def _cited(label, meta):
    """Everything that a result used, as its method declares it."""
    cited, name = Cited(label), _method(meta)
    method = _methods().get("CNNEstimator" if "plan" in meta else name)
    if not name and method is None:
        cited.gaps.append("its meta names no method, so that what it used is unknown")
    elif method is None:
        cited.gaps.append(f"no reference is known for {name}")
    elif "plan" in meta:
        method._cite(cited, {"architecture": parameters_of({"params": meta["plan"]})})
        cited.use(*method.tuning_references)
    else:
        method._cite(cited, parameters_of(meta))
    if name == "CNNEstimator":
        _cite_training(cited, parameters_of({"params": meta.get("trained_on")}))
    return cited


def _methods():
    """Classes of estimators and of the simulator by their name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DustestWarning)
        kinds = [type(get_estimator(name)) for name in list_estimators()]
    return {kind.__name__: kind for kind in (*kinds, GalaxySimulator)}


def _cite_training(cited, card):
    """Add the simulations that networks learned from."""
    listed = card.get("simulations")
    metas = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    simulations = [parameters_of(meta) for meta in metas if _method(meta) == _SIMULATOR]
    for parameters in simulations:
        GalaxySimulator._cite(cited, parameters | {"spectrograph": "None"})
    if not simulations:
        cited.gaps.append("its meta does not tell what the networks learned from")
