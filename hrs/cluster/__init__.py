"""Work on more than one machine, done by Ray: needs the extra ``cluster`` and storage that all nodes share."""
