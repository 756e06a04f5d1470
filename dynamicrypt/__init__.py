"""Two hosts keep tree parity machines in step and never run out of matching fresh keys."""

from importlib.metadata import version

__version__ = version("dynamicrypt")
