# SPDX-License-Identifier: Apache-2.0
"""The arms: what the gateway may do about a fault. All else is the same in each."""

ARMS = ("predictor", "thresholds", "health_checks", "off")
OBJECTIVE = {"latency": "300ms", "quantile": "99%", "errors": "1%"}
LATENCY_S, QUANTILE, ERRORS = 0.3, 0.99, 0.01
CHECK = {"interval": "1s", "timeout": "1s", "fall": 3, "rise": 2}

# What a careful operator would set, tuned on recordings of the seeds 101 to 103, which no report measures: of each metric
# the lowest threshold and the shortest time that were never met by what does not fail.
RULES = ["cpu > 70% for 3s", "memory > 80% for 2s", "disk > 60% for 3s", "reply_p99 > 200ms for 2s", "errors > 1% for 2s",
         "loss > 2% for 2s", "waiting > 10 for 2s"]
APP_RULES = ["workers > 70% for 3s"]
# What both that shift have in common. The servers answer a hundred requests a second: at the default margin of 5 % the
# comparison would need eighty of the shadow at each step. Each server answers with its own name.
POLICY = {"mode": "act", "soak": "2s", "steps": ["10%", "25%", "50%", "100%"], "verify": {"errors": "10%", "answers": "100%"}}
SCRAPE = {"port": 9100, "interval": "1s"}
APP_METRICS = [
    {"name": "workers", "metric": "app_workers_busy", "per": "app_workers_max", "limit": 1, "floor": 0.05},
    {"name": "queue", "metric": "app_queue_length", "floor": 1},
]


def service_keys(arm, kind):
    """What an arm adds to the service of a kind of server."""
    keys = {"replies": kind.replies} if kind.replies else {}
    keys["scrape"] = SCRAPE | ({"metrics": APP_METRICS} if kind.name == "app" else {})
    rules = RULES + (APP_RULES if kind.name == "app" else [])
    if arm != "off":
        keys["check"] = {**kind.check, **CHECK}
    if arm == "predictor":
        keys |= {"objective": OBJECTIVE, "policy": POLICY}
    elif arm == "thresholds":
        keys |= {"objective": OBJECTIVE, "policy": POLICY | {"prediction": False, "rules": rules}}
    elif arm == "off":
        keys |= {"objective": OBJECTIVE, "policy": POLICY | {"mode": "observe"}}
    return keys
