from __future__ import annotations

import pytest

PAGE = """\
Care
====

.. _target:
.. |x| replace:: espresso

Make *good* ``|x|`` |x| with :func:`~brava.pump.start`, see `the site <https://example.org>`_ or :ref:`Tank <tank>`.

Tank
----

.. note:: Keep dry.

.. versionadded:: 2.1
   Soft water.

- one
- two

.. code-block:: python

   # no heading
   x = 1

===== =====
part  price
===== =====
seal  3
===== =====

:Author: Ada

.. toctree::
   other
"""


def test_structure_is_kept_and_markup_goes(read_bytes, parts):
    assert parts(read_bytes("a.rst", PAGE)) == [
        ("Care", "Make good |x| espresso with start, see the site or Tank."),
        (
            "Care › Tank",
            "Keep dry.\n\n2.1 Soft water.\n\n- one\n- two\n\n# no heading\nx = 1\n\npart: seal; price: 3\n\nAuthor: Ada",
        ),
    ]


@pytest.mark.parametrize("name", ["include", "raw", "csv-table"])
def test_no_other_file_is_read(name, read_bytes, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    option = (
        f" {tmp_path}/secret.txt"
        if name == "include"
        else " html\n   :file: secret.txt"
        if name == "raw"
        else " x\n   :file: secret.txt"
    )
    document = read_bytes("a.rst", f"Before.\n\n.. {name}::{option}\n\nAfter.\n")
    assert document.text == "Before.\n\nAfter."


def test_unknown_role_and_directive_do_no_harm(read_bytes):
    assert "text" in read_bytes("a.rst", "An :unknown:`text` here.\n").text
    assert read_bytes("a.rst", "Before.\n\n.. unknown:: x\n\nAfter.\n").text.startswith("Before.")
