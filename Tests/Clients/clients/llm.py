# packages: llm
import json
import os
import pathlib
import subprocess
import sys

from client import BASE, QUESTION, SCHEMA, check, check_form, feature

os.environ["LLM_USER_PATH"] = str(pathlib.Path("llm").resolve())
pathlib.Path("llm").mkdir(exist_ok=True)
pathlib.Path("llm/extra-openai-models.yaml").write_text(
    f"- model_id: jamba\n  model_name: demo\n  api_base: {BASE}\n  supports_schema: true\n  supports_tools: true\n")


def llm(*arguments):
    run = subprocess.run([sys.executable, "-m", "llm", *arguments], capture_output=True, text=True, timeout=200)
    check(run.returncode == 0, run.stderr.strip()[-200:])
    return run.stdout


@feature("stream")
def _():
    check(llm("-m", "jamba", QUESTION, "-o", "max_tokens", "24").strip())


@feature("chat")
def _():
    check(llm("-m", "jamba", "--no-stream", "-s", "Be brief.", QUESTION, "-o", "max_tokens", "24").strip())


@feature("conversation")
def _():
    check(llm("-m", "jamba", "-c", "Go on.", "-o", "max_tokens", "24").strip())


@feature("schema")
def _():
    check_form(json.loads(llm("-m", "jamba", "--no-stream", "--schema", json.dumps(SCHEMA), QUESTION)))
