"""
``make bench``: how fast Dvorik is, as ratios that another machine repeats.

A figure is a ratio between two ways of doing the same thing, on one PostgreSQL, in turns (A B A B …): what slows the
machine down slows both. Results, with the machine and what to think of them, go to ``docs/BENCHMARKS.md``.

``figures/`` says what is compared, ``ways/`` does the work in processes of its own, ``stack/`` is the Django project
that most would have written instead.
"""
