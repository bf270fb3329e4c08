"""The three levels at which synthetic frames are scored, one file each."""
