"""Sessions: logits and scores bit for bit, saving, forking and rewinding; what is refused."""

import ctypes
import json
import pathlib
import re

import numpy
import pytest

import jamba_edge
from jamba_edge import _library

TEXT = "The little dog ran to the river because it was very hot."


def programs_logits(path, tokens, folder) -> numpy.ndarray:
    """`[tokens, vocabulary]`, as `jamba logits` writes them."""
    file = folder / "logits.safetensors"
    jamba_edge.run("logits", path, "--tokens", ",".join(map(str, tokens)), "--output", file)
    content = file.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8:8 + size])["logits"]
    start, end = (8 + size + offset for offset in header["data_offsets"])
    return numpy.frombuffer(content[start:end], numpy.float32).reshape(header["shape"])


@pytest.mark.parametrize("kind", ["demo", "exact"])
def test_logits_are_the_programs_to_the_bit(request, kind, tmp_path):
    path = request.getfixturevalue(kind)
    with jamba_edge.Model.open(path) as model, model.session() as session:
        tokens = model.tokenize(TEXT)
        there = programs_logits(path, tokens, tmp_path)
        memory = numpy.empty(model.info.vocabulary_count, numpy.float32)
        for row, token in zip(there, tokens, strict=True):
            session.step(token)
            here = session.logits(out=memory)
            assert here.base is memory and here.tobytes() == row.tobytes()
        session.reset()
        session.prefill(tokens)
        assert session.logits().tobytes() == there[-1].tobytes()
        session.reset()
        values, best = session.score(tokens)
        exact = there.astype(numpy.float64)
        exact -= exact.max(axis=1, keepdims=True)
        exact -= numpy.log(numpy.exp(exact).sum(axis=1, keepdims=True))
        assert numpy.isnan(values[0]) and best[0] == -1
        # The library's exponentials are of single precision.
        numpy.testing.assert_allclose(values[1:], exact[range(len(tokens) - 1), tokens[1:]], atol=2e-5)
        assert (best[1:] == there[:-1].argmax(axis=1)).all()


def test_saved_forked_and_rewound_sessions_go_on(model, session, tmp_path):
    tokens = model.tokenize(TEXT)
    session.prefill(tokens)
    wanted = session.logits().tobytes()
    session.save(tmp_path / "a.session", b"a \0 note")
    with session.fork() as fork, model.restore(tmp_path / "a.session") as restored:
        assert restored.note == b"a \0 note" and session.note == b""
        assert fork.tokens == restored.tokens == session.tokens == tokens
        session.step(300)
        for other in (fork, restored):
            assert other.logits().tobytes() == wanted
        session.rewind(len(tokens))
        assert session.logits().tobytes() == wanted
    session.reset()
    assert session.tokens == []


def test_adapters_are_a_sessions_own(repository, model, demo, tmp_path):
    path = tmp_path / "demo.jadapter"
    jamba_edge.run("adapter", repository / "Tests/Fixtures/adapters/demo", path, "--base", demo)

    def logits(session):
        session.prefill([1, 2, 3])
        return session.logits().tobytes()

    with model.adapter(path) as adapter:
        assert logits(model.session(adapters=[adapter])) != logits(model.session())
        assert logits(model.session(adapters=[(adapter, 0.0)])) == logits(model.session())
        session = model.session(adapters=[(adapter, 0.5), adapter])
        # A session keeps what it was made with, and a saved one goes on with the same alone.
        assert logits(session) != logits(model.session(adapters=[adapter]))
        session.save(tmp_path / "kept.session")
        with pytest.raises(jamba_edge.JambaError, match="adapters"):
            model.restore(tmp_path / "kept.session")
        with model.restore(tmp_path / "kept.session", adapters=[(adapter, 0.5), adapter]) as restored:
            assert restored.logits().tobytes() == session.logits().tobytes()
    with pytest.raises(jamba_edge.FormatError, match="adapter"):
        model.adapter(demo)
    with pytest.raises(jamba_edge.HandleError):
        model.session(adapters=[adapter])


def test_texts_come_back(model):
    for text in ("", TEXT, "naïve 漢字 \0 🙂", "<|eom|>"):
        tokens = model.tokenize(text, add_special=False)
        assert model.detokenize(tokens) == text
        assert model.detokenize(numpy.array(tokens, numpy.int64)) == text
    assert model.tokenize("x")[0] == model.info.begin_token
    assert len(model.tokenize("<|eom|>", parse_special=True, add_special=False)) == 1
    assert model.detokenize(model.end_tokens, skip_special=True) == ""
    assert "<|user|>Hi" in model.format_chat("Hi")
    assert not model.format_chat("Hi", answer=False).endswith("<|assistant|>")
    assert model.tokenize_chat("Hi") == model.tokenize(model.format_chat("Hi"), parse_special=True, add_special=False)


def test_plans(demo):
    plan = jamba_edge.Model.plan(demo, context=1024)
    # As in the program's page on memory, snapshots take what is left.
    assert plan.residency == "mapped" and plan.context == 1024 and plan.least <= plan.total <= plan.limit
    assert sum(plan.items.values()) == plan.total
    with pytest.raises(jamba_edge.OutOfMemoryError, match="MiB"):
        jamba_edge.Model.plan(demo, memory=1 << 20)


def test_texts_to_guess_from_change_no_token(session, demo, tmp_path):
    wanted = session.generate("Once upon a time", max_tokens=60, ignore_end=True).text()
    text = tmp_path / "draft.txt"
    text.write_text(f"Once upon a time{wanted}", "utf-8")
    with jamba_edge.Model.open(demo, draft=7, draft_texts=[text]) as guessing, guessing.session() as other:
        assert other.generate("Once upon a time", max_tokens=60, ignore_end=True).text() == wanted
    plan = jamba_edge.Model.plan(demo, draft=7, draft_texts=[text])
    assert plan.items["texts to guess from"] > 0


def test_what_is_wrong_is_refused_with_a_sentence(model, session, demo, tmp_path):
    cases = [
        (jamba_edge.FileError, lambda: jamba_edge.Model.open("/nowhere/at/all.jamba")),
        (jamba_edge.FormatError, lambda: jamba_edge.Model.open(__file__)),
        (jamba_edge.FileError, lambda: jamba_edge.Model.open(demo, draft_texts=["/nowhere/at/all.txt"])),
        (jamba_edge.ArgumentError, lambda: jamba_edge.Model.open(demo, threads=4096)),
        (jamba_edge.ArgumentError, lambda: jamba_edge.Model.open(demo, threads=1 << 32)),
        (jamba_edge.ArgumentError, lambda: jamba_edge.Model.open(demo, memory=-1)),
        (jamba_edge.ArgumentError, lambda: jamba_edge.Model.open(demo, access="quick")),
        (jamba_edge.TemplateError, lambda: jamba_edge.Model.open(demo, chat_template="{% for %}")),
        (jamba_edge.TokenError, lambda: session.prefill([5, 1 << 20])),
        (jamba_edge.TokenError, lambda: session.prefill([5, 1 << 40])),
        (jamba_edge.ArgumentError, lambda: session.prefill([5.5])),
        (jamba_edge.ArgumentError, lambda: session.prefill([[5]])),
        (jamba_edge.ArgumentError, lambda: session.step(-1)),
        (jamba_edge.ArgumentError, lambda: session.rewind(5)),
        (jamba_edge.ArgumentError, lambda: session.logits(out=numpy.empty(4, numpy.float64))),
        (jamba_edge.ArgumentError, lambda: session.chat({"content": "x"})),
        (jamba_edge.ArgumentError, lambda: session.chat({"role": "user", "content": "x", "weight": 2})),
        (jamba_edge.ArgumentError, lambda: session.chat("a\0b")),
        (jamba_edge.ArgumentError, lambda: session.chat("\ud800")),
        (jamba_edge.ArgumentError, lambda: session.chat("x", max_tokens=0)),
        (jamba_edge.ArgumentError, lambda: session.chat("x", sampling=jamba_edge.Sampling(temperature=-1))),
        (jamba_edge.ArgumentError, lambda: session.chat("x", grammar='root ::= "a"', schema={})),
        (jamba_edge.GrammarError, lambda: session.chat("x", grammar="root ::= root")),
        (jamba_edge.GrammarError, lambda: session.chat("x", schema={"type": 5})),
        (jamba_edge.FormatError, lambda: model.restore(demo)),
        (jamba_edge.FileError, lambda: session.save(tmp_path)),
        (jamba_edge.ProgramError, lambda: jamba_edge.convert("/nowhere", tmp_path / "x.jamba")),
        (jamba_edge.ProgramError, lambda: jamba_edge.run("inspect", "--nonsense")),
    ]
    for kind, call in cases:
        with pytest.raises(kind) as caught:
            call()
        assert caught.value.status != 0 and len(caught.value.sentence) > 10, caught.value
    with pytest.raises(jamba_edge.JambaError) as caught:
        session.logits()
    assert caught.value.status is jamba_edge.Status.NO_LOGITS
    assert session.tokens == []


def test_callbacks_stop_and_their_exceptions_come_through(model, session):
    tokens = model.tokenize(TEXT * 40)
    seen = []
    session.prefill(tokens, progress=lambda done, total: seen.append((done, total)))
    assert seen and all(total == len(tokens) for _, total in seen)
    session.reset()
    with pytest.raises(jamba_edge.CancelledError):
        session.prefill(tokens, progress=lambda *_: False)
    with pytest.raises(ZeroDivisionError):
        session.prefill(tokens, progress=lambda *_: 1 // 0)
    assert session.tokens == []


def test_what_is_closed_is_refused(demo):
    model = jamba_edge.Model.open(demo)
    session = model.session()
    model.close()
    model.close()
    with pytest.raises(jamba_edge.HandleError):
        model.session()
    session.step(5)  # lives on
    session.close()
    with pytest.raises(jamba_edge.HandleError, match="closed"):
        session.step(5)


def test_structs_are_those_of_the_header(repository):
    """Against the layouts that the C library's tests keep."""
    layouts: dict[str, tuple[int, dict[str, int]]] = {}
    for line in pathlib.Path(repository, "Tests/Embedding/layout.txt").read_text().splitlines():
        if match := re.fullmatch(r"jamba_(\w+): (\d+) bytes", line):
            fields: dict[str, int] = {}
            layouts[match[1].replace("_", "")] = (int(match[2]), fields)
        elif match := re.fullmatch(r"  (\w+) (\d+)", line):
            fields[match[1]] = int(match[2])
    assert {struct.__name__.lower() for struct in _library.STRUCTS} == set(layouts)
    for struct in _library.STRUCTS:
        size, fields = layouts[struct.__name__.lower()]
        assert ctypes.sizeof(struct) == size, struct
        assert {field[0]: getattr(struct, field[0]).offset for field in struct._fields_} == fields, struct
