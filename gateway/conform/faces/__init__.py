"""How a node is spoken to, one file per API; checks say what to do, faces how."""
