# packages: openai-codex-cli-bin mcp<2
"""Codex CLI."""
import json
import os
import pathlib
import subprocess
import sys

import codex_cli_bin

from client import BASE, QUESTION, check, feature
from steering import Steering

PROGRAM = pathlib.Path(codex_cli_bin.__file__).parent / "bin/codex"
TOYS = """
from mcp.server.fastmcp import FastMCP
server = FastMCP("toys")
@server.tool()
def count() -> str:
    "Counts balls."
    return "seven balls"
server.run()
"""


def run(*arguments, base=BASE):
    """The events of a turn."""
    provider = f'model_providers.jamba={{name="jamba",base_url="{base}",wire_api="responses",env_key="OPENAI_API_KEY"}}'
    surroundings = {**{name: os.environ[name] for name in ["HOME", "PATH", "NO_PROXY"]}, "OPENAI_API_KEY": "none"}
    done = subprocess.run(
        [PROGRAM, "exec", "--skip-git-repo-check", "--json", "-s", "read-only", "-m", "demo", "-c", "model_provider=jamba", "-c", provider, *arguments],
        env=surroundings, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    check(done.returncode == 0 and events[-1]["type"] == "turn.completed", (done.stdout + done.stderr)[-200:])
    return events


def items(events):
    return [event["item"] for event in events if event["type"] == "item.completed"]


@feature("chat")
def _():
    check([item for item in items(run(QUESTION)) if item["type"] == "agent_message"])


@feature("conversation")
def _():
    check([item for item in items(run("resume", "--last", "Go on.")) if item["type"] == "agent_message"])


@feature("MCP server's tools")
def _():
    def asks(tools):
        return any(tool.get("type") == "namespace" and "toys" in tool["name"] for tool in tools)

    pathlib.Path("toys.py").write_text(TOYS)
    server = f'mcp_servers.toys={{command="{sys.executable}",args=["{os.path.abspath("toys.py")}"],default_tools_approval_mode="approve"}}'
    with Steering({"type": "function", "name": "mcp__toys__count"}, asks) as steering:
        events = run("-c", server, QUESTION, base=steering.url + "/v1")
    calls = [item for item in items(events) if item["type"] == "mcp_tool_call"]
    check(len(calls) == 1 and "seven balls" in str(calls[0]["result"]), f"calls: {calls}")
    check("seven balls" in str(steering.calls[-1]["input"]), "the result has not come back")
