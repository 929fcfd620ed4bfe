"""The paper's tables and figures, for any model, beside the published ones: ``python -m core reproduce``.

`settings` says what is asked, `spaces` measures one target's two spaces, `items` puts the paper's items together from
them, `report` writes them down beside `published`, `command` is the command line.
"""
