"""``python -m hrs.street.shipped``: render the shipped frames again."""

import sys

from hrs.errors import HRSError
from hrs.street.shipped import write_shipped


def main() -> int:
    """Returns the exit code."""
    try:
        write_shipped(lambda done, total: print(f"{done}/{total}", flush=True))
    except HRSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
