"""``seriatim demo``: a tour on a throw-away folder that checks everything it shows."""
