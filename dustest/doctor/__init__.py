"""Diagnosis of an installation: packages, their surroundings, plugins and estimators."""

from dustest.doctor.diagnosis import diagnose, diagnose_stepwise
from dustest.doctor.finding import Finding

__all__ = ["Finding", "diagnose", "diagnose_stepwise"]
