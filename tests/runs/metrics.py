"""All metrics of a run, for tests that look at what training left."""

from pathlib import Path

from hrs.runs.records import MetricsReader, Row


def read_metrics(path: Path) -> list[Row]:
    """Sorted by step. Of rows that share step and split, as a resumed run writes them, the last one counts."""
    newest = {(row["step"], row["split"]): row for row in MetricsReader(path).read_new()}
    return sorted(newest.values(), key=lambda row: row["step"])
