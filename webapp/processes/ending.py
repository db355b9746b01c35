"""How our processes end together: the kernel signals a child when its parent dies."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent(by: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn` that has the child signalled when its parent dies, even by SIGKILL.

    Linux only: elsewhere None. The parent must start its children from a thread that lives on.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc, parent = ctypes.CDLL(None, use_errno=True), os.getpid()

    def ask_the_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(by))
        if os.getppid() != parent:  # it died between the fork and the request
            os._exit(1)

    return ask_the_kernel
