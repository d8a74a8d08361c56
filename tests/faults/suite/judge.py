# SPDX-License-Identifier: Apache-2.0
"""What the clients saw, judged by the service's objective."""

from collections import deque

from suite.arms import ERRORS, LATENCY_S, QUANTILE

WINDOW_S = 5
BAD_MIN = 3  # of a window: one or two are chance


def breach(requests, begin):
    """When the clients saw the objective breached: the end of the request with which, in the last WINDOW_S, more than
    the allowed share of the requests failed, or more than the allowed share were slower than allowed. None if never.
    Only requests that ended after `begin` count."""
    window, failed, slow = deque(), 0, 0
    for r in sorted(requests, key=lambda r: r.end):
        if r.end < begin:
            continue
        window.append(r)
        failed += r.failed
        slow += is_slow(r)
        while window[0].end < r.end - WINDOW_S:
            old = window.popleft()
            failed -= old.failed
            slow -= is_slow(old)
        allowed = max(len(window), 1)
        if failed >= max(BAD_MIN, ERRORS * allowed) or failed + slow >= max(BAD_MIN, (1 - QUANTILE) * allowed):
            return r.end
    return None


def is_slow(request):
    """Answered, and later than the objective allows."""
    return not request.failed and request.latency > LATENCY_S


def first_hurt(requests, begin):
    """When the first client saw an error or a latency over the objective, single ones included."""
    return min((r.end for r in requests if r.end >= begin and (r.failed or is_slow(r))), default=None)


def counts(requests):
    """Totals, long-lived connections apart."""
    result = {}
    for suffix, chosen in (("", [r for r in requests if not r.long]), ("_long", [r for r in requests if r.long])):
        times = sorted(r.latency for r in chosen if not r.failed)
        result |= {f"requests{suffix}": len(chosen), f"failed{suffix}": sum(r.failed for r in chosen),
                   f"slow{suffix}": sum(is_slow(r) for r in chosen)}
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            result[f"{name}_ms{suffix}"] = round(times[int(len(times) * share)] * 1e3, 2) if times else None
    return result
