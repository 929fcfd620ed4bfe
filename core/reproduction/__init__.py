"""The paper's tables and figures, for any model, beside the published ones: ``python -m core reproduce``.

`settings` holds the settings, `study` the state of one reproduction; `measures` measures one target's two spaces.
`items` makes the tables of the report's items and `charts` their figures. `published` has the paper's figures,
`comparison` puts them beside the measured ones, `verdicts` says which claims held. `report` writes the results into a
folder, `html` as a page; `reader` reads the folder. `steps` runs the work and estimates the time left.
"""
