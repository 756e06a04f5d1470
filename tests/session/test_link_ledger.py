"""The ledger of open confirmations."""

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.session.link_ledger import ConfirmationError, Ledger

ID, OTHER = b"i" * 16, b"o" * 16
TAG, WRONG = b"t" * 16, b"w" * 16


class OwnerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ledger = Ledger()
        self.ledger.await_tag(ID, TAG)

    def test_a_right_tag_confirms(self) -> None:
        self.assertEqual(self.ledger.confirm(TAG, 1), (ID, True))
        with self.assertRaises(ConfirmationError):
            self.ledger.confirm(TAG, 1)

    def test_a_wrong_tag_uses_the_key_up(self) -> None:
        self.assertEqual(self.ledger.confirm(WRONG, 1), (ID, False))
        self.assertEqual(len(self.ledger), 0)

    def test_keys_are_confirmed_in_their_order(self) -> None:
        self.ledger.await_tag(OTHER, WRONG)
        self.assertEqual(self.ledger.confirm(TAG, 1), (ID, True))
        self.assertEqual(self.ledger.confirm(WRONG, 1), (OTHER, True))

    def test_a_repeated_tag_is_recognised_for_three_rounds(self) -> None:
        self.ledger.confirm(TAG, 5)
        self.ledger.finish(7)
        self.assertEqual(len(self.ledger), 1)
        self.ledger.finish(8)
        self.assertEqual(len(self.ledger), 0)

    def test_after_a_cut_claims_are_compared(self) -> None:
        self.assertEqual(self.ledger.begin(), b"")
        self.assertEqual(self.ledger.reconcile(OTHER + TAG), ([], [], [OTHER]))
        self.assertEqual(self.ledger.reconcile(ID + TAG), ([ID], [], []))
        self.assertEqual(self.ledger.settle(), [])
        self.assertEqual(self.ledger.reconcile(ID + TAG), ([], [], []))

    def test_what_was_settled_is_remembered_until_the_partner_claims_it_no_more(self) -> None:
        self.ledger.begin()
        self.ledger.reconcile(ID + TAG)
        self.ledger.settle()
        for _ in range(3):
            self.ledger.begin()
            self.assertEqual(self.ledger.reconcile(ID + TAG), ([], [], []))
            self.assertEqual(self.ledger.reconcile(ID + TAG), ([], [], []))
            self.ledger.settle()
        self.ledger.begin()
        self.ledger.begin()
        self.assertEqual(len(self.ledger), 1)
        self.ledger.settle()
        self.assertEqual(len(self.ledger), 0)

    def test_a_claim_with_a_wrong_tag_is_wrong(self) -> None:
        self.ledger.begin()
        self.assertEqual(self.ledger.reconcile(ID + WRONG), ([], [ID], []))

    def test_what_is_not_claimed_is_lost(self) -> None:
        self.ledger.begin()
        self.assertEqual(self.ledger.settle(), [ID])
        self.assertEqual(len(self.ledger), 0)


class HolderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ledger = Ledger()
        self.ledger.hold(ID, TAG, 5)

    def test_a_tag_is_repeated_until_it_is_acknowledged(self) -> None:
        self.ledger.finish(6)
        self.assertEqual(self.ledger.begin(), ID + TAG)
        self.assertEqual(self.ledger.begin(), ID + TAG)
        self.ledger.finish(1)
        self.assertEqual(self.ledger.begin(), ID + TAG)
        self.ledger.finish(2)
        self.assertEqual(self.ledger.begin(), b"")

    def test_a_key_is_disowned_once(self) -> None:
        self.ledger.disown(ID)
        with self.assertRaises(ConfirmationError):
            self.ledger.disown(ID)
        self.ledger.finish(7)
        self.assertEqual(len(self.ledger), 0)

    def test_another_mark_of_the_partner_ends_all_that_is_open(self) -> None:
        self.ledger.mark = b"ours"
        self.assertFalse(self.ledger.meet(b"theirs"))
        self.assertFalse(self.ledger.meet(b"theirs"))
        self.assertEqual(len(self.ledger), 1)
        self.assertTrue(self.ledger.meet(b"others"))
        self.assertEqual(len(self.ledger), 0)
        self.assertEqual(self.ledger.mark, b"ours")
        self.assertFalse(self.ledger.meet(b"others"))

    def test_clear_forgets_everything(self) -> None:
        self.ledger.await_tag(OTHER, TAG)
        self.ledger.clear()
        self.assertEqual(len(self.ledger), 0)
        self.assertEqual(self.ledger.begin(), b"")
