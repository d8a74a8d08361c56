/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over files and folders, as a plain test of compilers without libFuzzer. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long inputs;

/* Each input is copied to a block of its exact size, so that reading past its end is seen. */
static int
run_file(const char *path, size_t size)
{
	FILE *in = fopen(path, "rb");
	uint8_t *data = malloc(size ? size : 1);
	int err = 0;

	if (!in || !data || fread(data, 1, size, in) != size)
		err = errno ? -errno : -EIO;
	else
		LLVMFuzzerTestOneInput(data, size);
	if (in)
		fclose(in);
	free(data);
	inputs++;
	return err;
}

static int
run_path(const char *path)
{
	struct dirent **entry;
	struct stat st;
	char *child;
	int i, n, err = 0;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return run_file(path, (size_t)st.st_size);
	n = scandir(path, &entry, NULL, alphasort);
	for (i = 0; i < n; i++) {
		if (entry[i]->d_name[0] != '.' && err == 0) {
			if (asprintf(&child, "%s/%s", path, entry[i]->d_name) < 0)
				abort();
			err = run_path(child);
			free(child);
		}
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	return n < 0 ? -errno : err;
}

int
main(int argc, char **argv)
{
	int i, err;

	for (i = 1; i < argc; i++) {
		err = run_path(argv[i]);
		if (err < 0) {
			fprintf(stderr, "'%s': %s\n", argv[i], strerror(-err));
			return 1;
		}
	}
	if (inputs == 0) {
		fprintf(stderr, "no input: give the files or folders of a corpus\n");
		return 1;
	}
	printf("%lu inputs\n", inputs);
	return 0;
}
