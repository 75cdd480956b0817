"""Light of stars and gas in bands, tabulated."""
