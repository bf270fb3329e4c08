"""Training methods, one file each; table.py lists them with what is known of each, build.py makes one."""
