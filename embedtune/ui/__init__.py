"""The page of ``embedtune ui``: search, browse and judge in a browser."""
