"""Files of fusions: the density that was learned, and which members it needs."""

import json
from functools import partial
from hashlib import blake2b

import numpy as np

from dustest.data.containers.rows import RowTable
from dustest.data.errors import InputError
from dustest.data.files.paths import installed_version
from dustest.data.identity.describe import class_path, describe
from dustest.data.model_card import as_card
from dustest.estimators._cnn.files.pretrained import PRETRAINED as NETWORKS
from dustest.estimators._fusion.density import Density
from dustest.estimators._fusion.views import MethodView, TransformerView
from dustest.estimators.cnn import CNNEstimator
from dustest.estimators.photometry import Photometry
from dustest.estimators.run.files.model_file import rebuild, write_model

__all__ = ["PRETRAINED", "described_members", "read_fusion", "write_fusion"]

PRETRAINED = {
    "nircam-3band+photometry": "becda06b04facb24097152c7a74199b810bfaad82b88c8ebfdbab3243e7806de",
}
"""SHA-256 of each file, by the name of the model."""

_KIND = "FusionEstimator"
_PACKAGES = ("keras", "numpy", "scikit-learn")
_HISTORY = ("network", "epoch", "loss", "val_loss", "learning_rate")
_SETTINGS = ("n_networks", "epochs", "learning_rate", "batch_size", "patience")
_VIEWS = {"quantities": MethodView, "n_features": TransformerView}
_MOST_COLUMNS = 10_000


def write_fusion(fused, path):
    """Write a trained fusion into one file.

    Parameters
    ----------
    fused : FusionEstimator
        Trained.
    path : path-like
        File, in a folder that exists.

    Returns
    -------
    sha256 : str
        Digest of the file.

    Raises
    ------
    InputError
        If the file cannot be written there.
    """
    targets = fused.targets
    versions = {name: installed_version(name) for name in _PACKAGES}
    history = {name: np.asarray(fused.history_[name]).tolist() for name in _HISTORY}
    manifest = {
        "kind": _KIND,
        "parameters": {
            "targets": targets if isinstance(targets, str) else list(targets),
            "settings": {name: getattr(fused, name) for name in _SETTINGS},
            # Files sort the keys of dicts, and the order of the members is that of their columns.
            "members": [[name, _record(one)] for name, one in fused._current.items()],
            "views": {name: view.to_dict() for name, view in fused.views_.items()},
            "redshift": None if fused.density_.redshift is None else [*fused.density_.redshift],
        },
        "created": {
            "card": fused.card_,
            "history": {
                name: [_finite(value) for value in part] for name, part in history.items()
            },
            "n_train": fused.n_train_,
            "packages": {name: found for name, found in versions.items() if found},
        },
    }
    return write_model(path, manifest, fused.density_.to_arrays())


def read_fusion(kind, path, members, sha256=None):
    """Read a trained fusion.

    Parameters
    ----------
    kind : type
        The class.
    path : path-like
        The file.
    members : dict of str to object
        Fitted members that the file does not contain.
    sha256 : str, optional
        Digest that the file must have.

    Returns
    -------
    FusionEstimator
        Ready to estimate.

    Raises
    ------
    InputError
        If a member is missing, or is not the one that was saved.
    ReadError
        If there is no file, or it is refused.
    """
    fused, records = rebuild(path, partial(_rebuilt, kind), kind=_KIND, sha256=sha256)
    found = {name: _member(name, record, members) for name, record in records.items()}
    fused.members = fused.members_ = found
    return fused


def _rebuilt(kind, manifest, arrays):
    """A fusion without members, and the records of these."""
    known, created = manifest["parameters"], manifest["created"]
    records, targets = dict(known["members"]), known["targets"]
    targets = targets if isinstance(targets, str) else tuple(targets)
    fused = kind(None, targets, **{name: known["settings"][name] for name in _SETTINGS})
    fused.views_ = {name: _view(known["views"][name]) for name in records}
    limits = known["redshift"]
    limits = None if limits is None else (float(limits[0]), float(limits[1]))
    views = [*fused.views_.values()]
    fused.density_ = Density.from_arrays(fused._target_names, views, arrays, limits)
    columns = {name: _numbers(created["history"][name]) for name in _HISTORY}
    fused.history_, fused.n_train_ = RowTable(columns), created["n_train"]
    fused.card_ = as_card(created["card"])
    return fused, records


def described_members(records):
    """Describe the members of a file as far as references depend on it.

    Parameters
    ----------
    records : list of tuple
        Names and records of members.

    Returns
    -------
    members : dict of str to dict
        Class and known parameters by name.
    """
    described = {}
    for name, record in records:
        kind = record.get("class", class_path(Photometry if "bands" in record else CNNEstimator))
        known = {"architecture": "dustest"} if "pretrained" in record else {}
        described[name] = {"class": kind, "parameters": known}
    return described


def _record(member):
    """What identifies a member: a name of dustest, its bands, or a digest of its content."""
    if type(member) is Photometry:
        return {"bands": list(member.bands_)}
    if type(member) is CNNEstimator:
        for name in NETWORKS:
            if _digest(CNNEstimator.from_pretrained(name)) == _digest(member):
                return {"pretrained": name, "sha256": NETWORKS[name]}
    return {"class": class_path(type(member)), "digest": _digest(member)}


def _digest(member):
    """Digest of a description of a member without its seed."""
    described = describe(member)
    parameters = described.get("parameters", {})
    if isinstance(parameters, dict):
        parameters.pop("random_state", None)
    text = json.dumps(described, sort_keys=True)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _member(name, record, given):
    """The member of a record, from those that are given or from dustest."""
    if name in given:
        found = _record(given[name])
        if found != record:
            msg = (
                f"members[{name!r}] must be the member that was saved, a {_called(record)}, got a "
                f"{_called(found)} of other content"
            )
            raise InputError(msg)
        return given[name]
    if "bands" in record:
        photometry = Photometry(tuple(record["bands"]))
        photometry.bands_ = photometry.bands
        return photometry
    if NETWORKS.get(record.get("pretrained")) == record.get("sha256", ""):
        return CNNEstimator.from_pretrained(record["pretrained"])
    msg = f"members must have {name!r}, a {_called(record)}, got {', '.join(given) or 'none'}"
    raise InputError(msg)


def _called(record):
    """Name of the kind of a member."""
    if "bands" in record:
        return "Photometry"
    if "pretrained" in record:
        return f"CNNEstimator.from_pretrained({record['pretrained']!r})"
    return str(record.get("class", "?")).rpartition(".")[2]


def _view(record):
    """View of a member from its record."""
    ((name, value),) = record.items()
    view = _VIEWS[name](tuple(value) if isinstance(value, list) else value)
    if not 0 < len(view) <= _MOST_COLUMNS:
        msg = f"a member must have 1 to {_MOST_COLUMNS} columns, got {len(view)}"
        raise InputError(msg)
    return view


def _finite(value):
    """A number; None for NaN."""
    return value if np.isfinite(value) else None


def _numbers(values):
    """Column of the history; NaN for None."""
    return np.array([np.nan if value is None else value for value in values])
