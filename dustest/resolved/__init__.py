"""Maps of one galaxy by any estimator."""

from dustest.resolved.binned_galaxy import BinnedGalaxy, bin_cutouts

__all__ = ["BinnedGalaxy", "bin_cutouts"]
