"""Trees compiled to machine code by tl2cgen, as a peer of what serves; absent where it or a C compiler is."""

import shutil
from collections.abc import Callable
from pathlib import Path

from models.arrays import Floats
from models.boosting import lightgbm

Predict = Callable[[Floats], Floats]


def compiled_trees(text: str, folder: Path) -> Predict | None:
    """A function from rows to raw scores, one thread; None where nothing can compile it."""
    try:
        import tl2cgen  # noqa: PLC0415 - an extra
        import treelite  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    if shutil.which("gcc") is None:
        return None
    model = treelite.frontend.from_lightgbm(lightgbm.Booster(model_str=text))
    library = folder / "trees.so"
    tl2cgen.export_lib(model, toolchain="gcc", libpath=str(library))
    predictor = tl2cgen.Predictor(str(library), nthread=1)

    def predict(matrix: Floats) -> Floats:
        rows = tl2cgen.DMatrix(matrix, dtype="float64")
        scores: Floats = predictor.predict(rows, pred_margin=True).ravel()
        return scores

    return predict
