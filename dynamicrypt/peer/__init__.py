"""The network side of a node: Twisted protocols, TLS, identity and pairing."""
