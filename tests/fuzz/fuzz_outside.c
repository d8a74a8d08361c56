/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of outside feeds, and their times: what is taken is within its bounds. */
#include "outside_text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_time(const char *text)
{
	uint64_t ms;

	if (outside_time_parse(text, &ms) == 0 && ms % 1000)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outside_factor factor[OUTSIDE_FACTORS_MAX];
	char error[128], *text = malloc(size + 1);
	int i, n;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	try_time(text);
	n = outside_parse(text, size, factor, error);
	for (i = 0; i < n; i++) {
		if (!(factor[i].severity >= 0 && factor[i].severity <= 1) || !factor[i].name[0] ||
				!outside_is_at(&factor[i], factor[i].place))
			abort();
	}
	free(text);
	return 0;
}
