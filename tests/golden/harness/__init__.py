"""Tools of the reference-corpus checkers: reading R text, data, Stan text; comparing values."""
