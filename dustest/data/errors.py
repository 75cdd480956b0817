"""Errors and warnings of dustest."""

__all__ = [
    "DustestError",
    "DustestWarning",
    "InputError",
    "InputTypeError",
    "MissingDependencyError",
    "ReadError",
    "WriteError",
]


class DustestError(Exception):
    """Base class of all errors that dustest raises on purpose."""


class InputError(DustestError, ValueError):
    """An argument is invalid."""


class ReadError(DustestError, OSError):
    """A file is missing, unreadable or of unknown layout."""


class WriteError(DustestError, OSError):
    """A file cannot be written: the disk is full, or another run has it."""


class InputTypeError(InputError, TypeError):
    """An argument has an invalid type."""


class MissingDependencyError(DustestError, ImportError):
    """A required optional package is not installed."""


class DustestWarning(UserWarning):
    """Something was left out or failed for part of the input."""
