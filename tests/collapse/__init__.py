"""Tests of collapsed models: their density, their posterior, their reach."""
