"""`python -m api.reloading [paced]`: the process that judges rules (`child.py`); paced, it works in small portions."""

import sys

from api.reloading.paced import begin

if "paced" in sys.argv[1:]:
    begin()  # before the imports of the rest, which take as long as judging

from api.reloading.child import main

main()
