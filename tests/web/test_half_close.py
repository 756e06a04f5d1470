"""Clients that shut down their sending side get the answers to what they had sent."""

from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from dynamicrypt.web import listener
from dynamicrypt.web.listener import CONTINUE
from tests.web.talk import Client, get, post
from tests.web.test_channel import LIMITS, ChannelCase, body_of_length

PATH = "/v1/options/encrypt"
WAITING = "/v1/options/sync"
SYNC = b'{"service_name":"s","partner_name":"t","address_of_other_tpm":"h","port_of_other_tpm":1}'


class HalfCloseTests(ChannelCase):
    def setUp(self) -> None:
        super().setUp()
        self.gone = False
        self.patch(listener, "hung_up", lambda handle: self.gone)
        self.dial: Deferred[None] = Deferred()
        self.node.dial = self.dial
        self.node.partners.add(("h", 1))

    def wait(self) -> None:
        self.client.send(post(WAITING, SYNC))
        self.client.half_close()
        self.assertEqual(self.client.transport.value(), CONTINUE)
        self.client.transport.clear()

    def test_who_waits_gets_its_answer_and_then_the_connection_closes(self) -> None:
        self.wait()
        self.assertFalse(self.client.transport.disconnecting)
        self.dial.callback(None)
        (answer,) = self.client.received()
        self.assertEqual(answer.body, b'{"status":1}')
        self.assertTrue(self.client.transport.disconnecting)
        self.hang_up()

    def test_who_is_gone_altogether_is_cut_at_once(self) -> None:
        self.gone = True
        self.wait()
        self.clock.advance(0.02)
        self.assertTrue(self.client.transport.aborted)
        self.hang_up()

    def test_who_goes_later_is_cut_then(self) -> None:
        self.wait()
        self.clock.pump([0.02, 0.98])
        self.assertFalse(self.client.transport.aborted)
        self.gone = True
        self.clock.pump([0.1] * 11)
        self.assertEqual(self.client.transport.value(), CONTINUE)
        self.assertTrue(self.client.transport.aborted)
        self.hang_up()

    def test_an_old_client_that_knows_no_interim_answers_is_cut(self) -> None:
        self.client.send(post(WAITING, SYNC).replace(b"HTTP/1.1", b"HTTP/1.0"))
        self.client.half_close()
        self.assertEqual(self.client.transport.value(), b"")
        self.assertTrue(self.client.transport.aborted)

    def test_all_that_was_sent_is_answered(self) -> None:
        self.client.send(post(WAITING, SYNC) + post(PATH, body_of_length(200)) * 2)
        self.client.half_close()
        self.client.transport.clear()
        self.dial.callback(None)
        self.assertEqual([each.status for each in self.client.received()], [200] * 3)
        self.assertTrue(self.client.transport.disconnecting)
        self.hang_up()

    def test_what_was_not_sent_whole_is_not_waited_for(self) -> None:
        for sent in (b"", b"POST", post(PATH, body_of_length(200))[:-1]):
            client = Client(self.site)
            client.send(sent)
            client.half_close()
            self.assertEqual(client.received(), [])
            self.assertTrue(client.transport.disconnecting)
            client.close()

    def test_an_answer_that_has_begun_goes_on_without_an_interim_one(self) -> None:
        begun: list[Request] = []

        class Slow(Resource):
            isLeaf = True

            def render(self, request: Request) -> int:
                request.write(b"one")
                begun.append(request)
                return NOT_DONE_YET

        self.site.resource.putChild(b"slow", Slow())
        self.client.send(get("/slow"))
        self.client.transport.clear()
        self.client.half_close()
        self.assertEqual(self.client.transport.value(), b"")
        begun[0].write(b"two")
        begun[0].finish()
        self.assertIn(b"two", self.client.transport.value())
        self.assertTrue(self.client.transport.disconnecting)
        self.hang_up()


class StopTests(ChannelCase):
    """What a site does when it is stopped."""

    def test_who_rests_is_cut_at_once_and_then_it_is_over(self) -> None:
        stopped = self.site.wind_down()
        self.assertTrue(self.client.transport.disconnecting)
        self.assertNoResult(stopped)
        self.client.close()
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_without_connections_it_is_over_at_once(self) -> None:
        self.client.close()
        self.successResultOf(self.site.wind_down())

    def test_who_waits_gets_its_answer_first(self) -> None:
        dial: Deferred[None] = Deferred()
        self.node.dial = dial
        self.node.partners.add(("h", 1))
        self.client.send(post(WAITING, SYNC))
        stopped = self.site.wind_down()
        self.assertFalse(self.client.transport.disconnecting)
        dial.callback(None)
        self.assertEqual([each.status for each in self.client.received()], [200])
        self.assertTrue(self.client.transport.disconnecting)
        self.client.close()
        self.successResultOf(stopped)

    def test_nothing_new_is_begun(self) -> None:
        request = post(PATH, body_of_length(200))
        self.client.send(request[:-1])
        self.site.wind_down()
        self.client.send(request[-1:])
        (answer,) = self.client.received()
        self.assertEqual((answer.status, answer.body), (503, b'{"error":"stopping"}'))
        self.assertTrue(self.client.transport.disconnecting)

    def test_nothing_is_read_of_what_begins_later(self) -> None:
        self.client.send(b"P")
        self.site.wind_down()
        self.client.send(post(PATH, body_of_length(1000))[1:200])
        self.assertEqual([each.status for each in self.client.received()], [503])

    def test_what_takes_too_long_is_cut(self) -> None:
        self.node.dial = Deferred()
        self.client.send(post(WAITING, SYNC))
        self.site.wind_down()
        self.clock.advance(LIMITS.linger)
        self.assertTrue(self.client.transport.aborted)
