"""Starting, stopping and misconfiguring the service."""

import json
import os
import pty
import signal
import socket
import stat
import subprocess
from pathlib import Path

from dynamicrypt import __version__
from dynamicrypt.demo.daemon import TWISTD, Daemon, DaemonError
from tests.endtoend.service import THESIS, ServiceTestCase, eventually
from tests.foreign.application import Application


class StartTests(ServiceTestCase):
    def assertRefuses(
        self, *options: str, because: str, environment: dict[str, str] | None = None
    ) -> None:
        """The start fails with an error for people: a line of cause, a line of remedy, no trace."""
        daemon = Daemon(self.state(), *options, environment=environment)
        daemon.launch()
        status = daemon.wait(30)
        self.assertIn(status, (1, 2))
        self.assertIn(because, daemon.log)
        self.assertIn("dynamicrypt: error: ", daemon.log)
        self.assertIn("dynamicrypt: hint: ", daemon.log)
        self.assertNotIn("Traceback", daemon.log)
        self.assertLess(len(daemon.lines), 6, daemon.log)

    def test_port_that_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as holder:
            port = str(holder.getsockname()[1])
            self.assertRefuses("--api-port", port, because=port)
            self.assertRefuses("--thesis-port", port, because=port)
            self.assertRefuses("--listen-port", port, because=port)

    def test_values_that_an_option_cannot_have(self) -> None:
        for option, value in (
            ("--api-port", "banana"),
            ("--thesis-port", "65536"),
            ("--api-port", "-1"),
            ("--api-auth", "maybe"),
            ("--thesis-interface", "nowhere"),
            ("--listen-port", "65536"),
            ("--listen-interface", "nowhere"),
            ("--default-wire", "3"),
            ("--profile", "unbreakable"),
            ("--name", "Bad Name!"),
        ):
            self.assertRefuses(option, value, because=option)

    def test_every_address_needs_one_to_tell_partners(self) -> None:
        self.assertRefuses("--thesis-interface", "::", because="--advertise")
        self.assertRefuses("--listen-interface", "::", because="--advertise")

    def test_option_that_does_not_exist(self) -> None:
        self.assertRefuses("--no-such-option", "1", because="no-such-option")

    def test_values_from_the_environment_are_checked_too(self) -> None:
        environment = {"DYNAMICRYPT_API_AUTH": "maybe"}
        self.assertRefuses(because="maybe", environment=environment)

    def test_variable_that_sets_nothing(self) -> None:
        for variable, nearest in (
            ("DYNAMICRYPT_LISTEN_INTERFCE", "DYNAMICRYPT_LISTEN_INTERFACE"),
            ("DYNAMICRYPT_", "DYNAMICRYPT_"),
        ):
            self.assertRefuses(
                because=f"no variable {variable}; the nearest is {nearest}",
                environment={variable: "1"},
            )

    def test_addresses_and_ports_that_this_user_or_machine_does_not_have(self) -> None:
        self.assertRefuses(
            "--listen-interface", "192.0.2.1", because="hint: name one of this machine's"
        )

    def test_another_user_than_that_of_the_start(self) -> None:
        command = (*TWISTD, "-n", "--pidfile=", f"--uid={os.geteuid() + 1}", "dynamicrypt")
        tried = subprocess.run(command, check=False, timeout=30, capture_output=True, text=True)
        self.assertEqual(tried.returncode, 2)
        self.assertIn("dynamicrypt: error: --uid is not for this service", tried.stderr)

    def test_default_wire_1_needs_its_port(self) -> None:
        # The demo's daemon asks for the port, and this one must not.
        tried = subprocess.run(
            (*TWISTD, "-n", "--pidfile=", "dynamicrypt", "--api-port", "0", "--listen-port", "0",
             "--default-wire", "1", "--state-dir", str(self.state())),
            check=False, timeout=30, capture_output=True, text=True,
        )  # fmt: skip
        self.assertEqual(tried.returncode, 2)
        self.assertIn("dynamicrypt: error: --default-wire 1 needs a port", tried.stderr)
        self.assertIn("dynamicrypt: hint: ", tried.stderr)

    def test_peers_that_are_broken(self) -> None:
        directory = self.state()
        (directory / "peers.json").write_text("{}")
        (directory / "peers.json").chmod(0o600)
        self.assertRefuses("--state-dir", str(directory), because=f"{directory}/peers.json: ")

    def test_directory_on_which_a_node_runs(self) -> None:
        first = self.node()
        ports = (first.state / "ports.json").read_text()
        self.assertRefuses(
            "--state-dir", str(first.state), because=f"another node runs on {first.state}"
        )
        self.assertEqual((first.state / "ports.json").read_text(), ports)

    def test_state_directory_that_is_a_file(self) -> None:
        file = self.state() / "file"
        file.write_text("")
        self.assertRefuses("--state-dir", str(file), because=str(file))

    def test_state_directory_that_others_may_read(self) -> None:
        directory = self.state()
        directory.chmod(0o755)
        self.assertRefuses("--state-dir", str(directory), because=str(directory))

    def test_token_file_that_others_may_read(self) -> None:
        first = self.node()
        first.stop()
        (first.state / "token").chmod(0o644)
        self.assertRefuses("--state-dir", str(first.state), because="token")

    def test_services_that_cannot_be_restored_as_they_were(self) -> None:
        directory = self.state()
        file = directory / "services.json"
        shop = {"name": "shop", "owner": "o", "channels": []}
        for services in ([shop, shop], [shop | {"channels": 3}], [shop | {"keys": []}]):
            content = json.dumps({"version": 1, "services": services})
            file.write_text(content)
            file.chmod(0o600)
            self.assertRefuses("--state-dir", str(directory), because=f"{file}: service ")
            self.assertEqual(file.read_text(), content)

    def test_the_environment_sets_what_no_flag_says(self) -> None:
        daemon = Daemon(self.state(), environment={"DYNAMICRYPT_API_AUTH": "none"})
        with daemon:
            application = Application(daemon.api_port)
            self.addCleanup(application.close)
            application.init("s")

    def test_a_flag_wins_over_the_environment(self) -> None:
        daemon = Daemon(
            self.state(), "--api-auth", "token", environment={"DYNAMICRYPT_API_AUTH": "none"}
        )
        with daemon:
            application = self.application(daemon)
            body = b'{"service_name":"s"}'
            self.assertEqual(application.raw("POST", "/v1/options/init", body)[0], 401)

    def test_init_tells_the_advertised_address_and_the_real_port(self) -> None:
        daemon = self.node(*THESIS, "--advertise", "node.example")
        application = self.application(daemon)
        application.init("s")
        self.assertEqual(
            (application.address, application.port), ("node.example", daemon.thesis_port)
        )

    def test_files_of_the_state_directory_are_the_owners_alone(self) -> None:
        node = self.node()
        files = sorted(node.state.rglob("*"))
        self.assertEqual(
            [file.name for file in files], ["identity.pem", "ports.json", "running", "token"]
        )
        for file in files:
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600, file.name)

    def test_a_token_outlives_the_process(self) -> None:
        first = self.node()
        token = (first.state / "token").read_text()
        first.stop()
        with Daemon(first.state) as second:
            self.assertEqual((second.state / "token").read_text(), token)
            application = Application(second.api_port, token.strip())
            self.addCleanup(application.close)
            application.init("s")

    def test_unprotected_choices_are_warned_of(self) -> None:
        node = self.thesis_node()
        for warning in ("--api-auth none", "wire 1"):
            self.assertTrue(
                any("#warn" in line.text and warning in line.text for line in node.lines), warning
            )

    def test_what_a_killed_node_leaves_behind_is_in_nobodys_way(self) -> None:
        first = Daemon(self.state())
        first.start()
        os.kill(first.pid, signal.SIGKILL)
        first.wait(10)
        self.assertTrue((first.state / "ports.json").exists())
        # It ends before it would write the file itself.
        self.assertRefuses(
            "--state-dir", str(first.state), "--listen-interface", "192.0.2.1", because="192.0.2.1"
        )
        self.assertFalse((first.state / "ports.json").exists())
        with Daemon(first.state) as second:
            self.assertTrue(self.application(second).test_ok())

    def test_factories_do_not_tell_of_themselves(self) -> None:
        self.assertNotIn("object at 0x", self.node().log)

    def test_the_log_begins_with_the_version(self) -> None:
        self.assertIn(f"dynamicrypt {__version__} name=", self.node().lines[0].text)

    def test_the_version_is_asked_for_by_a_flag(self) -> None:
        told = subprocess.run(
            (*TWISTD, "dynamicrypt", "--version"), check=True, capture_output=True, text=True
        )
        self.assertEqual(told.stdout, f"dynamicrypt {__version__}\n")


class EndTests(ServiceTestCase):
    def test_both_signals_end_the_service_in_order(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            node = Daemon(self.state())
            node.start()
            os.kill(node.pid, number)
            self.assertIn(node.wait(10), (0, -number))
            self.assertIn("Server Shut Down", node.log)

    def test_signals_that_are_not_for_it_change_nothing(self) -> None:
        node = self.node()
        for number in (signal.SIGHUP, signal.SIGUSR1):
            os.kill(node.pid, number)
            node.wait_for(f"{number.name} changes nothing", 10)
        self.assertTrue(self.application(node).test_ok())

    def test_a_terminal_that_is_closed_ends_it_in_order(self) -> None:
        state, log = self.state(), self.state() / "log"
        ports = ("--api-port", "0", "--listen-port", "0", "--state-dir", str(state))
        command = (*TWISTD, "-n", "--pidfile=", f"--logfile={log}", "dynamicrypt", *ports)
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(command[0], command)  # noqa: S606 - our own program, our own arguments
        self.assertTrue(eventually((state / "ports.json").exists))
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0)
        self.assertIn("the terminal was closed", log.read_text())
        self.assertIn("Server Shut Down", log.read_text())
        self.assertFalse((state / "ports.json").exists())

    def test_nohup_keeps_it_running(self) -> None:
        node = Daemon(self.state(), program=("nohup", *TWISTD))
        with node:
            os.kill(node.pid, signal.SIGHUP)
            self.assertTrue(self.application(node).test_ok())
            self.assertNotIn("SIGHUP", node.log)

    def test_it_ends_while_channels_run_and_a_dial_waits(self) -> None:
        nodes = [self.thesis_node(), self.thesis_node()]
        alice, bob, carol = (self.application(node) for node in (*nodes, nodes[0]))
        alice.init("alice")
        bob.init("bob")
        alice.init_config("bob")
        bob.init_config("alice")
        self.assertTrue(alice.sync(bob.address, bob.port))
        listener = self.listener()
        carol.init("carol")
        carol.init_config("dave")
        self.assertTrue(carol.sync("127.0.0.1", listener.port))
        talk = self.called(listener)
        talk.wait_for_keys(1)
        listener.close()
        talk.stop()
        nodes[0].stop()
        self.assertTrue(eventually(lambda: not bob.status()))

    def test_ports_are_free_again_at_once(self) -> None:
        node = self.node()
        ports = (str(node.api_port), str(node.thesis_port))
        node.stop()
        with Daemon(node.state, "--api-port", ports[0], "--thesis-port", ports[1]) as again:
            self.assertEqual((str(again.api_port), str(again.thesis_port)), ports)


class DaemonTests(ServiceTestCase):
    def test_daemon_mode_writes_a_pid_file_and_a_log_and_cleans_up(self) -> None:
        state = self.state()
        pid_file, log = state / "twistd.pid", state / "log"
        places = (f"--pidfile={pid_file}", f"--logfile={log}", f"--rundir={state}")
        ports = ("--api-port", "0", "--listen-port", "0", "--thesis-port", "0", *THESIS)
        command = (*TWISTD, *places, "dynamicrypt", *ports, "--state-dir", str(state))
        subprocess.run(command, check=True, timeout=30, capture_output=True)
        self.assertTrue(eventually(pid_file.exists))
        pid = int(pid_file.read_text())
        self.addCleanup(self.kill, pid)
        node = Daemon(state)
        self.assertTrue(eventually((state / "ports.json").exists))
        node.find_ports()
        application = self.application(node)
        self.assertTrue(application.test_ok())
        application.init("s")
        os.kill(pid, signal.SIGTERM)
        self.assertTrue(eventually(lambda: not Path(f"/proc/{pid}").exists()))
        self.assertFalse(pid_file.exists())
        self.assertFalse((state / "ports.json").exists())
        self.assertIn("Server Shut Down", log.read_text())

    def kill(self, pid: int) -> None:
        """Should the test have failed before it ended the daemon itself."""
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except FileNotFoundError:
            return
        if b"dynamicrypt" in command:
            os.kill(pid, signal.SIGKILL)

    def test_a_start_that_fails_does_not_leave_a_daemon(self) -> None:
        state = self.state()
        with socket.create_server(("127.0.0.1", 0)) as holder:
            port = str(holder.getsockname()[1])
            places = (f"--pidfile={state / 'twistd.pid'}", f"--rundir={state}")
            options = ("--api-port", port, "--listen-port", "0", "--state-dir", str(state))
            command = (*TWISTD, *places, "dynamicrypt", *options)
            tried = subprocess.run(command, check=False, timeout=30, capture_output=True, text=True)
        self.assertNotEqual(tried.returncode, 0)
        self.assertIn(f"dynamicrypt: error: cannot listen on 127.0.0.1 port {port}", tried.stderr)
        self.assertFalse((state / "twistd.pid").exists())

    def test_a_node_that_never_starts_is_reported_by_its_log(self) -> None:
        node = Daemon(self.state(), "--api-port", "banana")
        with self.assertRaisesRegex(DaemonError, "banana"):
            node.start()
