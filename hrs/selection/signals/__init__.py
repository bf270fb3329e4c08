"""What the weighting networks learn from, one file a signal; table.py lists them."""
