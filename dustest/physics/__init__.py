"""The physics: dust, stellar populations, synthetic photometry, and the UV slope."""

from dustest.physics.attenuation import (
    a_lambda,
    a_v_to_e_bv,
    attenuation_ratio,
    band_attenuation_ratio,
    e_bv_to_a_v,
)
from dustest.physics.conversions import IMFS, InitialMassFunction, convert_quantity
from dustest.physics.dust_laws.calzetti import Calzetti00
from dustest.physics.dust_laws.composition import (
    Bump,
    ComposedLaw,
    Tilted,
    TwoComponents,
)
from dustest.physics.dust_laws.extinction_curves import ExtinctionCurve, ExtinctionFamily
from dustest.physics.dust_laws.law import DustLaw, SumOfLaws
from dustest.physics.dust_laws.li import Li08
from dustest.physics.dust_laws.lookup import get_dust_law, list_dust_laws, register_dust_law
from dustest.physics.dust_laws.power_law import CharlotFall00, PowerLaw
from dustest.physics.dust_laws.reddy import Reddy15
from dustest.physics.dust_laws.salim import Salim18
from dustest.physics.dust_laws.scattering import GrainOptics, Scattered
from dustest.physics.histories import (
    SampledShape,
    StarFormationHistory,
    get_history,
    list_histories,
    register_history,
)
from dustest.physics.igm import igm_transmission
from dustest.physics.irx_beta import (
    IRX_BETA_RELATIONS,
    IRXBeta,
    get_relation,
    register_relation,
)
from dustest.physics.joint_priors import (
    JOINT_PRIORS,
    JointPrior,
    get_joint_prior,
    register_joint_prior,
)
from dustest.physics.line_fitting import fit_lines
from dustest.physics.line_ratios import HYDROGEN_LINES, line_ratio
from dustest.physics.photometry import band_flux, synthetic_photometry
from dustest.physics.resolution import (
    DISPERSERS,
    Disperser,
    line_width,
    register_disperser,
    resolving_power,
)
from dustest.physics.stellar_grids import (
    StellarGrid,
    get_stellar_grid,
    list_stellar_grids,
    register_stellar_grid,
)
from dustest.physics.stellar_populations import (
    LightTable,
    NebularGrid,
    SpectrumTable,
    SSPGrid,
    StarLight,
    load_ssp_grid,
)
from dustest.physics.telescope.growth import growth_curves
from dustest.physics.telescope.psf import (
    PSF,
    encircled_energy,
    make_psf,
    read_psf,
    resample_psf,
)
from dustest.physics.telescope.psf_matching import broadest_psf, matching_kernel
from dustest.physics.telescope.sky_noise import (
    NoiseCorrelation,
    measure_noise_correlation,
)
from dustest.physics.uv_slope import (
    UV_WINDOWS,
    PhotometricSlopes,
    UVSlope,
    fit_beta,
    photometric_beta,
    select_uv_bands,
    select_uv_pixels,
    spectral_beta,
)
from dustest.physics.warm_dust import dust_spectrum, heated_temperature, modified_black_body

__all__ = [
    "DISPERSERS",
    "HYDROGEN_LINES",
    "IMFS",
    "IRX_BETA_RELATIONS",
    "JOINT_PRIORS",
    "PSF",
    "UV_WINDOWS",
    "Bump",
    "Calzetti00",
    "CharlotFall00",
    "ComposedLaw",
    "Disperser",
    "DustLaw",
    "ExtinctionCurve",
    "ExtinctionFamily",
    "GrainOptics",
    "IRXBeta",
    "InitialMassFunction",
    "JointPrior",
    "Li08",
    "LightTable",
    "NebularGrid",
    "NoiseCorrelation",
    "PhotometricSlopes",
    "PowerLaw",
    "Reddy15",
    "SSPGrid",
    "Salim18",
    "SampledShape",
    "Scattered",
    "SpectrumTable",
    "StarFormationHistory",
    "StarLight",
    "StellarGrid",
    "SumOfLaws",
    "Tilted",
    "TwoComponents",
    "UVSlope",
    "a_lambda",
    "a_v_to_e_bv",
    "attenuation_ratio",
    "band_attenuation_ratio",
    "band_flux",
    "broadest_psf",
    "convert_quantity",
    "dust_spectrum",
    "e_bv_to_a_v",
    "encircled_energy",
    "fit_beta",
    "fit_lines",
    "get_dust_law",
    "get_history",
    "get_joint_prior",
    "get_relation",
    "get_stellar_grid",
    "growth_curves",
    "heated_temperature",
    "igm_transmission",
    "line_ratio",
    "line_width",
    "list_dust_laws",
    "list_histories",
    "list_stellar_grids",
    "load_ssp_grid",
    "make_psf",
    "matching_kernel",
    "measure_noise_correlation",
    "modified_black_body",
    "photometric_beta",
    "read_psf",
    "register_disperser",
    "register_dust_law",
    "register_history",
    "register_joint_prior",
    "register_relation",
    "register_stellar_grid",
    "resample_psf",
    "resolving_power",
    "select_uv_bands",
    "select_uv_pixels",
    "spectral_beta",
    "synthetic_photometry",
]
