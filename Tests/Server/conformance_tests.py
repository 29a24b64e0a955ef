"""What the server answers is what its OpenAPI document says, for requests that schemathesis makes up from it."""
import importlib.util
import subprocess
import sys
import tempfile
import unittest

from harness import Options, Server


@unittest.skipUnless(importlib.util.find_spec("schemathesis"), "schemathesis is not installed")
class Conformance(unittest.TestCase):
    def test_made_up_requests(self):
        with tempfile.TemporaryDirectory() as folder, Server(
                Options.program, Options.model, "-n", "2", "--context", "256", "--slot-save-path", folder) as server:
            run = subprocess.run(
                [sys.executable, "-m", "schemathesis.cli", "run", server.url + "/openapi.json", "--checks",
                 "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance", "--phases",
                 "examples,fuzzing", "--max-examples", "12", "--seed", "1", "--request-timeout", "30", "--generation-database", "none"],
                capture_output=True, text=True, timeout=300, cwd=folder)
            self.assertEqual(run.returncode, 0, run.stdout[-4000:] + run.stderr[-2000:])
            self.assertEqual(server.stop(), 0)
