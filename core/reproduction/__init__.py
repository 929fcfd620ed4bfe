"""The paper's tables and figures, for any model, beside the published ones: ``python -m core reproduce``.

`settings` says what is asked, `study` is one reproduction at work, `measures` measures one target's two spaces. `items`
makes the tables of the report's items from them and `charts` their figures. `published` has the paper's figures,
`comparison` sets them beside the measured ones, `verdicts` says what held. `report` writes all of it into a folder,
`html` as a page; `reader` reads the folder again. `steps` runs the work and says how long is left.
"""
