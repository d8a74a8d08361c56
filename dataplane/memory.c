/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <numa.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE (2ul << 20)

static size_t
rounded(size_t bytes)
{
	return (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
}

void *
memory_map(size_t bytes, int node, bool touch)
{
	size_t size = rounded(bytes);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, size, MADV_HUGEPAGE);
	if (node >= 0 && numa_available() >= 0)
		numa_tonode_memory(p, size, node);
	if (touch && madvise(p, size, MADV_POPULATE_WRITE) < 0)
		memset(p, 0, size);
	return p;
}

void
memory_unmap(void *memory, size_t bytes)
{
	if (memory)
		munmap(memory, rounded(bytes));
}
