"""Tests of centred effects: their density, how they are chosen, their fits."""
