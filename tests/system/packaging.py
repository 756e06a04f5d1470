"""What is built and what of it is installed."""

import tarfile
import zipfile

from twisted.trial.unittest import SynchronousTestCase

from tests.system.installation import Environment, distributions, run, wheel_environment, workplace


class DistributionTests(SynchronousTestCase):
    def test_the_sdist_holds_all_sources_and_nothing_built(self) -> None:
        with tarfile.open(distributions()[0]) as archive:
            names = {name.partition("/")[2] for name in archive.getnames()}
        wanted = {
            "LICENSE",
            "README.md",
            "pyproject.toml",
            "setup.py",
            "ext/_core.pyx",
            "dynamicrypt/py.typed",
            "twisted/plugins/dynamicrypt_plugin.py",
        }
        self.assertEqual(wanted - names, set())
        headers = {name for name in names if name.startswith("ext/") and name.endswith(".h")}
        self.assertTrue(headers, "the compiler needs the headers")
        self.assertEqual([name for name in names if name.endswith((".so", ".pyc"))], [])

    def test_the_wheel_holds_the_package_the_core_and_the_plugin_only(self) -> None:
        with zipfile.ZipFile(distributions()[1]) as archive:
            names = archive.namelist()
        rooms = {name.partition("/")[0] for name in names}
        metadata = {room for room in rooms if room.endswith(".dist-info")}
        self.assertEqual(rooms - metadata, {"dynamicrypt", "twisted"})
        self.assertIn("twisted/plugins/dynamicrypt_plugin.py", names)
        self.assertIn("dynamicrypt/py.typed", names)
        self.assertNotIn("twisted/__init__.py", names)
        self.assertNotIn("twisted/plugins/__init__.py", names)
        self.assertEqual(len([name for name in names if "_core." in name and ".so" in name]), 1)


class InstalledTests(SynchronousTestCase):
    def assertWorks(self, environment: Environment) -> None:
        self.assertIn(" dynamicrypt ", environment.run("twistd", "--help"))
        self.assertIn("--thesis-port", environment.run("twistd", "dynamicrypt", "--help"))
        environment.run("pip", "check", "--disable-pip-version-check")
        self.assertIn("messages arrived", environment.run("python", "-m", "dynamicrypt.demo"))

    def test_the_wheel_works(self) -> None:
        self.assertWorks(wheel_environment())

    def test_the_sources_install_and_install_editably(self) -> None:
        source = workplace() / "unpacked"
        source.mkdir()
        run("tar", "-xzf", distributions()[0], "-C", source, "--strip-components=1")
        environment = Environment("sources", source)
        self.assertWorks(environment)
        environment.run("pip", "install", "--quiet", "--disable-pip-version-check", "-e", source)
        self.assertWorks(environment)
