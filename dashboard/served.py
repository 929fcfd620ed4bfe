"""What ``python -m dashboard`` serves: the script ``app.py``, behind the checks that every request passes."""

import sys
from pathlib import Path

# As in app.py: Streamlit puts this file's folder on the path.
if (root := str(Path(__file__).resolve().parent.parent)) not in sys.path:
    sys.path.insert(0, root)

import streamlit as st
from starlette.middleware import Middleware

from dashboard.compressed import StaticCompression
from dashboard.hosts import HostFilter

app = st.App(
    Path(__file__).resolve().with_name("app.py"), middleware=[Middleware(HostFilter), Middleware(StaticCompression)]
)
