"""A process that starts evaluations, each in a process of its own that is there at once. Arguments: folder, questions.

For every line that it reads it forks one, says its number, and says how it ended.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import anyio
from asking import go

importlib.import_module("providers.openai.account")  # what costs a second is loaded once

if __name__ == "__main__":
    for _line in sys.stdin:
        child = os.fork()
        if not child:
            anyio.run(go, Path(sys.argv[1]), int(sys.argv[2]))
            os._exit(0)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
