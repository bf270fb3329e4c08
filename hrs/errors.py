"""The one error type that users meet."""


class HRSError(Exception):
    """A mistake the user can mend. The message is one line: what was wrong, what was expected, what to do.

    The command line prints it on stderr and exits with code 1; anything else that escapes is a bug and keeps its trace.
    """
