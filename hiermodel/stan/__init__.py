"""Stan programs: variables, expressions, the likelihood, rendering."""
