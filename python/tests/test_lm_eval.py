"""The model class of lm-evaluation-harness, on tasks of local files; beside transformers where that is installed."""

import json
import random

import pytest

import jamba_edge

lm_eval = pytest.importorskip("lm_eval")

STARTS = ["Once upon a time, there was a", "The little dog was very", "Lily went to the park with her", "Tom had a big red"]
ENDS = [" little girl named Lily.", " happy and ran home.", " mom and played all day.", " ball and a blue car."]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """A folder with a task of each kind; choices share their question."""
    folder = tmp_path_factory.mktemp("tasks")
    draw = random.Random(1)
    rows = [{"start": start, "ends": draw.sample(ENDS, 4), "right": index} for index, start in enumerate(STARTS)]
    texts = [{"text": f"{start}{end} " * count} for start, end, count in zip(STARTS, ENDS, (1, 4, 9, 2), strict=True)]
    texts.append({"text": "Lily went to the park with"})  # goes on with a word of its own
    for name, lines in (("choices", rows), ("texts", texts)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    common = "dataset_path: json\ntest_split: test\ndataset_kwargs:\n  data_files:\n    test: {}\n"
    (folder / "choices.yaml").write_text(
        "task: choices\noutput_type: multiple_choice\ndoc_to_text: '{{start}}'\ndoc_to_choice: '{{ends}}'\n"
        "doc_to_target: right\ntarget_delimiter: ''\n" + common.format(folder / "choices.jsonl"))
    (folder / "rolling.yaml").write_text(
        "task: rolling\noutput_type: loglikelihood_rolling\ndoc_to_text: ''\ndoc_to_target: '{{text}}'\n"
        "metric_list:\n  - metric: word_perplexity\n  - metric: byte_perplexity\n" + common.format(folder / "texts.jsonl"))
    (folder / "going-on.yaml").write_text(
        "task: going-on\noutput_type: generate_until\ndoc_to_text: '{{text}}'\ndoc_to_target: '{{text}}'\n"
        "generation_kwargs:\n  until: ['.']\n  max_gen_toks: 24\n" + common.format(folder / "texts.jsonl"))
    return folder


def answers(model, folder, *names):
    """Each task's answers in the order of its documents."""
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(folder), include_defaults=False)
    results = lm_eval.simple_evaluate(
        model, tasks=list(names) or ["choices", "rolling", "going-on"], task_manager=manager, log_samples=True, bootstrap_iters=0)
    return {
        name: [sample["resps"] for sample in sorted(samples, key=lambda sample: sample["doc_id"])]
        for name, samples in results["samples"].items()
    }


@pytest.fixture(scope="module")
def ours(exact, tasks):
    from jamba_edge.lm_eval import JambaEdgeLM

    return answers(JambaEdgeLM(exact, batch_size=4, cache_type="f32"), tasks)


def flat(values):
    for value in values:
        yield from flat(value) if isinstance(value, (list, tuple)) else [value]


def test_batches_do_not_change_results(exact, tasks, ours):
    from jamba_edge.lm_eval import JambaEdgeLM

    assert answers(JambaEdgeLM(exact, batch_size=1, cache_type="f32"), tasks) == ours


def test_choices_are_the_sessions_scores(exact, ours):
    with jamba_edge.Model.open(exact, cache_type="f32") as model, model.session() as session:
        draw = random.Random(1)
        for start, given in zip(STARTS, ours["choices"], strict=True):
            for end, response in zip(draw.sample(ENDS, 4), given, strict=True):
                context = model.tokenize(start)
                whole = model.tokenize(start + end)
                session.reset()
                session.prefill(whole[:len(context)])
                values, best = session.score(whole[len(context):])
                assert list(response[0]) == [float(values.astype(float).sum()), bool((best == whole[len(context):]).all())]


def test_results_are_those_of_transformers(repository, tasks, ours):
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from lm_eval.models.huggingface import HFLM

    # One at a time: the padding of a batch changes what Mamba layers compute there.
    def theirs(name, **options):
        model = HFLM(str(repository / "models/demo"), device="cpu", dtype=torch.float32, batch_size=1, **options)
        return list(flat(answers(model, tasks, name)[name]))

    assert theirs("going-on", add_bos_token=True) == list(flat(ours["going-on"]))
    # Where a text begins twice with add_bos_token, it is scored without.
    for name, adds in (("choices", True), ("rolling", False)):
        there, here = theirs(name, add_bos_token=adds), list(flat(ours[name]))
        assert len(there) == len(here) and len(here) >= 4
        assert max(abs(a - b) for a, b in zip(there, here, strict=True)) < 1e-3, name
