"""Names for the arrays that every file here works on, and Arrow without the gaps of its type stubs.

``pa`` and ``pc`` are ``pyarrow`` and ``pyarrow.compute``: their stubs refuse most columnar calls that are fine at run time.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy.typing as npt
import pyarrow
import pyarrow.compute

Bits: TypeAlias = npt.NDArray[Any]  # 64-bit words
Ints: TypeAlias = npt.NDArray[Any]  # whole numbers: cents, positions, codes
Days: TypeAlias = npt.NDArray[Any]  # days since 1970-01-01
Floats: TypeAlias = npt.NDArray[Any]
Flags: TypeAlias = npt.NDArray[Any]
Texts: TypeAlias = Any  # an Arrow array, mostly of text
ArrowTable: TypeAlias = pyarrow.Table
Columns: TypeAlias = dict[str, Any]  # a file's rows: column name → numpy or Arrow array

pa: Any = pyarrow
pc: Any = pyarrow.compute

__all__ = ["ArrowTable", "Bits", "Columns", "Days", "Flags", "Floats", "Ints", "Texts", "pa", "pc"]
