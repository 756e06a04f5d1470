"""What a service that says all that it can says of the messages and keys of REST v2: nothing."""

from tests.endtoend.native import NativeTestCase
from tests.endtoend.test_memory_reports import TALKATIVE, forms
from tests.endtoend.watched import Watched


class NativeReportTests(NativeTestCase):
    """Each secret is searched for in all output and files, in all forms that bytes are written in.

    Of long ones that is their beginning.
    """

    def said(self, node: Watched) -> str:
        """All output, and all files but those that hold the node's own secrets."""
        kept = {"token", "identity.pem", "witness"}
        files = [file for file in node.state.rglob("*") if file.is_file() and file.name not in kept]
        return node.log + "".join(file.read_text() for file in files)

    def test_nothing_is_said_of_messages_keys_and_streams(self) -> None:
        self.start("--profile", "fast", program=TALKATIVE)
        self.converse_natively()
        for node in self.nodes:
            node.stop()
            said = self.said(node)
            self.assertIn('"log_format": "link up', said)
            for kind, secrets in self.secrets.items():
                for secret in secrets:
                    self.assertFalse(any(form in said for form in forms(secret)), kind)
