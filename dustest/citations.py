"""BibTeX of all that a result used, from what the result says of its making.

A method is listed here beside the keys of its references; the references themselves are in
``resources/references.bib``.
"""

import json
import re
import warnings
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from astropy.table import Table

from dustest.data import DustestWarning, DustTable, InputError
from dustest.data.files.parsing import check_file, refuse_damaged, require
from dustest.estimators import registry
from dustest.estimators._cnn.files.model_file import read_model
from dustest.physics import IRX_BETA_RELATIONS
from dustest.physics.dust_laws.lookup import law_references
from dustest.physics.histories import HISTORIES
from dustest.physics.stellar_grids import STELLAR_GRIDS
from dustest.report.comparison import Comparison
from dustest.simulate import SimulatedSet, read_simulation
from dustest.validation.provenance import parameters_of

__all__ = ["cite"]

_OWN = ("dustest", "Fu2024")
_ALWAYS = ("dustest", "Astropy2013", "Astropy2018", "Astropy2022", "Gordon2024JOSS", "Harris2020")
_ALWAYS += ("Johnson2021", "Pedregosa2011", "Virtanen2020")

_ENGINES = {"tabulated": ("Cappe2004",), "bagpipes": ("Lange2023",)}
_NETWORKS = {
    "dustest": ("Bishop1994", "Cranley1976", "Loshchilov2017"),
    "paper": ("Ioffe2015",),
}
_CHANGED_IMAGES = {"dustest": ("Lindeberg1990",), "paper": ("Dalal2005", "vanderWalt2014")}
_POPULATION = (
    *("Aravena2024", "Asplund2009", "Behroozi2013", "Bevins2026", "Caplar2019", "Curti2024"),
    *("Fujimoto2020", "Hernquist1990", "Morishita2024", "NavarroCarrera2024", "Planck2016"),
    *("Simmonds2025", "Tacconi2018", "Westcott2025", "vanderKruit1981"),
)
_OBSERVED = ("Bradley2016", "Camps2016", "Dehnen2012", "Draine2003", "Hockney1981", "Inoue2014")
_OBSERVED += ("Monaghan1985",)
_SIMULATOR = "GalaxySimulator"
_SURVEYS = {"JADES-deep": ("Eisenstein2023",), "CEERS": ("Bagley2023",)}
# The simulator as the networks that come with dustest were trained on it.
_OWN_TRAINING = {"dust_law": "SMC", "grid": "bagpipes", "psfs": "make_psf"}

_MODEL = ".model"
_PACKAGES = {".h5": "h5py", ".hdf5": "h5py", ".parquet": "pyarrow", ".pq": "pyarrow"}
_ENTRY = re.compile(r"^@\w+\{(\S+),\n.*?^\}$", re.MULTILINE | re.DOTALL)
# Of a law by name, or of the text of an instance.
_LAW_NAME = re.compile(r"(?:ExtinctionCurve\(name=')?(\w+)(?=$|['(])")
_KEY = re.compile(r"@\w+\s*\{\s*([^\s,]+)\s*,")


def cite(*results):
    """BibTeX of all that results used.

    What a result used follows from its meta: the estimator and its parameters, and what its
    networks were trained on. Lines that begin with ``%`` say which result used what, and what has
    no reference here; BibTeX ignores them.

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
    % MeurerEstimator: Calzetti1994, Gordon2003, Meurer1999, Wilkins2012
    """
    every = [_used(label, meta) for result in results for label, meta in _made_by(result)]
    if any(isinstance(result, Comparison) for result in results):
        every.append(_Used("figures", ["Hunter2007"]))
    every.insert(0, _Used("every result" if results else "dustest", _ALWAYS if results else _OWN))
    entries = {key: text for used in every for key, text in used.entries.items()}
    entries |= {key: _references()[key] for used in every for key in used.keys}
    comments = dict.fromkeys(line for used in every for line in used.lines())
    ordered = [entries[key] for key in sorted(entries, key=str.lower)]
    return "\n\n".join(["\n".join(comments), *ordered])


@dataclass
class _Used:
    """What one result used, and what of it has no reference."""

    label: str
    keys: list = field(default_factory=list)
    entries: dict = field(default_factory=dict)
    gaps: list = field(default_factory=list)

    def choose(self, what, name, table):
        """Add the references of one of several methods."""
        self.add(what, name, table.get(str(name)))

    def record(self, what, described, registry):
        """Add the references of a record by its name or description."""
        name = described.get("name") if isinstance(described, dict) else described
        known = registry.get(name) if isinstance(name, str) else None
        self.add(what, name, None if known is None else known.references)

    def add(self, what, name, references):
        """Add references, keys or BibTeX of plugins; None where they are not known."""
        if name is None:
            self.gaps.append(f"its meta does not tell the {what}")
        elif references is None:
            self.gaps.append(f"no reference is known for the {what} {name}")
        for reference in references or ():
            found = _KEY.search(reference)
            if found:
                self.entries[found[1]] = reference.strip()
            else:
                self.keys.append(reference)

    def lines(self):
        """Comments, without what BibTeX would take for the end of one, or for an entry."""
        names = sorted({*self.keys, *self.entries}, key=str.lower)
        texts = [", ".join(names), *self.gaps] if names else self.gaps
        lines = [" ".join(f"% {self.label}: {text}".split()) for text in texts]
        return [line.replace("@", "(at)") for line in lines]


@cache
def _references():
    """Our entries by key."""
    text = (files("dustest") / "resources" / "references.bib").read_text(encoding="ascii")
    return {match[1]: match[0] for match in _ENTRY.finditer(text)}


# ---- what results say of their making ---------------------------------------------------


def _made_by(result):
    """Label and meta of each table of a result."""
    if isinstance(result, Comparison):
        return _of_comparison(result)
    if isinstance(result, Table):
        return [(_label(result.meta), result.meta)]
    if isinstance(result, SimulatedSet):
        return [(_label(result.manifest), result.manifest)]
    try:
        path = Path(result)
    except TypeError:
        msg = (
            "results must be tables, comparisons, simulations or names of files, got "
            f"{type(result).__name__}"
        )
        raise InputError(msg) from None
    return [(path.name, _read_meta(path))]


def _label(meta):
    """What to call a table without a name."""
    return _method(meta) or "table"


def _method(meta):
    """Name of the estimator or simulator; empty without."""
    return str(meta.get("estimator") or meta.get("simulator") or "")


def _of_comparison(comparison):
    """Label and meta of the tables, and of the truth where it is simulated."""
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
        return _model_meta(read_model(path, kind="CNNEstimator")[0])
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
    """What a table by the networks of a file says."""
    known = manifest["parameters"]
    kind = "paper" if known["config"]["kind"] == "paper" else "dustest"
    return {
        "estimator": manifest["kind"],
        "params": json.dumps(known["estimator"] | {"architecture": kind}),
        "trained_on": json.dumps(manifest["created"]["card"]),
    }


# ---- what uses what ---------------------------------------------------------------------


def _used(label, meta):
    """All that a result used."""
    used = _Used(label)
    name = _method(meta)
    if name in _METHODS:
        _METHODS[name](used, parameters_of(meta))
    elif "plan" in meta:
        _tuning(used, parameters_of({"params": meta["plan"]}))
    elif name:
        _plugin(used, name)
    else:
        used.gaps.append("its meta names no method, so that what it used is unknown")
    if name == "CNNEstimator":
        _training(used, parameters_of({"params": meta.get("trained_on")}))
    return used


def _constant(used, parameters):
    """A median is nobody's."""


def _meurer(used, parameters):
    """Slope, relation and law."""
    used.keys += ["Calzetti1994", "Meurer1999"]
    used.record("relation", parameters.get("relation"), IRX_BETA_RELATIONS)
    _dust_law(used, parameters)
    if parameters.get("beta0_scatter") != 0:
        used.keys.append("Wilkins2012")


def _bagpipes(used, parameters):
    """Models, history, law and engine."""
    used.keys += [*STELLAR_GRIDS["BC03"].references, "Draine2007", "Inoue2014"]
    used.record("star-formation history", parameters.get("sfh"), HISTORIES)
    _dust_law(used, parameters)
    used.choose("engine", parameters.get("engine"), _ENGINES)
    if parameters.get("escalate"):
        used.keys += _ENGINES["bagpipes"]


def _dust_law(used, parameters):
    """A law by its name or description."""
    law = parameters.get("dust_law")
    if isinstance(law, dict):
        used.add("dust law", law.get("name") or law.get("class"), law_references(law))
        return
    known = _LAW_NAME.match(str(law))
    used.add("dust law", law, law_references(known[1] if known else law))


def _cnn(used, parameters):
    """Networks and how they learned."""
    used.keys += ["Abadi2016", "Bradley2016", "Chollet2015", "Fu2024", "Kingma2015"]
    used.keys.append("Srivastava2014")
    kind = _kind(parameters.get("architecture"))
    used.choose("architecture", kind, _NETWORKS)
    if parameters.get("augment"):
        used.keys += _CHANGED_IMAGES.get(kind, ())
    if parameters.get("n_networks", 1) != 1:
        used.keys.append("Lakshminarayanan2017")


def _kind(architecture):
    """Kind of networks by name, by a plan, or by its text in version 0.1."""
    if isinstance(architecture, dict):
        return "paper" if architecture.get("kind") == "paper" else "dustest"
    if not str(architecture).startswith("CNNConfig("):
        return architecture
    return "paper" if "kind='paper'" in architecture else "dustest"


def _tuning(used, plan):
    """Search for the best networks."""
    _cnn(used, {"architecture": "paper" if plan.get("kind") == "paper" else "dustest"})
    used.keys.append("OMalley2019")


def _training(used, card):
    """What networks learned from: simulations, or those that a sentence on our own names."""
    listed = card.get("simulations")
    metas = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    simulations = [parameters_of(meta) for meta in metas if meta.get("simulator") == _SIMULATOR]
    sentence = str(card.get("simulator"))
    if sentence.startswith(f"{_SIMULATOR}("):
        simulations += [_OWN_TRAINING | {"preset": name} for name in _SURVEYS if name in sentence]
    for parameters in simulations:
        _simulator(used, parameters | {"spectrograph": "None"})
    if not simulations:
        used.gaps.append("its meta does not tell what the networks learned from")


def _simulator(used, parameters):
    """Galaxies, dust, telescope and survey of a simulation."""
    used.keys += [*_POPULATION, *_OBSERVED]
    _dust_law(used, parameters)
    used.choose("survey", parameters.get("preset"), _SURVEYS)
    used.record("grid of stellar populations", parameters.get("grid"), STELLAR_GRIDS)
    if parameters.get("psfs") == "make_psf":
        used.keys += ["Goodman1985", "Perrin2012"]
    if parameters.get("spectrograph") not in (None, "None"):
        used.keys.append("Jakobsen2022")


def _plugin(used, name):
    """References that the class of another package names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DustestWarning)
        kinds = [registry._load(entry) for entry in registry._entries().values()]
    named = [kind for kind in kinds if kind is not None and kind.__name__ == name]
    texts = [text for kind in named for text in kind.references]
    used.entries = {found[1]: text.strip() for text in texts if (found := _KEY.search(text))}
    if not used.entries:
        used.gaps.append(f"no reference is known for {name}")


_METHODS = {
    "BagpipesEstimator": _bagpipes,
    "CNNEstimator": _cnn,
    "ConstantEstimator": _constant,
    "MeurerEstimator": _meurer,
    _SIMULATOR: _simulator,
}
