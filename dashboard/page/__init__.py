"""The pages, one module each. Not called ``pages``: Streamlit would take a folder of that name for pages of its own."""
