# packages: guidellm
import os
import subprocess
import sys

from client import URL, check, feature


@feature("benchmark")
def _():
    tokenizer = os.environ["JAMBA_MODELS"] + "/demo"
    run = subprocess.run(
        [sys.executable, "-m", "guidellm", "benchmark", "run", "--target", URL, "--model", "demo", "--processor", tokenizer, "--data",
         "prompt_tokens=32,output_tokens=16", "--profile", "synchronous", "--max-requests", "4"], capture_output=True, text=True, timeout=400)
    check(run.returncode == 0, (run.stdout + run.stderr).strip()[-200:])
