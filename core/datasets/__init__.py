"""Published data sets that the software can use and does not contain: ``python -m core data``.

`catalogue` says what there is and where it is published, `download` fetches files, `install` puts a data set together
from them, `command` is the command line.
"""
