"""Passages that give orders to a language model instead of informing a reader: nothing is asked about them.

This is a first sieve for the common forms. What it misses must still pass the filters of the queries, whatever a model obeys.
"""

from __future__ import annotations

import base64
import binascii
import re
from unicodedata import category, normalize

_TARGET = (
    r"(?:instructions?|prompts?|rules?|guidelines?|directives?|directions?|orders|commands?|context|task|above|previous|prior|"
    r"earlier|preceding|anweisung(?:en)?|vorgaben?|befehle?|instrucciones|instrucción|reglas|órdenes|consignes?|règles|"
    r"istruzioni|regole|instruções|regras|инструкци\w*|указани\w*|правил\w*)"
)
_DROP = (
    r"(?:ignor\w*|disregard\w*|forget\w*|overrid\w*|bypass\w*|neglect|discard\w*|skip|(?:do not|don't) (?:follow|obey)|"
    r"stop following|cancel|vergiss|vergessen sie|missacht\w*|ignorier\w*|olvid\w*|oubli\w*|dimentica\w*|esque[cç]\w*|"
    r"игнорир\w*|забудь\w*)"
)
_MODEL = r"(?:language model|llm|chat ?bot|chatgpt|gpt-?\d*|claude|gemini|ai (?:assistant|model|system)|assistant)"
_REPLY = r"(?:answer|output|response|reply|quer(?:y|ies)|questions?)"
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # what was said before is to be forgotten
        rf"\b{_DROP}\b[^.!?\n]{{0,60}}\b{_TARGET}",
        r"(?:忽略|无视|忘记|不要理会)[^。！？\n]{0,20}(?:指令|指示|提示|规则|要求|内容)|(?:你现在是|请只(?:输出|回答|回复)|只输出)",
        # a model is spoken to
        r"\byou are (?:now|no longer|actually|hereby)\b",
        rf"\b{_MODEL}\b[^.!?\n]{{0,50}}\b(?:must|shall|should|has to|needs to|is to|please|(?:reading|processing) this)\b",
        # its answer is prescribed
        rf"\b(?:your|the|every|each|all|its|any) (?:\w+ ){{0,2}}{_REPLY}\b(?: \w+){{0,3}} "
        r"(?:must|shall|should|has to|have to|needs? to|will)\b(?: \w+)? "
        r"(?:be|contain|include|say|start|begin|end|read|mention|consist)\b",
        r"\b(?:write|generate|create|produce|ask|invent|compose) (?:\w+ ){0,4}(?:search )?(?:quer(?:y|ies)|questions?) "
        r"(?:about|on|that|which|like|such as|promoting|asking|:)",
        # the form of a prompt is imitated
        r"<\|[a-z_]+\|>|\[/?INST\]|<<\s*/?SYS\s*>>|<</?[0-9a-f]{6,} ?(?:END|PASSAGE)",
    )
)
_ENCODED = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{32,}={0,2}")
_SPELLED = re.compile(r"\b(?:[A-Za-z][ .\-_*]){5,}[A-Za-z]\b")
_LEET = str.maketrans("013457@$!", "oieastasi")


def speaks_to_model(text: str) -> bool:
    """Return whether a passage gives orders to a language model.

    Read as a model would read it: without invisible characters, with spelled-out words, digits for letters and base64 undone.
    Manuals that tell people what to do are not meant; texts *about* prompts are hit as well, which costs their queries.
    """
    plain = visible(text)
    joined = _SPELLED.sub(lambda match: re.sub(r"[ .\-_*]", "", match.group()), plain).lower()
    variants = {plain, joined.translate(_LEET), *_decoded(plain)}
    # no honest text holds more letters of the invisible tag block than a flag has
    has_hidden = sum(0xE0020 <= ord(character) <= 0xE007E for character in text) > 8
    return has_hidden or any(pattern.search(variant) for variant in variants for pattern in _PATTERNS)


def visible(text: str) -> str:
    """Return a text as it is seen: compatibility forms resolved, invisible characters gone."""
    return "".join(
        character
        for character in normalize("NFKC", text)
        if category(character) not in ("Cf", "Co", "Cs") or character == "\n"
    )


def _decoded(text: str) -> list[str]:
    decoded = []
    for match in _ENCODED.findall(text):
        try:
            decoded.append(base64.b64decode(match + "=" * (-len(match) % 4)).decode("utf-8"))
        except (binascii.Error, UnicodeDecodeError, ValueError):
            continue
    return decoded
