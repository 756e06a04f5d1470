"""What may not be found in logs and files: keys, plaintext, the token."""

import base64

from tests.endtoend.service import ServiceTestCase
from tests.foreign.cipher import fold

PLAINTEXT = "the eagle lands at midnight"


class SecretsTests(ServiceTestCase):
    def test_neither_logs_nor_files_hold_secrets(self) -> None:
        node = self.node("--default-wire", "1")
        token = (node.state / "token").read_text().strip()
        app = self.application(node, token)
        app.init("harbour")
        app.init_config("boat")
        boat = self.dial(node, "boat", "harbour")
        boat.wait_for_keys(4)
        for key in boat.side.keys[:3]:
            self.assertOpens(app, key, PLAINTEXT, mode=1)
        for mode in (1, 2):
            app.patiently(PLAINTEXT, mode)
        app.decrypt({"message": "AAAA", "hash": PLAINTEXT, "mode": 1})
        app.raw("POST", "/v1/options/encrypt", f'{{"message":"{PLAINTEXT}"'.encode())
        app.raw("POST", f"/v1/options/{PLAINTEXT.replace(' ', '')}", b"{}")
        app.raw("GET", "/v1/options/test-ok", headers={"Authorization": f"Bearer x{token}"})
        self.throw_at_wire(node.thesis_port)
        boat.stop()
        node.stop()

        text = node.log
        for file in node.state.rglob("*"):
            if file.name != "token":
                text += file.read_text()
        folded = [fold(key) for key in boat.side.keys]
        secrets = [PLAINTEXT, PLAINTEXT.replace(" ", ""), token, *boat.side.keys]
        secrets += [key.hex() for key in folded] + [
            base64.b64encode(key).decode() for key in folded
        ]
        secrets += ["".join(secret.split()) for secret in (str(boat.side.machine.weights),)]
        self.assertEqual([secret for secret in secrets if secret.lower() in text.lower()], [])
        self.assertGreater(text.count("key born"), 3, "the log of this test says nothing")

    def throw_at_wire(self, port: int) -> None:
        connection = self.connect(port)
        connection.sendall(f"2\t5\t0\t{PLAINTEXT}\t{PLAINTEXT}\n".encode())
        self.assertHungUp(connection)
