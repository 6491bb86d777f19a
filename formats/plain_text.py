"""Text that everything here can carry."""


def plain_text(text: str) -> str:
    r"""Return *text* as what UTF-8, and so JSON, has characters for: surrogates are written out.

    >>> plain_text("caf" + chr(0xDCE9))
    'caf\\udce9'
    """
    return text.encode("utf-8", "backslashreplace").decode()
