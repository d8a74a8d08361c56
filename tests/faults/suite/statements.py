# SPDX-License-Identifier: Apache-2.0
"""How true the statements about failure were: those of the runs with the controller off, which nothing prevented.

A statement is the probability, told each STEP_S for an endpoint that serves, that it fails or breaches its objective
within HORIZON_S. It came true if it failed in that time. What has no fault does not fail, also after the
run: its statements are false ones. Of the endpoint that has one, statements count from when it begins, because before
there is nothing to be seen, until the failure, after which there is nothing to be said.
"""

HORIZON_S, STEP_S, BINS = 60, 2, 10
FAULTY = {"overload": ("p1", "p2")}  # all others: p1


def of_run(row, risks):
    """[(probability, came true)] from (second, endpoint, probability)."""
    fails = not row["control"] and row["failure_s"] is not None
    faulty = FAULTY.get(row["fault"], ("p1",)) if not row["control"] else ()
    result, last = [], {}
    for at, name, probability in risks:
        since = at - row["begin_s"]
        if name not in ("p1", "p2") or probability is None or at - last.get(name, -STEP_S) < STEP_S - 0.1:
            continue
        if name in faulty and not (fails and 0 <= since < row["failure_s"]):
            continue
        last[name] = at
        result.append((round(probability, 4), int(name in faulty and row["failure_s"] <= since + HORIZON_S)))
    return result


def quality(pairs):
    """Expected calibration error over ten bins of equal width, Brier score, and its skill against the base rate."""
    if not pairs:
        return {}
    base = sum(true for _, true in pairs) / len(pairs)
    brier = sum((p - true) ** 2 for p, true in pairs) / len(pairs)
    reference = base * (1 - base)
    return {"statements": len(pairs), "came_true": sum(true for _, true in pairs),
            "ece": round(sum(abs(p - share) * n for p, share, n in bins(pairs)) / len(pairs), 4),
            "brier": round(brier, 4), "brier_skill": round(1 - brier / reference, 3) if reference else None}


def bins(pairs):
    """(mean probability, share that came true, number) of each bin that has any."""
    rows = []
    for i in range(BINS):
        chosen = [(p, true) for p, true in pairs if min(BINS - 1, int(p * BINS)) == i]
        if chosen:
            rows.append((sum(p for p, _ in chosen) / len(chosen), sum(t for _, t in chosen) / len(chosen), len(chosen)))
    return rows
