"""Runs of methods on the galaxies of a benchmark, with their speed, kept on disc."""

import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import joblib
import numpy as np

from dustest.data.containers.results import DustTable
from dustest.data.errors import InputError
from dustest.data.files.paths import replacing
from dustest.data.identity.describe import class_path, describe
from dustest.data.kinds import find_column
from dustest.data.quantities import POINTS
from dustest.studies.benchmarks.cache import digest_of, digest_of_table, package_versions

__all__ = ["N_DRAWS", "MethodRun", "run_method"]

N_DRAWS = 100
"""Draws of each posterior from which scores are computed."""
_IMAGES = "cutout"


@dataclass(frozen=True)
class MethodRun:
    """Results of a method.

    Parameters
    ----------
    table : DustTable
        A row for each galaxy, with draws and further point estimates if the method has them.
    about : dict
        Class, version, parameters and kind of the uncertainty of the method.
    speed : dict
        ``seconds`` of the run, and ``n_jobs``; NaN seconds if the run was interrupted.
    """

    table: DustTable = field(repr=False)
    about: dict
    speed: dict


def run_method(method, sample, folder, *, n_jobs=None, progress=None):
    """Run a method, or read its results if it has run on the same galaxies.

    Parameters
    ----------
    method : DustEstimator
        The method, fitted if it learns.
    sample : GalaxySample
        n galaxies.
    folder : path-like
        Folder of the results. An interrupted run resumes; results that cannot be read are
        computed again.
    n_jobs : int, optional
        Number of processes.
    progress : bool, optional
        Whether to show progress.

    Returns
    -------
    MethodRun
        The results.

    Raises
    ------
    DustestError
        If the method cannot estimate these galaxies, or the store of an interrupted run is
        damaged.
    """
    seen = _seen_by(method, sample)
    options = {"points": _points_of(method), "n_jobs": n_jobs, "progress": progress}
    options["draws"] = 0 if method.uncertainty == "none" else N_DRAWS
    path = _path(method, seen, folder, options)
    if path is None:
        return _as_run(method, *_timed(method, seen, options))
    speed = _kept_speed(path)
    if speed is None:
        _compute(method, seen, path, options)
        speed = _kept_speed(path)
    return _as_run(method, DustTable.read(path), speed)


def _compute(method, sample, path, options):
    """Run a method, or resume a run, and write its results, speed and digest."""
    path.unlink(missing_ok=True)
    is_new = not Path(f"{path}.sqlite").exists()
    _, speed = _timed(method, sample, options | {"output": path, "resume": True})
    if not is_new:
        speed["seconds"] = None
    with replacing(_speed_file(path)) as partial:
        partial.write_text(json.dumps(speed | {"digest": _file_digest(path)}))
    for file in path.parent.glob(f"{path.name}.sqlite*"):
        file.unlink()


def _seen_by(method, sample):
    """Galaxies without images for methods that use none: others' images change no result."""
    if _IMAGES in method.required_kinds:
        return sample
    found = {name: find_column(name) for name in sample.colnames}
    return sample[[k for k, one in found.items() if one is None or one.kind.name != _IMAGES]]


def _points_of(method):
    """Point estimates besides the median that a method has."""
    return tuple(one for one in POINTS if one != "median" and method.has_point(one))


def _path(method, sample, folder, options):
    """File of the results by all that they depend on; None without a description of the method."""
    try:
        known = describe(method)
    except InputError:
        return None
    asked = [options["draws"], options["points"], package_versions()]
    digest = digest_of(known, digest_of_table(sample), asked)
    return Path(folder) / f"{type(method).__name__}-{digest}.fits"


def _timed(method, sample, options):
    """Results of a method, and its speed."""
    start = time.perf_counter()
    table = method.estimate(sample, **options)
    seconds = time.perf_counter() - start
    return table, {"seconds": seconds, "n_jobs": joblib.effective_n_jobs(options["n_jobs"])}


def _as_run(method, table, speed):
    """Results with the description of the method."""
    names = ("estimator", "version", "params", "uncertainty", "model_hash", "packages")
    about = {name: table.meta[name] for name in names if name in table.meta}
    about["class"] = class_path(type(method))
    seconds = np.nan if speed["seconds"] is None else speed["seconds"]
    return MethodRun(table, about, speed | {"seconds": seconds})


def _speed_file(path):
    """File of the speed of a run."""
    return path.with_suffix(".speed.json")


def _kept_speed(path):
    """Speed of a run whose results are on disc; None if there are none, or they are damaged."""
    try:
        kept = json.loads(_speed_file(path).read_text(encoding="utf-8"))
        is_whole = kept.pop("digest") == _file_digest(path)
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return kept if is_whole else None


def _file_digest(path):
    """Digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
