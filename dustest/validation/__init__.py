"""Comparisons of estimates with the truth and with each other; input and output are tables."""

from dustest.validation.binned import binned_statistics
from dustest.validation.comparison import compare_tables, flag_counts
from dustest.validation.disagreement import largest_disagreements
from dustest.validation.matching import match_rows
from dustest.validation.metrics import METRICS, Metric, compute_metrics, split_normal_interval
from dustest.validation.occlusion import OcclusionMap, occlusion_map
from dustest.validation.populations import compare_distributions, distinguishability
from dustest.validation.posteriors.interval_coverage import coverage
from dustest.validation.posteriors.paired_differences import compare_scores, paired_bootstrap
from dustest.validation.posteriors.random_points import tarp
from dustest.validation.posteriors.ranks import pit_histogram, pit_values, rank_statistics
from dustest.validation.posteriors.scores import crps, posterior_scores
from dustest.validation.sensitivity import assumption_shifts, shift_statistics
from dustest.validation.sky import match
from dustest.validation.split_audit.audit import audit_split
from dustest.validation.timescales import ssfr_over

__all__ = [
    "METRICS",
    "Metric",
    "OcclusionMap",
    "assumption_shifts",
    "audit_split",
    "binned_statistics",
    "compare_distributions",
    "compare_scores",
    "compare_tables",
    "compute_metrics",
    "coverage",
    "crps",
    "distinguishability",
    "flag_counts",
    "largest_disagreements",
    "match",
    "match_rows",
    "occlusion_map",
    "paired_bootstrap",
    "pit_histogram",
    "pit_values",
    "posterior_scores",
    "rank_statistics",
    "shift_statistics",
    "split_normal_interval",
    "ssfr_over",
    "tarp",
]
