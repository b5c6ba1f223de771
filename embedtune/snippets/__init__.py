"""What to paste into an application: the exact code for one run and one stack, and a check that it gives what was measured.

Public names, which stay:

``rendering.render``, ``rendering.Plug``
    The code for one target, with how the stack loads the run and why. The command ``embedtune plug``.
``targets.TARGETS``
    The stacks and servers there are.
``served_folders.export``
    Folders that model servers can read, of a run.
``checking.check``
    Runs the code in a fresh process and holds its vectors and its top tens against the run's.
"""
