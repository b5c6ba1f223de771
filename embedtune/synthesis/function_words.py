"""Words that tell where a noun phrase begins, ends and goes on, by language as ``language_of`` names it."""

from __future__ import annotations


def _word_sets(**words: str) -> dict[str, frozenset[str]]:
    return {language: frozenset(of_language.split()) for language, of_language in words.items()}


PREPOSITIONS = _word_sets(
    english="of in for with by on between from at under over through during against without within",
    french="de du des d au aux en dans par pour sur avec sans entre sous vers depuis pendant contre",
    german="der des in im ins am an auf aus bei mit nach von vom zu zum zur über unter für durch ohne gegen zwischen",
    spanish="de del al en con por para sobre entre sin desde contra durante",
    italian="di da in con per su tra fra senza del dello della dei degli delle dell al allo alla ai agli alle dal dalla nel "
    "nella nei nelle sul sulla",
    portuguese="de do da dos das no na nos nas ao em com por para pelo pela sobre entre sem",
    dutch="van in op aan met voor door bij uit over onder naar tussen zonder tegen",
    japanese="の",
)
"""Language → what joins two nouns: prepositions, and articles of the genitive."""

CONJUNCTIONS = _word_sets(
    english="and or", french="et ou", german="und oder", spanish="y e o", italian="e ed o", portuguese="e ou",
    dutch="en of", japanese="と や",
)  # fmt: skip
"""Language → the words for "and" and "or"."""

ARTICLES = _word_sets(
    english="the a an",
    french="le la les l un une",
    german="die das den dem ein eine einen einem einer",
    spanish="el la los las un una unos unas",
    italian="il lo la i gli le l un uno una",
    portuguese="o a os as um uma umas",
    dutch="de het een",
    japanese="",
)
"""Language → what may stand between such a word and a noun, and joins nothing alone."""

_LEADS = _word_sets(  # possessives and demonstratives, which lean on what was said before
    french="ce cet cette ces son sa ses leur leurs",
    spanish="este esta estos estas su sus",
    italian="",
    portuguese="seu sua seus suas",
)
LEADS = {language: words | PREPOSITIONS[language] | ARTICLES[language] for language, words in _LEADS.items()}
"""Language without a tagger → what stands before a noun phrase; "and" stands before a verb as often."""

MODIFIERS = _word_sets(
    english="could would should might must may shall cannot certain several various many few such same other own whole entire "
    "given specified following above respective particular",
    german="folgende folgenden folgender folgendes obige obigen mehrere einige andere anderen viele weitere weiteren bestimmte",
    french="plus moins très plupart exception même autre autres plusieurs certain certaine certains certaines",
    spanish="más menos muy mismo misma otro otra otros otras varios varias",
    italian="più meno molto stesso stessa altro altra altri altre alcuni alcune",
    portuguese="mais menos muito mesmo mesma outro outra outros outras vários várias",
)
"""Language → modal verbs, and what limits a noun: in no list of stop words, and nothing that one would type before a noun."""

ADVERBIAL = _word_sets(
    english="result case terms view light spite order basis means way price account virtue behalf accordance conjunction",
    french="nouveau abord ailleurs loin suite effet fait général particulier outre vain commun partout temps côté cours "
    "sein cas cause raison dépit lieu terme profit face nombre",
    spanish="nuevo acuerdo general particular efecto medio",
    italian="nuovo fatto generale particolare effetti",
    portuguese="novo facto fato geral particular",
)
"""Language → what makes an adverb or another preposition with one: "de nouveau", "as a result of"."""

GENITIVES = _word_sets(
    english="of to",
    french="de du des d",
    german="des von vom",
    spanish="de del",
    italian="di del dello della dei degli delle dell",
    portuguese="de do da dos das",
    dutch="van",
)
"""Language → what joins a noun to the one before it, and seldom anything else."""

CLAIMS = _word_sets(
    english="one first second third fourth fifth last next another each every",
    german="des eines dieses jedes",
)
"""Language with a tagger → what the noun after it does not stand without: "one year in length", "des Servers"."""

TIMES = _word_sets(english="years year periods period quarters quarter months month days day times")
"""Language with a tagger → what says nothing alone at the end of a phrase: "comparison of the years"."""

BETWEEN = _word_sets(
    english="between",
    french="entre",
    german="zwischen",
    spanish="entre",
    italian="tra fra",
    portuguese="entre",
    dutch="tussen",
)
"""Language → the words for "between", which ask for two nouns."""

FOLLOWERS = _word_sets(
    french="est sont était étaient fut furent sera seront a ont avait avaient aura peut peuvent doit doivent qui dont",
    spanish="es son era eran fue fueron será serán ha han había habían puede pueden debe deben quien cuyo cuya",
    italian="è sono era erano fu furono sarà saranno ha hanno aveva avevano può possono deve devono cui",
    portuguese="é são era eram foi foram será serão tem têm tinha pode podem deve devem cujo cuja",
)
"""Language → words that stand behind a noun phrase: auxiliaries and relative pronouns."""

FOLLOWERS_OF_ONE = _word_sets(
    french="que où mais car si lorsque quand",
    spanish="que donde pero si cuando",
    italian="che dove ma se quando",
    portuguese="que onde mas se quando",
)
"""Language → words that stand behind verbs as well, as leads do: a single led word, which is no verb, ends before them."""
