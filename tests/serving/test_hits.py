from embedtune.records import Passage
from embedtune.serving.hits import Hit, Parts


def test_a_hit_is_read_by_name_and_in_order():
    passage = Passage("p-1", "d", "", "text", 0, 4)
    hit = Hit(passage, 0.5, 1, Parts(dense=1, lexical=None))
    assert (hit.passage.text, hit.score, hit.rank, hit.parts.dense) == ("text", 0.5, 1, 1)
    assert hit == (passage, 0.5, 1, (1, None))
