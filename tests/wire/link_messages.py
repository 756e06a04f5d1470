"""Hypothesis strategies for every message of wire 2."""

from hypothesis import strategies as st

from dynamicrypt.params import ExchangeParameters, MachineParameters, Rule
from dynamicrypt.wire import link as wire
from dynamicrypt.wire import link_messages as messages
from dynamicrypt.wire.link_messages import Message


def _printable(least: int) -> st.SearchStrategy[str]:
    letters = st.characters(codec="utf-8").filter(str.isprintable)
    return st.text(letters, min_size=least, max_size=60)


def _binary(limit: int, unit: int = 1) -> st.SearchStrategy[bytes]:
    return st.integers(0, limit // unit).flatmap(
        lambda count: st.binary(min_size=count * unit, max_size=count * unit)
    )


CHANNEL = st.integers(0, wire.MAX_CHANNEL)
NUMBER = st.integers(0, wire.MAX_ROUND)
SHORT = st.binary(min_size=wire.SHORT, max_size=wire.SHORT)
LONG = st.binary(min_size=wire.LONG, max_size=wire.LONG)
NAME = _printable(1)
DETAIL = _printable(0)
WORD = st.from_regex(r"[a-z][a-z0-9-]{0,31}", fullmatch=True)
BITS = _binary(400)
MACHINE = st.builds(
    MachineParameters,
    K=st.integers(1, 8),
    N=st.integers(1, 100),
    L=st.integers(1, 127),
    rule=st.sampled_from(Rule),
)
RANDOM = st.builds(
    ExchangeParameters,
    machine=MACHINE,
    package=st.integers(1, 64),
    fusion=st.integers(1, 64),
    machines=st.integers(1, 64),
    agreements=st.integers(32, 65535),
    step_limit=st.integers(32, 10**9),
)
QUERIES = st.builds(
    ExchangeParameters,
    machine=MACHINE,
    query=st.integers(1, 10**6),
    package=st.just(1),
    fusion=st.integers(1, 64),
    machines=st.integers(1, 64),
    step_limit=st.integers(32, 10**9),
)
ROUNDS = st.dictionaries(CHANNEL, NUMBER, max_size=20).map(lambda each: tuple(sorted(each.items())))

MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        messages.Hello,
        version=st.tuples(st.just(2), st.integers(0, 9999)),
        features=st.sets(WORD, max_size=16).map(lambda words: tuple(sorted(words))),
        name=NAME,
        incarnation=SHORT,
        share=_binary(wire.OFFER_BYTES),
    ),
    st.builds(
        messages.Epoch,
        epoch=NUMBER,
        share=st.binary(min_size=wire.OFFER_BYTES, max_size=wire.OFFER_BYTES),
        rounds=ROUNDS,
    ),
    st.builds(
        messages.Answer,
        epoch=NUMBER,
        share=st.binary(min_size=wire.ANSWER_BYTES, max_size=wire.ANSWER_BYTES),
    ),
    st.builds(messages.Proof, epoch=NUMBER, tag=LONG),
    st.builds(
        messages.Open,
        channel=CHANNEL,
        service=NAME,
        partner=NAME,
        nonce=LONG,
        parameters=st.one_of(RANDOM, QUERIES),
    ),
    st.builds(messages.Accept, channel=CHANNEL, nonce=LONG),
    st.builds(messages.Refuse, channel=CHANNEL, reason=WORD, detail=DETAIL),
    st.builds(
        messages.Held, channel=CHANNEL, claims=_binary(10 * 2 * wire.SHORT, 32), more=st.booleans()
    ),
    st.builds(messages.Round, channel=CHANNEL, round=NUMBER, outputs=BITS, probes=BITS),
    st.builds(
        messages.Query, channel=CHANNEL, round=NUMBER, inputs=BITS, outputs=BITS, probes=BITS
    ),
    st.builds(messages.Confirm, channel=CHANNEL, first=NUMBER, tags=_binary(320, wire.SHORT)),
    st.builds(messages.Unmatched, channel=CHANNEL, round=NUMBER, ids=_binary(320, wire.SHORT)),
    st.builds(messages.Pause, channel=CHANNEL),
    st.builds(messages.Resume, channel=CHANNEL),
    st.builds(messages.Close, channel=CHANNEL, reason=DETAIL),
    st.builds(messages.Ping, number=NUMBER),
    st.builds(messages.Pong, number=NUMBER),
    st.builds(messages.Fault, code=WORD, detail=DETAIL),
    st.builds(messages.Goodbye, reason=DETAIL),
)
