"""The body of a streaming request: what is written to it comes out as the answer.

A problem that shows before the answer has begun is the answer. Afterwards the answer breaks off:
the last chunk of RFC 9112, section 7.1, never comes, so that nobody takes it for the whole.
"""

from __future__ import annotations

from typing import Final, Never, Protocol, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web.http import datetimeToString
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.rest.desk.problem import problem_reply
from dynamicrypt.rest.streams.coder import Coder
from dynamicrypt.rest.streams.log import StreamRecord, StreamState
from dynamicrypt.web.body import AnswerBrokenError, Gathered, LiveBody, RefusedEarlyError
from dynamicrypt.web.fault import log_fault
from dynamicrypt.web.refusals import InternalError
from dynamicrypt.web.reply import Reply, send

BYTES: Final = b"application/octet-stream"
#: Names the stream in the head of the answer.
ID_HEADER: Final = b"DynamiCrypt-Stream"
#: Bytes that may come while a key is waited for, before no more are read.
_AHEAD: Final = 65_536


class Carrier(Protocol):
    """What a body needs of its connection."""

    def hold(self) -> None:
        """Read no more."""

    def release(self) -> None:
        """Read on."""

    def refuse(self, reply: Reply) -> None:
        """Answer, and drop the rest of the request."""

    def break_off(self) -> None:
        """Break the answer off, and drop the rest of the request."""


class StreamBody(LiveBody):
    """The body of a streaming request: a cipher that writes the answer.

    Without a coder it keeps a little of what comes, and has no more read, until it gets one.
    """

    def __init__(self, request: Request, record: StreamRecord, coder: Coder | None) -> None:
        super().__init__()
        self._request = request
        self._record = record
        self._coder = coder
        self._waiting: Deferred[None] | None = None
        self._ahead = Gathered()
        self._ended = False

    def wait_for(self, coder: Deferred[Coder]) -> None:
        """Begin when there is a coder, or refuse the request with the error of the Deferred."""
        self._waiting = coder.addCallbacks(self._begin, self._give_up).addErrback(self._fault)

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # twisted.web writes bytes
        """Seal or open a part.

        Raises RefusedEarlyError where the answer has not begun, AnswerBrokenError where it has.
        """
        self._record.taken += len(data)
        if self._coder is not None:
            self._pass(self._coder, data)
        else:
            self._ahead.append(data)
            if len(self._ahead) >= _AHEAD:
                self._carrier.hold()
        return len(data)

    def finish(self) -> None:
        """Everything has come: write the end of the answer, now or when there is a coder.

        Raises as `write`.
        """
        self._ended = True
        if self._coder is None:
            return
        try:
            last = self._coder.finish()
        except DynamiCryptError as error:
            self._fail(error)
        self._answer(last)
        self._head()
        self._record.end(StreamState.WHOLE)
        self._request.finish()

    def end(self) -> StreamEnd:
        """What ends the answer when all has come."""
        return StreamEnd()

    def tell(self) -> int:
        """How much has come."""
        return self._record.taken

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Nothing is there to be read again."""
        return self._record.taken

    def read(self, size: int = -1, /) -> bytes:
        """Nothing is kept."""
        return b""

    def stall(self, error: DynamiCryptError) -> Reply | None:
        """The client is too slow: the answer that says so, None where another one has begun."""
        self._record.end(StreamState.BROKEN, error)
        if self._request.startedWriting:
            return None
        return problem_reply(error, self._request.path)

    def close(self) -> None:
        """The request is over: wait no more, and wipe the key."""
        self._record.end(StreamState.LEFT)
        if self._waiting is not None:
            self._waiting.cancel()
        if self._coder is not None:
            self._coder.abandon()
        self._ahead.clear()
        super().close()

    @property
    def _carrier(self) -> Carrier:
        return cast("Carrier", self._request.channel)

    def _begin(self, coder: Coder) -> None:
        self._coder = coder
        ahead = self._ahead.take()
        self._carrier.release()
        try:
            self._pass(coder, ahead)
            if self._ended:
                self.finish()
        except RefusedEarlyError as refused:
            self._carrier.refuse(refused.reply)
        except AnswerBrokenError:
            self._carrier.break_off()

    def _give_up(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, CancelledError):
            return  # the client left
        if not isinstance(error, DynamiCryptError):
            log_fault(failure)
            error = InternalError("a fault of the node")
        self._record.end(StreamState.BROKEN, error)
        self._ahead.clear()
        self._carrier.release()
        self._carrier.refuse(problem_reply(error, self._request.path))

    def _fault(self, failure: Failure) -> None:
        log_fault(failure)
        self._record.end(StreamState.BROKEN, InternalError("a fault of the node"))
        self._carrier.break_off()

    def _pass(self, coder: Coder, data: bytes) -> None:
        try:
            given = coder.update(data)
        except DynamiCryptError as error:
            self._fail(error)
        self._answer(given)

    def _fail(self, error: DynamiCryptError) -> Never:
        if self._coder is not None:
            self._coder.abandon()
        self._record.end(StreamState.BROKEN, error)
        if self._request.startedWriting:
            raise AnswerBrokenError from None
        raise RefusedEarlyError(problem_reply(error, self._request.path)) from None

    def _answer(self, data: bytes) -> None:
        if data:
            self._head()
            self._record.given += len(data)
            self._request.write(data)

    def _head(self) -> None:
        if not self._request.startedWriting:
            self._request.setHeader(b"Content-Type", BYTES)
            self._request.setHeader(b"Date", datetimeToString())
            self._request.setHeader(ID_HEADER, self._record.id.encode("ascii"))
            for name, value in () if self._coder is None else self._coder.headers():
                self._request.setHeader(name, value)


class StreamEnd(Resource):
    """Ends the answer of a request whose body was a StreamBody."""

    isLeaf = True

    def render(self, request: Request) -> object:
        """Write the last part."""
        try:
            cast("StreamBody", request.content).finish()
        except RefusedEarlyError as refused:
            return send(request, refused.reply)
        except AnswerBrokenError:
            cast("Carrier", request.channel).break_off()
        return NOT_DONE_YET
