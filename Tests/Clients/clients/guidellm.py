# packages: guidellm
import os
import subprocess
import sys

from client import URL, check, feature


@feature("benchmark")
def _():
    tokenizer = os.environ["JAMBA_MODELS"] + "/demo"
    run = subprocess.run(
        [sys.executable, "-m", "guidellm", "run", "--backend", f"kind=openai_http,target={URL},model=demo",
         "--tokenizer", f"kind=huggingface_auto,model={tokenizer}", "--data", "kind=synthetic_text,prompt_tokens=32,output_tokens=16",
         "--profile", "kind=synchronous", "--constraint", "kind=max_requests,count=4", "--disable-console-interactive"], capture_output=True, text=True, timeout=400)
    check(run.returncode == 0, (run.stdout + run.stderr).strip()[-200:])
