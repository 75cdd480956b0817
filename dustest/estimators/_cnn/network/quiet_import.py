"""Import of TensorFlow without the lines that its C++ code writes to standard error."""

import os
import re
import sys
import tempfile
from contextlib import contextmanager, suppress

__all__ = ["quiet_tensorflow"]

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
"""Variable of TensorFlow with the least severe level that it logs, read when it is imported."""
_NOTHING = "3"
_STDERR = 2
_LOG_LINES = re.compile(
    rb"^(?:[IWE]\d{4} \d\d:\d\d:|\d{4}-\d\d-\d\d [\d:.]+: [IWE] "
    rb"|WARNING: All log messages before absl|To enable the following instructions:).*\n?",
    re.MULTILINE,
)


@contextmanager
def quiet_tensorflow():
    """Import TensorFlow inside this block without lines of its log.

    Errors are still exceptions of Python. Nothing changes if the user has set
    ``TF_CPP_MIN_LOG_LEVEL`` or has imported TensorFlow before. The variable is not kept.

    Yields
    ------
    None
        While standard error is collected. It is written at the end without the lines of the log,
        or with them if the block raises an error.
    """
    if _LEVEL in os.environ or "tensorflow" in sys.modules:
        yield
        return
    os.environ[_LEVEL] = _NOTHING
    try:
        # The variable alone leaves lines that are written before the log is set up.
        with _without_log_lines():
            yield
    finally:
        os.environ.pop(_LEVEL, None)


@contextmanager
def _without_log_lines():
    """Collect what is written to the file descriptor of standard error."""
    try:
        kept = os.dup(_STDERR)
    except OSError:  # no standard error, as in programs without a console
        yield
        return
    is_log = _LOG_LINES
    with tempfile.TemporaryFile() as collected:
        _flush()
        os.dup2(collected.fileno(), _STDERR)
        try:
            yield
        except BaseException:
            is_log = re.compile(rb"(?!)")
            raise
        finally:
            _flush()
            os.dup2(kept, _STDERR)
            os.close(kept)
            collected.seek(0)
            if written := is_log.sub(b"", collected.read()):
                os.write(_STDERR, written)


def _flush():
    """Write what Python holds back of standard error, which may be missing or closed."""
    with suppress(AttributeError, OSError, ValueError):
        sys.stderr.flush()
