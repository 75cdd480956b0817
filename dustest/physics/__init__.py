"""The physics: dust, stellar populations, synthetic photometry, and the UV slope."""

from dustest.physics.attenuation import (
    Calzetti00,
    CharlotFall00,
    DustLaw,
    ExtinctionCurve,
    Salim18,
    a_lambda,
    a_v_to_e_bv,
    attenuation_ratio,
    band_attenuation_ratio,
    e_bv_to_a_v,
    get_dust_law,
    list_dust_laws,
)
from dustest.physics.igm import igm_transmission
from dustest.physics.photometry import band_flux, synthetic_photometry
from dustest.physics.stellar_populations import (
    LightTable,
    NebularGrid,
    SpectrumTable,
    SSPGrid,
    StarLight,
    load_ssp_grid,
)
from dustest.physics.uv_slope import (
    UV_WINDOWS,
    PhotometricSlopes,
    UVSlope,
    fit_beta,
    photometric_beta,
    select_uv_bands,
    spectral_beta,
)

__all__ = [
    "UV_WINDOWS",
    "Calzetti00",
    "CharlotFall00",
    "DustLaw",
    "ExtinctionCurve",
    "LightTable",
    "NebularGrid",
    "PhotometricSlopes",
    "SSPGrid",
    "Salim18",
    "SpectrumTable",
    "StarLight",
    "UVSlope",
    "a_lambda",
    "a_v_to_e_bv",
    "attenuation_ratio",
    "band_attenuation_ratio",
    "band_flux",
    "e_bv_to_a_v",
    "fit_beta",
    "get_dust_law",
    "igm_transmission",
    "list_dust_laws",
    "load_ssp_grid",
    "photometric_beta",
    "select_uv_bands",
    "spectral_beta",
    "synthetic_photometry",
]
