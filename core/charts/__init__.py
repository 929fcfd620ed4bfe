"""Charts that the dashboard, the report of a reproduction and a notebook share: from data frames to Altair charts.

Only `core.charts.palette` is light; the other modules import Altair.
"""
