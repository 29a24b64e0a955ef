"""Turns stories and dialogues into the token streams the model learns from.

usage: data.py DATA OUT      needs OUT/tokenizer.json; writes OUT/train.npy and prints the share of each source

What the model is meant to do decides what it reads, and how often: stories plain and on request, the beginning of a
story to be continued, small talk, and a kind refusal of what it cannot know. The rest is there for its words.
"""
import json
import pathlib
import random
import re
import sys
from collections import Counter

import numpy as np
from tokenizers import Tokenizer

#: Copies of each text, a fraction standing for a part of them.
STORIES = {"stories-tinystories.txt": 1.5, "stories-ccby.txt": 1, "stories-fairytaleqa.txt": 1,
           "stories-gutenberg-children.txt": 0.25}
#: Copies of each dialogue, by source. Questions of fact are asked, but answered by refusing (see refusals).
CHATS = {"tinystories": 2, "ms-personality-chat": 4, "chatterbot-corpus": 2, "storyweaver-asp": 1,
         "topical-chat": 0.25, "byu-chitchat": 0.25, "fairytaleqa": 0.25}
#: Copies of each TinyStories text as an answer to a request made from it, and as one to be continued.
REQUESTS, CONTINUATIONS = 2, 0.4
REFUSED, REFUSALS = ("dolly-open-qa", "self-instruct"), 1
#: Conversations put together from small_talk.json, some with a story in them.
SMALL_TALK = 9000

#: The vocabulary's first tokens.
SPECIAL = ["<|pad|>", "<|startoftext|>", "<|endoftext|>", "<|unk|>", "<|bom|>", "<|eom|>",
           "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"]
START, END, BOM, EOM = 1, 2, 4, 5
ROLES = {"system": 6, "user": 7, "assistant": 8, "tool": 9}

PLAIN = str.maketrans({"“": '"', "”": '"', "’": "'", "‘": "'", "—": " - ", "\u00a0": " "})


def documents(path):
    """The texts of a file that a line <|endoftext|> separates, with plain quotation marks."""
    for text in path.read_text(encoding="utf8").split("<|endoftext|>"):
        if text.strip():
            yield text.strip().translate(PLAIN)


def dialogues(path):
    for line in path.open(encoding="utf8"):
        dialogue = json.loads(line)
        for message in dialogue["messages"]:
            message["content"] = message["content"].strip().translate(PLAIN)
        yield dialogue


def message(role, content):
    return {"role": role, "content": content}


def exchange(question, answer):
    return [message("user", question), message("assistant", answer)]


THING = re.compile(r"\b(an? (?:[a-z]+ )?[a-z]{3,})(?= (?:who|that|named|called|with|in|on|and|to|from|at|by)\b|[.,!])")
NOT_A_THING = re.compile(r"\b(?:lot|bit|few|little|day|time|while|moment|way|idea|minute|long|great|good|very)$")
ASK_ONE = ["Tell me a story about {}.", "Can you tell me a story about {}?", "Please tell me a story about {}.",
           "Write a short story about {}.", "I want a story about {}.", "tell me a story about {}",
           "Tell me a bedtime story about {}.", "Do you know a story about {}?", "A story about {}, please!"]
ASK_TWO = ["Tell me a story about {} and {}.", "Can you tell me a story about {} and {}?",
           "Write a short story about {} and {}.", "Please tell me a story with {} and {} in it.",
           "tell me a story about {} and {}", "I would like to hear a story about {} and {}."]
ASK_ANY = ["Tell me a story.", "Can you tell me a story?", "Tell me another story.", "I want to hear a story.",
           "Please tell me a story!", "tell me a story", "Write a short story.", "Tell me a bedtime story."]
CONTINUE = ["Continue this story: {}", "Please continue: {}", "What happens next? {}", "Go on with this story. {}"]


def request(story, pick):
    """A request that `story` would answer: about one or two things it names."""
    things = [thing for thing in dict.fromkeys(THING.findall(story)) if not NOT_A_THING.search(thing)]
    pick.shuffle(things)
    wanted = min(len(things), pick.choice([0, 1, 1, 2, 2, 2]))
    asked = pick.choice([ASK_ANY, ASK_ONE, ASK_TWO][wanted])
    return asked.format(*things[:wanted])


def continuation(story, pick):
    """The first sentences as a request, the rest as the answer; None where there is too little of either."""
    sentences = re.split(r"(?<=[.!?\"]) (?=[A-Z\"])", story.replace("\n\n", " "))
    cut = pick.randint(1, 3)
    if len(sentences) < cut + 3:
        return None
    return exchange(pick.choice(CONTINUE).format(" ".join(sentences[:cut])), " ".join(sentences[cut:]))


class SmallTalk:
    """Conversations put together from the questions and answers of small_talk.json."""

    def __init__(self, stories, questions):
        self.talk = json.loads(pathlib.Path(__file__).with_name("small_talk.json").read_text(encoding="utf8"))
        self.stories, self.questions = stories, questions

    def about(self, topic, pick):
        talk = self.talk[topic]
        return exchange(pick.choice(talk["asks"]), pick.choice(talk["answers"] or self.talk["refusal"]["answers"]))

    def refusal(self, question, pick):
        return exchange(question, pick.choice(self.talk["refusal"]["answers"]))

    def conversation(self, pick):
        turns = self.about("greeting", pick) if pick.random() < 0.6 else []
        topics = [topic for topic in self.talk if topic not in ("greeting", "refusal", "thanks", "farewell")]
        for topic in pick.sample(topics, pick.choice([0, 1, 1, 2, 3])):
            turns += self.about(topic, pick)
        if pick.random() < 0.25:
            turns += self.refusal(pick.choice(self.questions), pick)
        if pick.random() < 0.35:
            story = pick.choice(self.stories)
            turns += exchange(request(story, pick), story)
            turns += self.about("thanks", pick) if pick.random() < 0.6 else []
        if pick.random() < 0.2:
            turns += self.about("farewell", pick)
        return turns or self.about("greeting", pick)


def copies(items, count, pick):
    """Each item floor(count) times, and one more time with the probability of the rest."""
    for item in items:
        for _ in range(int(count) + (pick.random() < count % 1)):
            yield item


def training_texts(source, pick):
    """(name, text or messages) of everything, in no order."""
    for name, count in STORIES.items():
        for story in copies(documents(source / name), count, pick):
            yield name, story
    stories = list(documents(source / "stories-tinystories.txt"))
    for story in copies(stories, REQUESTS, pick):
        yield "requests", exchange(request(story, pick), story)
    for story in copies(stories, CONTINUATIONS, pick):
        if turns := continuation(story, pick):
            yield "continuations", turns
    chats = list(dialogues(source / "chat-train.jsonl"))
    for chat in chats:
        for chat in copies([chat], CHATS.get(chat["source"], 0), pick):
            yield "chat: " + chat["source"], chat["messages"]
    questions = [chat["messages"][0]["content"] for chat in chats if chat["source"] in REFUSED]
    questions = [question for question in questions if len(question) < 120 and not re.search("story|poem", question)]
    talk = SmallTalk(stories, questions)
    for question in copies(questions, REFUSALS, pick):
        yield "refusals", talk.refusal(question, pick)
    for _ in range(SMALL_TALK):
        yield "small talk", talk.conversation(pick)


class Encoder:
    def __init__(self, folder):
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def __call__(self, content):
        """Token ids of a text, or of the messages of a dialogue as the chat template writes them."""
        if isinstance(content, str):
            return [START, *self.text(content), END]
        turns = [[BOM, ROLES[m["role"]], *self.text(m["content"]), EOM] for m in content]
        return [START, *sum(turns, []), END]

    def text(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids


def main():
    source, out = map(pathlib.Path, sys.argv[1:])
    pick, encode, share, sequences = random.Random(0), Encoder(out), Counter(), []
    for name, content in training_texts(source, pick):
        ids = encode(content)
        share[name] += len(ids)
        sequences.append(np.array(ids, dtype=np.uint16))
    pick.shuffle(sequences)
    np.save(out / "train.npy", np.concatenate(sequences))
    for name, count in share.most_common():
        print(f"{count / 1e6:6.2f} million tokens  {count / share.total():6.1%}  {name}")
    print(f"{share.total() / 1e6:6.2f} million tokens in all")


if __name__ == "__main__":
    main()
