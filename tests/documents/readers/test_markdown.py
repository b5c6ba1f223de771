from __future__ import annotations

import pytest

PAGE = """\
---
title: "The Brava 3"
tags: [x]
---
Made in *Turin*, see [the site](https://example.org) & ![a machine](x.png).

# Care of the `Brava`

Fill the **tank**<br>
with &quot;soft&quot; water.
<!-- not this -->

## Steps

1. Open
   - the lid
2. Close

```python
# no heading
x = 1
```

| part | price |
|---|---|
| **seal** | 3 € |

> Keep dry.

<div><b>Note</b> the <a href="x">link</a></div>
"""


def test_text_loses_its_markup_and_keeps_its_structure(read_bytes, parts):
    document = read_bytes("a.md", PAGE)
    assert document.title == "The Brava 3"
    assert parts(document) == [
        ("", "Made in Turin, see the site & a machine."),
        ("Care of the Brava", 'Fill the tank\nwith "soft" water.'),
        (
            "Care of the Brava › Steps",
            "1. Open\n- the lid\n2. Close\n\n# no heading\nx = 1\n\npart: seal; price: 3 €\n\nKeep dry.\n\nNote the link",
        ),
    ]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Use {func}`~os.path.join` now.", "Use os.path.join now."),
        ("```{note}\n:class: x\nKeep *dry*.\n```\n", "Keep dry."),
        ("~~old~~ new", "old new"),
        ("[a]: https://example.org\n\nSee [a].", "See a."),
        ("a\\*b &lt;c&gt;", "a*b <c>"),
        ("    indented code\n", "    indented code"),
    ],
)
def test_markup_of_every_kind_goes(text, plain, read_bytes):
    assert read_bytes("a.md", text).text.strip() == plain.strip()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["[" * 20_000, "*a **a " * 5_000, "<" * 20_000, "`a" * 20_000])
def test_pathological_text_takes_no_time(text, read_bytes):
    assert read_bytes("a.md", text).text
