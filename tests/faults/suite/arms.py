# SPDX-License-Identifier: Apache-2.0
"""The arms: what the gateway may do about a fault. All else is the same in each."""

ARMS = ("predictor", "thresholds", "health_checks", "off")
OBJECTIVE = {"latency": "300ms", "quantile": "99%", "errors": "1%"}
LATENCY_S, QUANTILE, ERRORS = 0.3, 0.99, 0.01
CHECK = {"interval": "1s", "timeout": "1s", "fall": 3, "rise": 2}

# What a careful operator would set: tuned on the seeds 101 to 103, which no report measures.
SCRAPE = {"port": 9100, "interval": "1s"}
APP_METRICS = [
    {"name": "workers", "metric": "app_workers_busy", "per": "app_workers_max", "limit": 1, "floor": 0.05},
    {"name": "queue", "metric": "app_queue_length", "floor": 1},
]
RULES = ["cpu > 90% for 10s", "memory > 85% for 5s", "reply_p99 > 200000 for 5s", "errors > 1% for 5s"]


def service_keys(arm, kind):
    """What an arm adds to the service of a kind of server."""
    keys = {"replies": kind.replies} if kind.replies else {}
    keys["scrape"] = SCRAPE | ({"metrics": APP_METRICS} if kind.name == "app" else {})
    if arm != "off":
        keys["check"] = {**kind.check, **CHECK}
    if arm == "predictor":
        keys |= {"objective": OBJECTIVE, "policy": {"mode": "act"}}
    elif arm == "thresholds":
        keys |= {"objective": OBJECTIVE, "policy": {"mode": "act", "prediction": False, "rules": RULES}}
    elif arm == "off":
        keys |= {"objective": OBJECTIVE, "policy": {"mode": "observe"}}
    return keys
