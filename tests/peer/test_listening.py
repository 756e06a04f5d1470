"""Why a node cannot listen, told with a remedy that fits."""

import errno
import os

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.peer.errors import NotOurAddressError, PortForbiddenError, PortTakenError
from dynamicrypt.peer.listening import not_listening


class ListeningTests(SynchronousTestCase):
    def test_the_remedy_fits(self) -> None:
        for number, kind in (
            (errno.EADDRINUSE, PortTakenError),
            (errno.EACCES, PortForbiddenError),
            (errno.EADDRNOTAVAIL, NotOurAddressError),
            (errno.EAFNOSUPPORT, NotOurAddressError),
        ):
            error = not_listening("192.0.2.1", 81, OSError(number, os.strerror(number)))
            self.assertIs(type(error), kind)
            reason = os.strerror(number).lower()
            self.assertEqual(str(error), f"cannot listen on 192.0.2.1 port 81: {reason}")
