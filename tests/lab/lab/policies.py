# SPDX-License-Identifier: Apache-2.0
"""What scenarios of the policy share: a policy in a hurry, primaries that lose requests, and what was decided."""

import json

from lab.hosts import wait_until

QUICK = {"prediction": False, "enter_n": 1, "enter_m": 1, "leave_n": 3, "leave_m": 3, "soak": "1s", "dwell": "2s",
         "deadline": "20s", "cooldown": "1s"}


def lose(host, percent):
    host.run("nft", "-f", "-", stdin="table ip lab { chain in { type filter hook input priority 0; "
             f"udp dport 53 numgen random mod 100 < {percent} drop; }}; }}")


def heal(*hosts):
    for host in hosts:
        host.run("nft", "flush", "ruleset")


class Steered:
    """The policy of one endpoint of the service dns."""

    def __init__(self, gateway, endpoint="dns1"):
        self.gateway, self.endpoint = gateway, endpoint

    def order(self, word):
        self.gateway.ctl("policy", "dns", self.endpoint, word)

    def row(self):
        rows = json.loads(self.gateway.ctl("--json", "policy"))["policy"]
        return next(r for r in rows if r["endpoint"] == self.endpoint)

    def decided(self, after=0):
        decisions = json.loads(self.gateway.ctl("--json", "decisions"))["decisions"]
        return [d for d in decisions if d["endpoint"] == self.endpoint and d["number"] > after]

    def last(self):
        return max((d["number"] for d in self.decided()), default=0)

    def home(self):
        wait_until("all traffic is home", lambda: self.row()["state"] == "watch" and self.row()["shift"] == 0, 60)
        self.order("observe")
