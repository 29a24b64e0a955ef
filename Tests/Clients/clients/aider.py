# packages: aider-chat
import os
import subprocess
import sys

from client import BASE, check, feature

# Else it writes them to the root of the repository that its folder lies in.
HISTORIES = [part for kind in ("chat", "input", "llm") for part in (f"--{kind}-history-file", os.path.abspath(f"aider-{kind}"))]


@feature("chat")
def _():
    run = subprocess.run(
        [sys.executable, "-m", "aider", "--model", "openai/demo", "--openai-api-base", BASE, "--openai-api-key", "none", "--no-git", "--yes-always",
         "--no-check-update", "--no-show-model-warnings", "--no-analytics", "--edit-format", "ask", "--message", "Tell me a story about a red ball.",
         "--no-pretty", *HISTORIES], capture_output=True, text=True, timeout=300)
    check(run.returncode == 0 and "Tokens:" in run.stdout, (run.stdout + run.stderr).strip()[-200:])
