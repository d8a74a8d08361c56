/* SPDX-License-Identifier: Apache-2.0 */
#include <argp.h>

#include "backtest.h"

int
backtest_anomaly(int argc, char **argv)
{
	static const struct argp_option options[] = {
			{"input", 'i', "DIR|FILE", 0, "Series: CSV with timestamp and value", 0},
			{0}};
	static const struct argp argp = {.options = options,
			.doc = "Finds what is strange in series, as the daemon would have."};

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	return 0;
}
