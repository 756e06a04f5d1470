"""A look into the cells of a key store."""

from dynamicrypt.keys.cells import KeyCells


def secrets_in(cells: KeyCells) -> bytes:
    """Return every byte of the cells that is not zero."""
    return b"".join(bytes(page.memory).replace(b"\0", b"") for page in cells._pages.values())
