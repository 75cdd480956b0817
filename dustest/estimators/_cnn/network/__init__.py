"""Networks: their configuration, layers, output and weights."""
