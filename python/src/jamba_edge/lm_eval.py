"""The model class of EleutherAI's lm-evaluation-harness.

    python -m jamba_edge.lm_eval run --model jamba_edge --model_args path=model.jamba --tasks TASK --batch_size 8

is its command line with this class registered as `jamba_edge`; `import jamba_edge.lm_eval` registers it for Python.
"""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import queue
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from lm_eval.api.model import TemplateLM
from lm_eval.api.registry import register_model
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window
from tqdm import tqdm

from .errors import Status, error
from .model import Model
from .options import Sampling
from .session import Session

_Work = TypeVar("_Work")
_Value = TypeVar("_Value")


@register_model("jamba_edge")
class JambaEdgeLM(TemplateLM):
    """Log-likelihoods and answers of a .jamba file.

    A batch is as many threads, each with a session of its own; sessions that compute at the same time share passes over the
    weights, with the same bits as alone, so that results do not depend on the batch's size. Requests with the same context,
    such as the choices of a question, read it once and fork.
    """

    backend = "causal"

    def __init__(
        self, path: str, batch_size: int | str = 4, max_length: int | None = None, max_gen_toks: int = 256,
        device: str | None = None, max_batch_size: int | None = None, **options: Any,
    ) -> None:
        """
        Args:
            path: a .jamba file.
            batch_size: sessions that compute at the same time.
            max_length: of a text, in tokens; None is the model's limit. A longer context loses its beginning.
            max_gen_toks: of an answer, where a task does not say it.
            device, max_batch_size: the harness's; nothing here depends on them.
            options: of `Model.open`, such as `memory` and `threads`.
        """
        super().__init__()
        # A word of the harness, "auto" among them, that is no number means the default.
        self.batch_size = int(batch_size) if str(batch_size).isdigit() else 4
        # A context and its fork for each thread.
        self.model = Model.open(path, sessions=2 * self.batch_size, **options)
        self.max_length = max_length or self.model.info.context_limit
        self.max_gen_toks = max_gen_toks
        self._idle: queue.SimpleQueue[Session] = queue.SimpleQueue()
        for _ in range(self.batch_size):
            self._idle.put(self.model.session())

    # ---- Texts ----

    @property
    def eot_token_id(self) -> int:
        return self.model.end_tokens[0]

    @property
    def prefix_token_id(self) -> int:
        """What stands for an empty context: the token that begins a text, or the one that ends it."""
        begin = self.model.info.begin_token
        return self.eot_token_id if begin is None else begin

    @property
    def tokenizer_name(self) -> str:
        return self.model.path.replace("/", "__")

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """Names of control tokens are these tokens, as chat templates print them; a text begins once."""
        tokens = self.model.tokenize(string, add_special=add_special_tokens is not False, parse_special=True)
        begin = self.model.info.begin_token
        return tokens[1:] if begin is not None and tokens[:2] == [begin, begin] else tokens

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        return self.model.format_chat(chat_history, answer=add_generation_prompt)

    # ---- Requests ----

    def _loglikelihood_tokens(
        self, requests: Sequence[tuple[Any, Sequence[int], Sequence[int]]], disable_tqdm: bool = False, **_: Any,
    ) -> list[tuple[float, bool]]:
        results: list[tuple[float, bool]] = [(0.0, True)] * len(requests)
        groups: dict[tuple[int, ...], list[int]] = collections.defaultdict(list)
        for index, (_text, context, continuation) in enumerate(requests):
            # The harness's way: what is too long loses its beginning, and the last token is never read.
            kept = (*context, *continuation)[-(self.max_length + 1):]
            if len(continuation) >= len(kept):
                raise error(Status.CONTEXT_FULL, f"a continuation of {len(continuation)} tokens does not fit max_length")
            groups[kept[:len(kept) - len(continuation)]].append(index)

        def score(session: Session, group: tuple[tuple[int, ...], list[int]]) -> None:
            context, indices = group
            session.reset()
            session.prefill(context)
            for index in indices:
                text, _context, continuation = requests[index]
                if len(indices) == 1:
                    values, best = session.score(continuation)
                else:
                    with session.fork() as fork:
                        values, best = fork.score(continuation)
                results[index] = (float(values.astype(float).sum()), bool((best == list(continuation)).all()))
                if text is not None:
                    self.cache_hook.add_partial("loglikelihood", text, results[index])

        # The longest first, so that no thread is left alone with them at the end.
        order = sorted(groups.items(), key=lambda group: -len(group[0]) - sum(len(requests[index][2]) for index in group[1]))
        self._compute(score, order, "Log-likelihoods", disable_tqdm)
        return results

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        """Each text begins once with the token that begins texts, as with the harness's `hf` and its `add_bos_token=False`."""
        windows: list[tuple[None, list[int], list[int]]] = []
        owners: list[int] = []
        for index, request in enumerate(requests):
            tokens = self.tok_encode(request.args[0], add_special_tokens=False)
            for window in get_rolling_token_windows(
                token_list=tokens, prefix_token=self.prefix_token_id, max_seq_len=self.max_length, context_len=1,
            ):
                windows.append((None, *make_disjoint_window(window)))
                owners.append(index)
        totals = [0.0] * len(requests)
        for owner, (value, _) in zip(owners, self._loglikelihood_tokens(windows, disable_tqdm), strict=True):
            totals[owner] += value
        for request, total in zip(requests, totals, strict=True):
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, total)
        return totals

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        results = [""] * len(requests)

        def respond(session: Session, index: int) -> None:
            context, wanted = requests[index].args
            until = wanted.get("until") or []
            limit = int(wanted.get("max_gen_toks", wanted.get("max_tokens", self.max_gen_toks)))
            tokens = self.tok_encode(context)[-max(1, self.max_length - limit):]
            session.reset()
            with session.generate(
                tokens, sampling=_sampling(wanted), max_tokens=limit, stop=[until] if isinstance(until, str) else until,
            ) as answer:
                pieces = list(answer)
            text, first = "".join(piece.text for piece in pieces), next((piece.token for piece in pieces), None)
            # The harness's `hf` decodes an answer as a text of its own, where a tokenizer may drop the space before the first
            # word; tasks that compare whole texts expect the same here.
            if text.startswith(" ") and first is not None and not self.model.detokenize([first]).startswith(" "):
                text = text[1:]
            results[index] = text
            self.cache_hook.add_partial("generate_until", requests[index].args, results[index])

        order = sorted(range(len(requests)), key=lambda index: -len(requests[index].args[0]))
        self._compute(respond, order, "Answers", disable_tqdm)
        return results

    def _compute(
        self, body: Callable[[Session, _Work], None], work: Iterable[_Work], name: str, disable_tqdm: bool,
    ) -> None:
        """Runs `body` for each piece of work in as many threads as there are sessions."""

        def run(piece: _Work) -> None:
            session = self._idle.get()
            try:
                body(session, piece)
            finally:
                self._idle.put(session)

        with concurrent.futures.ThreadPoolExecutor(self.batch_size) as pool:
            futures = [pool.submit(run, piece) for piece in work]
            try:
                for future in tqdm(
                    concurrent.futures.as_completed(futures), total=len(futures), desc=name, disable=disable_tqdm,
                ):
                    future.result()
            finally:
                for future in futures:
                    future.cancel()


def _sampling(wanted: dict[str, Any]) -> Sampling | None:
    """A task's options of generation; None takes the most probable token, as `do_sample: false` and temperature 0 ask for."""
    temperature = float(wanted.get("temperature") or 0)
    if not wanted.get("do_sample", temperature > 0) or temperature == 0:
        return None
    known = {field.name for field in dataclasses.fields(Sampling)}
    return Sampling(**{name: value for name, value in wanted.items() if name in known})


if __name__ == "__main__":
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()
