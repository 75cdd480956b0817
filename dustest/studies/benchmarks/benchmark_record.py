"""What every set of the benchmark is: a name, a description, and galaxies."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

__all__ = ["Benchmark", "BenchmarkGalaxies"]


@dataclass(frozen=True)
class BenchmarkGalaxies:
    """Galaxies of a benchmark, and what estimates are compared with.

    Parameters
    ----------
    sample : GalaxySample
        n galaxies.
    truth : Table
        True or published values of n galaxies by quantity.
    about : dict
        Description of the galaxies in JSON types, for the card.
    is_truth : bool
        Whether the values are true ones. Intervals are judged only against these.
    is_scored : bool
        Whether the galaxies are galaxies, so that their values have a meaning.
    """

    sample: object = field(repr=False)
    truth: object = field(repr=False)
    about: dict
    is_truth: bool = True
    is_scored: bool = True


@dataclass(frozen=True)
class Benchmark(ABC):
    """A set of the benchmark.

    Parameters
    ----------
    name : str
        Its name.
    description : str
        One sentence for cards and documentation.
    """

    name: str
    description: str

    @abstractmethod
    def galaxies(self, folder, catalogs=None, *, n_jobs=None, progress=None):
        """Make or read the galaxies.

        Parameters
        ----------
        folder : path-like
            Folder for files that are made.
        catalogs : path-like, optional
            Folder of catalogues.
        n_jobs : int, optional
            Number of processes.
        progress : bool, optional
            Whether to show progress.

        Returns
        -------
        BenchmarkGalaxies
            The galaxies.
        """

    @property
    def aliases(self):
        """The name with hyphens, for the command line (tuple of str)."""
        return (self.name.replace(" ", "-"),) if " " in self.name else ()
