"""The process that reads a table apart: ``python -m core.corpora.table_reader BYTES SECONDS CONTENTS``.

`core.corpora.read_apart` starts it, with what to read on standard input. It says on standard output what is in the
table, or why it cannot be read, as JSON (`core.serialisation`).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from core import serialisation
from core.corpora.read_apart import NO_MEMORY
from core.corpora.table_corpus import read_table
from core.corpora.validation import too_large
from core.errors import CorpusError
from core.subprocesses import limit_memory, limit_processor


def main() -> int:
    """Read one table; returns the exit status."""
    memory, seconds, contents = map(int, sys.argv[1:])
    spec, path, name = json.load(sys.stdin)
    limit_memory(memory)
    limit_processor(seconds)
    try:
        try:
            table = _encoded({"corpus": serialisation.encode(read_table(spec, Path(path), name))})
            if len(table) > contents:
                raise too_large(f"corpus {name or spec!r}", f"it holds more than {contents:,} bytes of text")
        except CorpusError as refusal:
            table = _encoded({"refused": [refusal.what, refusal.why, refusal.instead]})
        sys.stdout.buffer.write(table)
    except MemoryError:
        return NO_MEMORY
    return 0


def _encoded(said: dict[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogatepass")


if __name__ == "__main__":
    sys.exit(main())
