"""Maps of one galaxy by any estimator."""

from dustest.resolved.attenuation_maps import AttenuationMaps
from dustest.resolved.binned_galaxy import BinnedGalaxy, bin_cutouts
from dustest.resolved.mapping import map_attenuation

__all__ = ["AttenuationMaps", "BinnedGalaxy", "bin_cutouts", "map_attenuation"]
