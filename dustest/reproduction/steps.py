"""Steps of a long run; each is run once, saved by its content, and timed."""

import hashlib
import json
import re
import time
from contextlib import contextmanager
from pathlib import Path

from dustest.data.containers.results import DustTable
from dustest.data.containers.rows import RowTable
from dustest.data.errors import ReadError
from dustest.data.files.paths import replacing, writable_folder

__all__ = ["Steps", "digest_of"]

_DIGITS = 12


def _be_silent(line):
    """Do nothing with a line of text."""


def digest_of(*parts):
    """Digest of plain values and bytes.

    Parameters
    ----------
    *parts : bytes or what JSON knows
        Values to digest.

    Returns
    -------
    str
        Hexadecimal digits.

    Examples
    --------
    >>> from dustest.reproduction.steps import digest_of
    >>> digest_of({"seed": 1}) == digest_of({"seed": 2})
    False
    """
    digest = hashlib.blake2b(digest_size=_DIGITS // 2)
    for part in parts:
        data = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


class Steps:
    """Store of the results of steps, in a folder.

    Parameters
    ----------
    folder : path-like
        Folder; created if it does not exist.
    common : dict
        Input that all steps depend on, in JSON types.
    tell : callable, optional
        Function called with a line of text for every step.

    Attributes
    ----------
    seconds : dict of str to float
        Run time of each step.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """

    def __init__(self, folder, common, tell=None):
        self.folder = Path(folder)
        self._common = common
        self._tell = tell or _be_silent
        self.seconds = {}
        writable_folder(self.folder)

    def path(self, name, suffix="", *parts):
        """Path of a result.

        Parameters
        ----------
        name : str
            Name of the result.
        suffix : str, optional
            Suffix of the file; none for a folder.
        *parts : bytes or what JSON knows
            Input of the step, besides the common input.

        Returns
        -------
        `~pathlib.Path`
            File or folder, which may not exist.
        """
        plain = re.sub(r"[^A-Za-z0-9_]+", "-", name)
        return self.folder / f"{plain}-{digest_of(self._common, *parts)}{suffix}"

    @contextmanager
    def timed(self, name, path):
        """Time a step, and save the time beside its result.

        Parameters
        ----------
        name : str
            Name of the step.
        path : `~pathlib.Path`
            Path of its result.

        Yields
        ------
        None
        """
        record = path.with_name(path.name + ".json")
        start = time.monotonic()
        self._tell(f"{name} ...")
        yield
        self.seconds[name] = time.monotonic() - start
        with replacing(record) as partial:
            partial.write_text(json.dumps({"seconds": self.seconds[name]}), encoding="utf-8")
        self._tell(f"{name}: {self.seconds[name]:.0f} s")

    def table(self, name, make, *parts, kind=RowTable):
        """Make a table, or read it if it was made before.

        Parameters
        ----------
        name : str
            Name of the table.
        make : callable
            ``make(path)`` returns the table; it may store partial results at the path.
        *parts : bytes or what JSON knows
            Input of the step, besides the common input.
        kind : type, optional
            Class of the table.

        Returns
        -------
        RowTable
            The table.

        Raises
        ------
        ReadError
            If the saved table is damaged.
        """
        path = self.path(name, ".ecsv", *parts)
        if self.is_made(name, path):
            return _read(kind, path)
        with self.timed(name, path):
            table = make(path)
            with replacing(path) as partial:
                table.write(partial)
        return table

    def results(self, name, estimator, sample, *parts, n_jobs=None, progress=None):
        """Run an estimator on a sample; resumes an interrupted run.

        Parameters
        ----------
        name : str
            Name of the step.
        estimator : DustEstimator
            The estimator.
        sample : GalaxySample
            n galaxies.
        *parts : bytes or what JSON knows
            Input of the step, besides the common input.
        n_jobs : int, optional
            Number of processes.
        progress : bool, optional
            Whether to show a progress bar.

        Returns
        -------
        DustTable
            Result with n rows.
        """

        def make(path):
            options = {"n_jobs": n_jobs, "progress": progress}
            return estimator.estimate(sample, output=path, resume=True, **options)

        return self.table(name, make, *parts, kind=DustTable)

    def model(self, name, make, *parts):
        """Train networks, or load them if they were trained before.

        Parameters
        ----------
        name : str
            Name of the networks.
        make : callable
            ``make(folder)`` returns a trained `CNNEstimator`; epochs are saved in the folder.
        *parts : bytes or what JSON knows
            Input of the step, besides the common input.

        Returns
        -------
        CNNEstimator
            The networks.
        """
        from dustest.estimators.cnn import CNNEstimator

        path = self.path(name, ".model", *parts)
        if self.is_made(name, path):
            return CNNEstimator.load(path)
        checkpoints = self.folder / "checkpoints"
        checkpoints.mkdir(exist_ok=True)
        with self.timed(name, path):
            cnn = make(checkpoints)
            cnn.save(path)
        return cnn

    def is_made(self, name, path):
        """Whether a step was finished before; its time is then read.

        Parameters
        ----------
        name : str
            Name of the step.
        path : `~pathlib.Path`
            Path of its result.

        Returns
        -------
        bool
            False if something is missing.

        Raises
        ------
        ReadError
            If the record of its time is damaged.
        """
        record = path.with_name(path.name + ".json")
        if not (path.exists() and record.exists()):
            return False
        try:
            self.seconds[name] = float(json.loads(record.read_text(encoding="utf-8"))["seconds"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged(record, error) from error
        self._tell(f"{name}: kept from before")
        return True


def _read(kind, path):
    """Read a saved table."""
    try:
        return kind.read(path, format="ascii.ecsv")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _damaged(path, error) from error


def _damaged(path, error):
    """Error for a saved file that cannot be read."""
    reason = f"{type(error).__name__}: {error}".split("\n")[0]
    msg = f"cannot read {str(path)!r}: {reason}; remove it to make the step again"
    return ReadError(msg)
