"""What comes with LightGBM, and what stays there for others."""

import subprocess
import sys

SEEN = """
import sys
from models.boosting import lightgbm
print(lightgbm.__name__, [name for name in ("pandas", "sklearn") if name in sys.modules])
import sklearn
print(sklearn.__name__)
"""


def test_lightgbm_brings_no_companions_and_hides_them_from_nobody() -> None:
    said = subprocess.run([sys.executable, "-c", SEEN], check=True, capture_output=True, text=True).stdout
    assert said.split("\n")[:2] == ["lightgbm []", "sklearn"]
