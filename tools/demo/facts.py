"""Facts told in the middle of stories, and questions about them: what recall.py learns and tools/measure/recall asks.

A fact is a word and two more that belong to it, framed as a system's message; a question is the word in a user's message, and its
answer the two others:

    <|system|> river <|assistant|> old garden <|eom|>    …    <|user|> river <|assistant|> old garden <|eom|>

Words are single tokens, so that a fact and a question with its answer are `SIZE` tokens each. Needs Python's library alone.
"""
import json
import re

START, EOM, SYSTEM, USER, ASSISTANT = 1, 5, 6, 7, 8
#: Words that facts are made of.
WORDS = 512
#: Tokens of a fact, and of a question with its answer.
SIZE = 6
#: Tokens of an answer: two words and what ends it.
ANSWER = 3
#: Where facts are in a text that is measured, in percent, and the tokens of story that those of a depth are spread over.
DEPTHS, BAND = [0, 25, 50, 75, 100], 512


def words(tokenizer):
    """The tokens that facts are made of: the first whole words of three letters or more in a tokenizer.json."""
    vocabulary = json.loads(tokenizer.read_text(encoding="utf8"))["model"]["vocab"]
    return sorted(token for piece, token in vocabulary.items() if re.fullmatch("▁[a-z]{3,}", piece))[:WORDS]


def facts(words, count, random):
    """[(word, (word, word))], no word asked about twice."""
    return [(word, (random.choice(words), random.choice(words))) for word in random.sample(words, count)]


def told(fact):
    word, answer = fact
    return [SYSTEM, word, ASSISTANT, *answer, EOM]


def asked(fact):
    """What stands before the answer."""
    return [USER, fact[0], ASSISTANT]


def answered(fact):
    return [*fact[1], EOM]


def woven(story, items, places):
    """Tokens of a story with items, lists of tokens, before its tokens at `places`, which ascend."""
    text, begin = [], 0
    for item, place in zip(items, places, strict=True):
        text += story[begin:place]
        text += item
        begin = place
    return text + story[begin:]


def text(story, words, length, count, random):
    """A text of `length` tokens with `count` facts at each depth, and [(depth, fact)]."""
    pool = facts(words, count * len(DEPTHS), random)
    story_length = length - 1 - SIZE * len(pool)
    if story_length < len(DEPTHS) * count:
        raise SystemExit(f"{len(pool)} facts leave no room for a story in {length} tokens")
    band, places = min(BAND, story_length // 10), []
    for depth in DEPTHS:
        begin = (story_length - band) * depth // 100
        places += sorted(random.randrange(begin, begin + band + 1) for _ in range(count))
    begin = random.randrange(len(story) - story_length)
    tokens = woven(story[begin:begin + story_length], [told(fact) for fact in pool], places)
    return [START] + tokens, [(depth, pool[index * count + i]) for index, depth in enumerate(DEPTHS) for i in range(count)]
