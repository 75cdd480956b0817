"""Calibrations that come with dustest, and the parameter ``calibration`` of estimators."""

import json
import os
from functools import cache
from importlib.resources import files
from pathlib import Path

from dustest.data.errors import InputError
from dustest.data.identity.describe import class_path
from dustest.estimators._calibration.calibration_file import read_calibration
from dustest.estimators._calibration.settings import check_settings, differences, settings_of

__all__ = ["LIST", "find_calibration"]

LIST = "calibrations.json"
"""File with the SHA-256 of every calibration that comes with dustest, by its name."""


def find_calibration(estimator, calibration):
    """Find the calibration that an estimator asks for.

    Parameters
    ----------
    estimator : DustEstimator
        The estimator, whose settings must be those of the calibration.
    calibration : str or path-like
        Name of a survey, such as ``"JADES-deep"``, or a file of `CalibratedEstimator.save`, whose
        name has an ending.

    Returns
    -------
    recalibration : Recalibration
        The correction.

    Raises
    ------
    InputError
        If there is no such calibration of the class of the estimator, or none with its settings.
    ReadError
        If a file is refused.
    """
    is_name = isinstance(calibration, str) and not Path(calibration).suffix
    if isinstance(calibration, str | os.PathLike) and not is_name:
        recalibration, settings, _ = read_calibration(calibration)
        check_settings(settings, estimator, f"the calibration in {os.fspath(calibration)}")
        return recalibration
    kind = class_path(type(estimator))
    known = [one for one in _shipped() if one[1]["estimator"] == kind]
    surveys = sorted({card["survey"] for _, _, card in known})
    if calibration not in surveys:
        msg = (
            f"calibration must be None, a file, or one of those of {type(estimator).__name__} "
            f"that come with dustest ({', '.join(surveys)}), got {calibration!r}"
        )
        raise InputError(msg)
    own = settings_of(estimator)
    known = [one for one in known if one[2]["survey"] == calibration]
    known.sort(key=lambda one: len(differences(one[1], own)) if one[1] != own else 0)
    recalibration, settings, _ = known[0]
    check_settings(settings, estimator, f"the calibration {calibration!r}")
    return recalibration


@cache
def _shipped():
    """Correction, settings and card of all calibrations that come with dustest."""
    folder = files("dustest") / "resources"
    listed = json.loads((folder / LIST).read_text(encoding="utf-8"))
    return [
        read_calibration(Path(str(folder / f"{name}.calibration")), sha256)
        for name, sha256 in sorted(listed.items())
    ]
