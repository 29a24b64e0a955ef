"""Runs each client of Tests/Clients/clients against a server and prints a table: client, version, what works.

    python3 Tests/Clients/table.py PROGRAM MODEL FOLDER [--write] [NAME...]

FOLDER holds the clients' environments and the server's log. Clients whose files say `# opt-in: …` run where they are named alone. With --write
the rows go into the table of docs/CLIENTS.md.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.append(str(REPOSITORY / "tools/measure"))

from server_process import Server  # noqa: E402

# A client has so long, its installation so long.
SECONDS, INSTALL_SECONDS = 420, 1200


def head(path):
    """What a client's file says of itself: packages to install, the package whose version counts, and whether it is opt-in."""
    text = path.read_text()
    packages = re.search(r"^# packages: (.+)$", text, re.M).group(1).split()
    return packages, re.split(r"[\[=<>]", packages[0])[0], bool(re.search("^# opt-in: ", text, re.M))


def environment(folder, name, packages):
    """The Python of an environment that has the packages; a reason where it cannot be made."""
    place = folder / name
    python = place / "bin/python"
    if not (place / "ready").exists():
        if not python.exists():
            venv.create(place, with_pip=True)
        try:
            run = subprocess.run(
                [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], capture_output=True, text=True,
                timeout=INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            return None, "not installed within the time"
        if run.returncode:
            return None, "not installed: " + (run.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
        (place / "ready").touch()
    return python, None


def version(python, package):
    run = subprocess.run(
        [python, "-c", f"import importlib.metadata as m; print(m.version({package!r}))"], capture_output=True, text=True)
    return run.stdout.strip() or "?"


def results(python, path, server, folder):
    """What a client's file reports, a line a feature; one that ends before its end has failed."""
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    surroundings = {
        **os.environ, "JAMBA_URL": server.url, "PYTHONPATH": str(HERE), "HOME": str(scratch), "OPENAI_API_KEY": "none",
        "OPENAI_BASE_URL": server.url + "/v1", "OPENAI_API_BASE": server.url + "/v1", "NO_PROXY": "127.0.0.1,localhost",
        # Nobody is told of these runs, and nothing is looked for elsewhere.
        "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "OPENAI_AGENTS_DISABLE_TRACING": "1", "HAYSTACK_TELEMETRY_ENABLED": "False", "AIDER_ANALYTICS": "false", "DO_NOT_TRACK": "1",
        "JAMBA_MODELS": str(REPOSITORY / "models"), "PYTHONWARNINGS": "ignore",
    }
    try:
        # Not by its path: the folder holds files with the packages' names.
        program = f"import runpy; runpy.run_path({str(path)!r}, run_name='__main__')"
        run = subprocess.run([python, "-c", program], capture_output=True, text=True, timeout=SECONDS, env=surroundings, cwd=scratch)
        output, rest = run.stdout, run.stderr.strip().splitlines()
        ended = run.returncode == 0
    except subprocess.TimeoutExpired as error:
        output, rest, ended = (error.stdout or b"").decode(), [f"not done within {SECONDS} s"], False
    found = [json.loads(line) for line in output.splitlines() if line.startswith('{"feature"')]
    if not ended:
        found.append({"feature": "all of it", "ok": False, "reason": (rest or ["no reason given"])[-1][:200]})
    return found


def row(name, version, found, reason=None):
    works = ", ".join(entry["feature"] for entry in found if entry["ok"])
    fails = "; ".join(f"{entry['feature']}: {entry['reason']}" for entry in found if not entry["ok"]) or reason or ""
    return [text.replace("|", "\\|").replace("\n", " ") for text in (name, version, works, fails)]


def main():
    program, model, folder, *names = sys.argv[1:]
    writes = "--write" in names
    names = [name for name in names if name != "--write"]
    folder = pathlib.Path(folder)
    rows = []
    template = REPOSITORY / "Tests/Server/calling.jinja"
    with Server(program, model, "--chat-template", str(template), "--name", "demo", "-n", "400", "--context", "65536", "--log-requests") as server:
        for path in sorted((HERE / "clients").glob("*.py")):
            packages, package, is_opt_in = head(path)
            if path.stem not in names if names else is_opt_in:
                continue
            python, reason = environment(folder, path.stem, packages)
            if python:
                rows.append(row(package, version(python, package), results(python, path, server, folder)))
            else:
                rows.append(row(package, "", [], reason))
            print(" | ".join(rows[-1]), flush=True)
        (folder / "server.log").write_text("".join(server.lines))
    if writes:
        write(rows)
    failed = sum(bool(row[3]) for row in rows)
    print(f"{len(rows) - failed} passed, {failed} failed")


def write(rows):
    """Puts rows into the table, in place of those of the same clients."""
    path = REPOSITORY / "docs/CLIENTS.md"
    text = path.read_text(encoding="utf-8")
    start, end = "<!-- table -->\n", "<!-- end of table -->"
    before, after = text.index(start) + len(start), text.index(end)
    lines = {line.split(" | ")[0][2:]: line for line in text[before:after].splitlines()[2:]}
    lines |= {row[0]: f"| {' | '.join(row)} |" for row in rows}
    table = ["| client | version | works | does not |", "|---|---|---|---|", *(lines[name] for name in sorted(lines))]
    path.write_text(text[:before] + "\n".join(table) + "\n" + text[after:], encoding="utf-8")


if __name__ == "__main__":
    main()
