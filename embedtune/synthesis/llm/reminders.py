"""The second question of a call whose answer could not be read: what it said, and what is wrong with it."""

from __future__ import annotations

from embedtune.llm.failures import Rejected
from embedtune.llm.store import Call, Message
from embedtune.synthesis.llm.replies import BROKEN, CUT_OFF, EMPTY, GARBLED, ONLY_THOUGHTS, WRONG_COUNT
from embedtune.synthesis.llm.thoughts import without_thoughts

_MOST_CHARS = 1_200  # of the answer; a loop need not be read again
_FAULTS = {
    EMPTY: "The answer was empty.",
    ONLY_THOUGHTS: "The answer held thoughts and no result.",
    CUT_OFF: "The answer was too long and was cut off.",
    BROKEN: "The answer could not be read as JSON.",
    WRONG_COUNT: "The list did not have as many entries as were asked for.",
}
_AGAIN = "Answer once more: the JSON object in the form given above, with exactly that many entries, and nothing else."


def remind(call: Call, rejected: Rejected) -> Call:
    """Return a call with its last answer and the fault of it after the prompt; its key stays, so it is the same call.

    Where the form was right and the characters were not, or the call is a text to go on with, nothing can be named: it is sent
    again as it was.
    """
    if rejected.fault == GARBLED or call.continues:
        return call
    said = without_thoughts(rejected.answer.text).text[:_MOST_CHARS] or "(nothing)"
    fault = _FAULTS.get(rejected.fault, _FAULTS[BROKEN])
    return call._replace(messages=(*call.messages, Message("assistant", said), Message("user", f"{fault} {_AGAIN}")))
