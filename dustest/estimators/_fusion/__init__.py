"""Combination of methods: what it sees of them, and the density that it learns."""
