"""Who a visitor is to this server: a stranger, a visitor, or who runs it.

Who they are is said by Streamlit's login (OpenID Connect), or by a header that a proxy sets after its own login. The
command line decides which, and environment variables carry it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import streamlit as st

from core import access
from dashboard.login import ADMINS, FIELD, LOGIN


def name() -> str | None:
    """The visitor's e-mail address in small letters; None where nobody has said it, or nothing confirms it."""
    if not needs_login():
        return None
    user = st.user.to_dict()
    if os.environ[LOGIN] == "oidc" and not (user.get("is_logged_in") is True and _confirmed(user)):
        return None
    given = user.get(FIELD)
    return given.strip().lower() if isinstance(given, str) and given.strip() else None


def _confirmed(user: Mapping[str, object]) -> bool:
    """Whether the provider says that the address is the user's: one that says nothing may let anybody write any."""
    return user.get("email_verified") in (True, "true")


def needs_login() -> bool:
    """Whether only people who have logged in are shown anything."""
    return os.environ.get(LOGIN) in ("oidc", "header")


def by_oidc() -> bool:
    """Whether the login is Streamlit's, so that it can be undone here."""
    return os.environ.get(LOGIN) == "oidc"


def enters() -> bool:
    """Whether the visitor is shown the dashboard; else draw what they can do about it."""
    if not needs_login() or name() is not None:
        return True
    st.title("Language neurons", anchor=False)
    if os.environ[LOGIN] == "header":
        st.text("Log in where this server is reached: its proxy has not said who you are.")
    elif st.user.get("is_logged_in"):
        st.text("Your account has no e-mail address that its provider has confirmed.")
        if st.button("Log out"):
            st.logout()
    elif st.button("Log in", type="primary", icon=":material/login:"):
        st.login()
    return False


def is_admin() -> bool:
    """Whether the visitor may see everybody's work, stop it, and take results away."""
    if needs_login():
        return name() in {line.strip().lower() for line in os.environ.get(ADMINS, "").splitlines() if line.strip()}
    return not access.current().public
