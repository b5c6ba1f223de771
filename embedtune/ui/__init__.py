"""The page of ``embedtune ui``: search, browse and judge in a browser.

What the page shows is worked out in modules that know no browser (``beside``, ``changes``, ``judging``, …) and becomes HTML in
``templates/`` alone, where everything is escaped. The modules called ``…_tab`` and ``page`` put it on a Gradio page, ``server``
serves it on this machine alone.
"""
