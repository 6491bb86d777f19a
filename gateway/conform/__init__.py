"""The conformance kit: claims about a scheduler node, tried from outside, over HTTP only.

It knows a node by its URL and nothing else, writes to it, and needs hypothesis (the extra
``conform``). Programs use it as ``seriatim.testing.conformance``.
"""
