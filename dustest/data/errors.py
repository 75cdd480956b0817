"""The errors and warnings that dustest raises."""

__all__ = [
    "DustestError",
    "DustestWarning",
    "InputError",
    "InputTypeError",
    "MissingDependencyError",
    "ReadError",
]


class DustestError(Exception):
    """Base of all errors that dustest raises on purpose."""


class InputError(DustestError, ValueError):
    """An argument is not what the function can work with."""


class ReadError(DustestError, OSError):
    """A file is missing, unreadable or not of a known layout."""


class InputTypeError(InputError, TypeError):
    """An argument is of a type that the function cannot work with."""


class MissingDependencyError(DustestError, ImportError):
    """An optional package that the call needs is not installed."""


class DustestWarning(UserWarning):
    """Something was left out or failed for part of the input."""
