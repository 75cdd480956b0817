"""One line of a diagnosis."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """One line of a diagnosis.

    Parameters
    ----------
    subject : str
        Package, property of the machine, plugin or estimator.
    state : str
        A version or value, ``"works"``, ``"missing"`` or ``"broken"``.
    detail : str
        Remedy, or reason of the failure.
    healthy : bool
        False if something is broken; a missing optional package is healthy.
    """

    subject: str
    state: str
    detail: str = ""
    healthy: bool = True
