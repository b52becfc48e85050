"""Which answer belongs to which truth: the one-to-one choice of least total cost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

NO_MATCH = 1e6  # what a cost that is not a number counts


def assign(cost: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Match rows and columns one to one at the least sum of costs (Kuhn 1955).

    Args:
        cost: (Q, G); what is not finite counts a million.

    Returns:
        rows and columns of the min(Q, G) pairs, in the order of the rows.

    Example:
        >>> rows, columns = assign(np.array([[5.0, 1.0], [1.0, 9.0], [7.0, 8.0]]))
        >>> rows.tolist(), columns.tolist()
        ([0, 1], [1, 0])
    """
    finite = np.nan_to_num(cost, nan=NO_MATCH, posinf=NO_MATCH, neginf=-NO_MATCH)
    rows, columns = linear_sum_assignment(finite)
    return rows.astype(np.int64), columns.astype(np.int64)
