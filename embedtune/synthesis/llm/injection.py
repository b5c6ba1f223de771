"""Passages that give orders to a language model instead of informing a reader: no queries are written for them.

This is a first filter for the common forms; what passes it must still pass the filters of the queries. Every pattern takes time
linear in the length of the text: gaps are bounded, and no two unbounded repetitions follow each other.
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
_MODEL = (
    r"(?:language model|llm|chat ?bot|chatgpt|gpt-?\d*|claude|gemini|ai (?:assistant|model|system)|assistant|ki-modell|"
    r"sprachmodell|modelo de lenguaje|modèle de langage)"
)
_SAY = r"(?:output|print|respond|reply|answer|write|say|repeat|emit|produce|generate)"
_MAKE = r"(?:write|output|generate|answer|ask|reply|print|say|tell|reveal)"
_REPLY = r"(?:answer|output|response|reply|quer(?:y|ies)|questions?)"
_NEAR = r"[^.!?\n]"
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        # earlier instructions are revoked
        rf"\b{_DROP}\b{_NEAR}{{0,60}}\b{_TARGET}",
        rf"\b{_TARGET}{_NEAR}{{0,40}}\b(?:are|is|were|have been)\b{_NEAR}{{0,20}}"
        r"\b(?:void|cancell?ed|superseded|replaced|obsolete|revoked)",
        r"\b(?:new|updated|real|actual|additional|urgent|important|override) (?:system )?"
        r"(?:instruction|directive|task|rule|order)s?\b\s*[:.\-]",
        # a model is addressed
        r"\byou are (?:now|no longer|actually|hereby)\b",
        rf"\b(?:act|behave|pretend|roleplay|respond|answer) as (?:if you|an?|the)\b{_NEAR}{{0,40}}"
        r"\b(?:ai|assistant|model|bot|chatbot|dan|jailbr\w+|pirate|character)",
        rf"\b{_MODEL}\b{_NEAR}{{0,50}}\b(?:must|shall|should|has to|needs to|is to|please|muss|soll|debe|doit|"
        r"(?:reading|processing) this)\b",
        r"\b(?:attention|notice|hey|dear|hinweis an|(?:note|message|instructions?) (?:to|for))\b[:, ]{1,3}"
        r"(?:the |all |any |das |die )?(?:ai|llm|language model|assistant|chatbot|bot|ki|sprachmodell)s?\b",
        r"\b(?:system|developer|hidden|initial|original|secret) (?:prompt|instructions?)\b",
        r"\b(?:prompt injection|jailbreak|developer mode|do anything now)\b",
        # its answer is dictated
        rf"\b{_SAY}\b(?: back)?(?: \w+){{0,3}} (?:only|exactly|just|verbatim|nothing but|the following|"
        r"these (?:exact )?words|with (?:only|the (?:following|words?|text|phrase|sentence|json))|"
        r"the (?:exact )?(?:words?|string|phrase|sentence|text))\b",
        rf"\b(?:your|the|every|each|all|its|any) (?:\w+ ){{0,2}}{_REPLY}\b(?: \w+){{0,3}} "
        r"(?:must|shall|should|has to|have to|needs? to|will)\b(?: \w+)? "
        r"(?:be|contain|include|say|start|begin|end|read|mention|consist)\b",
        rf"\binstead\b[,:]?{_NEAR}{{0,40}}\b{_MAKE}\b",
        rf"\b{_MAKE}\b{_NEAR}{{0,60}}\binstead\b",
        r"\b(?:write|generate|create|produce|ask|invent|compose) (?:\w+ ){0,4}(?:search )?(?:quer(?:y|ies)|questions?) "
        r"(?:about|on|that|which|like|such as|promoting|asking|:)",
        rf"\bdo not (?:write|generate|create|produce|ask|summari[sz]e|answer|mention)\b{_NEAR}{{0,40}}"
        r"\b(?:quer|question|passage|text|anything)",
        r"\b(?:antworte|schreibe|gib|respond[ae]|escribe|réponds|écris|rispondi|scrivi|ответь|напиши|выведи)\b"
        rf"{_NEAR}{{0,40}}\b(?:nur|ausschließlich|stattdessen|aus|solo|solamente|únicamente|en su lugar|seulement|uniquement|"
        r"à la place|invece|только)\b",
        r"(?:忽略|无视|忘记|不要理会)[^。！？\n]{0,20}(?:指令|指示|提示|规则|要求|内容)|(?:你现在是|请只(?:输出|回答|回复)|只输出)",
        r"(?:指示|命令|プロンプト|ルール)[^。！？\n]{0,15}(?:無視|忘れ)",
        # a prompt or an answer is imitated
        r"<\|[a-z_]+\|>|\[/?INST\]|<<\s*/?SYS\s*>>|<</?[0-9a-f]{6,} ?(?:END|PASSAGE)",
        r"^[^\S\n]*(?:###[^\S\n]*)?(?:system|assistant|user|human|instruction|response)\s*:",
        r"\bend of (?:the )?(?:passage|document|data|text|context|input)\b|</?(?:passage|document|data|context|instructions?)>",
        r"\{\s*\\?[\"']queries\\?[\"']\s*:",
    )
)
_ENCODED = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{32,}={0,2}")
_SPELLED = re.compile(r"\b(?:[A-Za-z][ .\-_*]){5,}[A-Za-z]\b")
_LEET = str.maketrans("013457@$!", "oieastasi")
_LOOKALIKES = str.maketrans("аеорсухіАЕОРСУХІ", "aeopcyxiAEOPCYXI")


def speaks_to_model(text: str) -> bool:
    """Return whether a passage gives orders to a language model.

    Read as a model would read it: without invisible characters, with look-alike letters, spelled-out words and base64 undone.
    Instructions to people do not count; texts *about* prompts do, which costs their queries.
    """
    plain = visible(text)
    joined = _SPELLED.sub(lambda match: re.sub(r"[ .\-_*]", "", match.group()), plain)
    variants = {plain, joined, plain.translate(_LOOKALIKES), joined.lower().translate(_LEET), *_decoded(plain)}
    # no honest text has more letters of the invisible tag block than a flag
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
