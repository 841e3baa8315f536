"""How the lessons are made and judged: one source each, everything else generated and compared (see build.py)."""
