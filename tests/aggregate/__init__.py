"""Tests of aggregated models: their density, their posterior, their reach."""
