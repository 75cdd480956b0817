"""Simulated galaxies: particles, their dust and spectra, and mock observations."""

from dustest.physics.telescope.psf import PSF, encircled_energy, make_psf, read_psf, resample_psf
from dustest.simulate.emission.conditions import Conditions, DustConditions, NebularConditions
from dustest.simulate.emission.dust import (
    V_OPACITY,
    EffectiveDust,
    attenuate,
    dust_column,
    dust_mass,
    effective_attenuation,
    effective_dust,
    optical_depth,
)
from dustest.simulate.galaxies.histories import BurstyHistory
from dustest.simulate.galaxies.named_populations import get_population
from dustest.simulate.galaxies.particle_galaxy import (
    VIEWS,
    GasParticles,
    ParticleGalaxy,
    StarParticles,
    view,
)
from dustest.simulate.galaxies.population import GalaxyPopulation
from dustest.simulate.galaxies.scaling_relations import (
    GasContent,
    MainSequence,
    MassFunction,
    MassMetallicity,
    SizeMass,
)
from dustest.simulate.galaxies.smoothing import smooth_stars
from dustest.simulate.readers.particles import list_galaxies, read_particles
from dustest.simulate.readers.skirt import (
    SimulatedImages,
    SkirtCube,
    cube_to_images,
    read_skirt_cube,
    read_skirt_images,
)
from dustest.simulate.simulator import GalaxySimulator
from dustest.simulate.stream import SimulatedSet, read_simulation
from dustest.simulate.surveys import Survey, get_survey, list_surveys
from dustest.simulate.telescope.imaging import Imager
from dustest.simulate.telescope.noise import (
    BlankSkyNoise,
    CorrelatedNoise,
    aperture_depth,
    aperture_rms,
    noise_from_blank_sky,
    poisson_noise,
)
from dustest.simulate.telescope.noise_presets import list_noise_presets, noise_preset
from dustest.simulate.telescope.spectrograph import PrismSpectrograph

__all__ = [
    "PSF",
    "VIEWS",
    "V_OPACITY",
    "BlankSkyNoise",
    "BurstyHistory",
    "Conditions",
    "CorrelatedNoise",
    "DustConditions",
    "EffectiveDust",
    "GalaxyPopulation",
    "GalaxySimulator",
    "GasContent",
    "GasParticles",
    "Imager",
    "MainSequence",
    "MassFunction",
    "MassMetallicity",
    "NebularConditions",
    "ParticleGalaxy",
    "PrismSpectrograph",
    "SimulatedImages",
    "SimulatedSet",
    "SizeMass",
    "SkirtCube",
    "StarParticles",
    "Survey",
    "aperture_depth",
    "aperture_rms",
    "attenuate",
    "cube_to_images",
    "dust_column",
    "dust_mass",
    "effective_attenuation",
    "effective_dust",
    "encircled_energy",
    "get_population",
    "get_survey",
    "list_galaxies",
    "list_noise_presets",
    "list_surveys",
    "make_psf",
    "noise_from_blank_sky",
    "noise_preset",
    "optical_depth",
    "poisson_noise",
    "read_particles",
    "read_psf",
    "read_simulation",
    "read_skirt_cube",
    "read_skirt_images",
    "resample_psf",
    "smooth_stars",
    "view",
]
