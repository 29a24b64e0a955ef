# packages: claude-agent-sdk
"""Claude Code, which the package brings along."""
import os
import pathlib
import subprocess

import claude_agent_sdk
from claude_agent_sdk import ClaudeAgentOptions, ResultMessage, StreamEvent, create_sdk_mcp_server, query, tool

from client import QUESTION, URL, check, feature
from steering import Steering

PROGRAM = pathlib.Path(claude_agent_sdk.__file__).parent / "_bundled/claude"
# Nothing of a user's own settings is read, and nobody but the server is asked.
SETTINGS = {
    "ANTHROPIC_API_KEY": "none", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "300", "ENABLE_TOOL_SEARCH": "false",
}
for name in [name for name in os.environ if name.startswith(("ANTHROPIC_", "CLAUDE"))]:
    del os.environ[name]


def run(*arguments):
    surroundings = {"HOME": os.environ["HOME"], "PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1", "ANTHROPIC_BASE_URL": URL, **SETTINGS}
    done = subprocess.run([PROGRAM, "-p", *arguments], env=surroundings, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
    check(done.returncode == 0 and done.stdout.strip(), done.stdout + done.stderr)
    return done.stdout


async def ask(url, **options):
    """The messages of a query."""
    options = ClaudeAgentOptions(env={"ANTHROPIC_BASE_URL": url, **SETTINGS}, setting_sources=[], **options)
    return [message async for message in query(prompt=QUESTION, options=options)]


@feature("Claude Code: chat")
def _():
    run(QUESTION)


@feature("Claude Code: conversation")
def _():
    run("Go on.", "--continue")


@feature("stream")
async def _():
    messages = await ask(URL, include_partial_messages=True, max_turns=1)
    deltas = [message.event["delta"] for message in messages if isinstance(message, StreamEvent) and message.event["type"] == "content_block_delta"]
    result = next(message for message in messages if isinstance(message, ResultMessage))
    check("".join(delta.get("text", "") for delta in deltas).strip() == result.result.strip() != "")


@feature("tools")
async def _():
    asked = []

    @tool("count", "Counts balls.", {"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}}, "required": ["colour"]})
    async def count(arguments):
        asked.append(arguments["colour"])
        return {"content": [{"type": "text", "text": "seven balls"}]}

    name = "mcp__toys__count"
    with Steering({"type": "tool", "name": name}, lambda tools: any(tool.get("name") == name for tool in tools)) as steering:
        await ask(steering.url, mcp_servers={"toys": create_sdk_mcp_server("toys", tools=[count])}, allowed_tools=[name], max_turns=2)
    check(len(asked) == 1 and asked[0] in ["red", "blue"], f"called with {asked}")
    check("seven balls" in str(steering.calls[-1]["messages"]), "the result has not come back")
