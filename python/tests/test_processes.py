"""Ctrl-C, threads and forked processes."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import jamba_edge


def in_child(body) -> str:
    """What a forked process says of `body`."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = repr(body())
        except BaseException as failure:
            said = f"{type(failure).__name__}: {failure}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as pipe:
        said = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return said


def test_a_session_in_two_threads_is_refused(model):
    with model.session() as session:
        prompt = model.tokenize("All of this is a long text about a ball. " * 400)
        started = threading.Event()
        failures = []

        def read():
            try:
                session.prefill(prompt, progress=lambda *_: started.set())
            except jamba_edge.JambaError as failure:
                failures.append(failure)

        thread = threading.Thread(target=read)
        thread.start()
        assert started.wait(30)
        with pytest.raises(jamba_edge.BusyError, match="in use"):
            session.step(5)
        thread.join()
        assert not failures and session.tokens == prompt


def test_a_session_with_an_open_answer_is_refused(session):
    answer = session.chat("Hello", max_tokens=50)
    next(answer)
    for call in (session.reset, session.fork, lambda: session.step(5), lambda: session.chat("Hello"), session.logits):
        with pytest.raises(jamba_edge.BusyError):
            call()
    answer.close()
    with pytest.raises(jamba_edge.HandleError):
        next(answer)
    session.step(5)
    for _ in session.chat("Hello", max_tokens=50):
        break  # dropped, and so closed
    session.reset()


def test_threads_press_into_one_answer(session):
    alone = list(session.generate("Once", max_tokens=300, ignore_end=True))
    session.reset()
    answer = session.generate("Once", max_tokens=300, ignore_end=True)
    pieces = []

    def read():
        while True:
            try:
                piece = next(answer, None)
            except jamba_edge.BusyError:
                continue
            if piece is None:
                break
            pieces.append(piece)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answer.result.completion_tokens == 300
    # Each piece came whole, and once; which thread noted its own first is nobody's to say.
    assert sorted((piece.token or -1, piece.text) for piece in pieces) == sorted((piece.token or -1, piece.text) for piece in alone)


def test_another_thread_closes_an_answer(session):
    for turn in range(20):
        answer = session.generate("Once", max_tokens=100000, ignore_end=True)
        pieces = []
        failures = []

        def read():
            try:
                pieces.extend(answer)
            except jamba_edge.JambaError as failure:
                failures.append(failure)

        thread = threading.Thread(target=read)
        thread.start()
        time.sleep(turn / 1000)
        answer.close()
        thread.join()
        assert [type(failure) for failure in failures] == [jamba_edge.HandleError] and answer.result is None
        session.reset()


def test_a_signals_handler_closes_an_answer(session):
    answer = session.generate("Once", max_tokens=100000, ignore_end=True)
    before = signal.signal(signal.SIGUSR1, lambda *_: answer.close())
    killer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
    try:
        killer.start()
        with pytest.raises(jamba_edge.HandleError, match="closed"):
            for _ in answer:
                pass
    finally:
        killer.join()
        signal.signal(signal.SIGUSR1, before)
    session.reset()


def test_a_forked_process_is_refused_and_opens_its_own(model, session, demo):
    tokens = model.tokenize("Once upon a time")
    session.prefill(tokens)
    wanted = session.logits()[:4].tolist()
    assert in_child(lambda: session.logits()).startswith("HandleError: the session belongs to the process")
    assert in_child(lambda: model.session()).startswith("HandleError: the model belongs to the process")

    def own():
        with jamba_edge.Model.open(demo) as mine, mine.session() as text:
            text.prefill(tokens)
            return text.logits()[:4].tolist()

    assert in_child(own) == repr(wanted)
    session.step(5)


def test_a_process_forked_in_the_middle_of_a_call_is_refused(session, demo):
    prompt = session.model.tokenize("All of this is a long text about a ball. " * 400)
    said = []

    def fork(*_):
        if not said:
            said.append(in_child(lambda: jamba_edge.Model.open(demo)))

    session.prefill(prompt, progress=fork)
    assert said[0].startswith("HandleError: this process was forked while")


def test_spawned_processes_compute(demo):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        one, two = pool.map(_answer, [demo, demo])
    assert one == two and one


def _answer(path: str) -> str:
    with jamba_edge.Model.open(path) as model, model.session() as session:
        return session.chat("Hello", max_tokens=5).text()


@pytest.mark.parametrize(
    ("doing", "call"),
    [
        ("a prompt", 'session.generate(model.tokenize("All of this is a long text. " * 20000), progress=lambda *_: begin())'),
        ("a prefill", 'session.prefill(model.tokenize("All of this is a long text. " * 20000), progress=lambda *_: begin())'),
        ("an answer", 'begin() or session.generate("Once", max_tokens=1000000, ignore_end=True).text()'),
        ("an event loop", 'begin() or asyncio.run(session.generate_async("Once", max_tokens=1000000, ignore_end=True).text())'),
    ],
)
def test_control_c_stops(demo, doing, call):
    script = textwrap.dedent(f"""
        import asyncio, signal, time, jamba_edge
        # Who is started in the background ignores it, and so do those that it starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        def begin(said=[]):
            if not said:
                said.append(print("begun", flush=True))
        model = jamba_edge.Model.open({demo!r})
        session = model.session()
        try:
            {call}
            print("ended")
        except KeyboardInterrupt:
            session.step(5)
            print("stopped", flush=True)
    """)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.3)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert (out, errors) == ("stopped\n", ""), doing
    assert time.monotonic() - start < 5
