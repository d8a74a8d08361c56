# SPDX-License-Identifier: Apache-2.0
"""Harder run-to-failure tables out of FD001's: operating conditions as in FD002 and FD004, two ways to fail as in FD003.

Units are {name: [[cycle, setting_1..3, sensor_1..21], ...]}; each function gives new ones."""

import random

SETTINGS = 3
# setting_1 to _3 of C-MAPSS's six conditions, and how far they are off: Saxena and others, PHM 2008
REGIMES = ((0, 0, 100), (10, 0.25, 100), (20, 0.7, 100), (25, 0.62, 60), (35, 0.84, 100), (42, 0.84, 100))
OFF = (0.004, 0.0008, 0)
OFFSET = 40  # of a condition, in standard deviations of the sensor
STRETCH = 20  # rows that a condition persists, on average
LEVEL_ROWS = 15  # of a unit's first level


def columns_of(units):
    return list(zip(*(row for rows in units.values() for row in rows)))


def spread(values):
    mean = sum(values) / len(values)
    return mean, (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5


def draw_iid(chance, rows):
    return [chance.randrange(len(REGIMES)) for _ in range(rows)]


def draw_stretches(chance, rows):
    regimes = [chance.randrange(len(REGIMES))]
    while len(regimes) < rows:
        regimes.append(chance.randrange(len(REGIMES)) if chance.random() < 1 / STRETCH else regimes[-1])
    return regimes


def draw_by_age(chance, rows):
    """The first two conditions for the young, the last two for the old, those between for all."""
    return [chance.choice((2, 3, 0, 1) if chance.random() > age / rows else (2, 3, 4, 5)) for age in range(rows)]


def smooth(values, half=8):
    sums = [0]
    for value in values:
        sums.append(sums[-1] + value)
    spans = [(max(i - half, 0), min(i + half + 1, len(values))) for i in range(len(values))]
    return [(sums[b] - sums[a]) / (b - a) for a, b in spans]


def with_conditions(units, draw, seed=1, noise_scales=True):
    """Sensor j in condition g is a[g, j] + b[g, j] (x - mean of j); without noise_scales b scales x's smooth part alone."""
    chance = random.Random(seed)
    sensors = columns_of(units)[1 + SETTINGS:]
    centre = [spread(values) for values in sensors]
    a = [[mean + OFFSET * (sd or 1) * chance.uniform(-1, 1) for mean, sd in centre] for _ in REGIMES]
    b = [[chance.uniform(0.5, 2) for _ in centre] for _ in REGIMES]
    made = {}
    for name, rows in units.items():
        regimes = draw(chance, len(rows))
        level = list(zip(*(smooth(column) for column in list(zip(*rows))[1 + SETTINGS:])))
        made[name] = []
        for row, g, calm in zip(rows, regimes, level):
            settings = [value + chance.uniform(0, off) for value, off in zip(REGIMES[g], OFF)]
            base = row[1 + SETTINGS:] if noise_scales else calm
            made[name].append([row[0], *settings, *(a[g][j] + b[g][j] * (base[j] - centre[j][0]) +
                                                    row[1 + SETTINGS + j] - base[j] for j in range(len(centre)))])
    return made


def with_second_mode(units, seed=1):
    """Every other unit wears along another direction: half of its sensors go the other way from their first level."""
    chance = random.Random(seed)
    flipped = set(chance.sample(range(1 + SETTINGS, len(next(iter(units.values()))[0])), 10))
    made = {}
    for number, (name, rows) in enumerate(units.items()):
        first = [sum(column) / LEVEL_ROWS for column in zip(*rows[:LEVEL_ROWS])]
        made[name] = [[2 * first[j] - v if j in flipped and number % 2 else v for j, v in enumerate(row)]
                      for row in rows]
    return made


def with_long_youth(units, seed=1, most=300):
    """Up to so many rows more at the first level, before wear begins."""
    chance = random.Random(seed)
    made = {}
    for name, rows in units.items():
        young = [[chance.choice(rows[:LEVEL_ROWS])[j] for j in range(len(rows[0]))]
                 for _ in range(chance.randint(0, most))]
        made[name] = [[cycle + 1, *row[1:]] for cycle, row in enumerate(young + rows)]
    return made


TABLES = {
    "as it is": lambda units: units,
    "conditions": lambda units: with_conditions(units, draw_iid),
    "conditions, noise alike": lambda units: with_conditions(units, draw_iid, noise_scales=False),
    "conditions in stretches": lambda units: with_conditions(units, draw_stretches),
    "conditions by age": lambda units: with_conditions(units, draw_by_age),
    "two modes": with_second_mode,
    "two modes, long lives": lambda units: with_long_youth(with_second_mode(units)),
    "two modes, long lives, conditions":
        lambda units: with_conditions(with_long_youth(with_second_mode(units)), draw_iid),
}
