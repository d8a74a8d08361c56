/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What track makes of a capture: track_replay FILE SERVER_PORT prints the counters of both legs, for the comparison
 * with what the kernel at the ends says (`nstat`, `ss -ti`). Little-endian pcap of Ethernet, microseconds.
 */
#include "parse.h"
#include "track.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOWS 65536u

struct seen {
	struct flow_key key; /* from the client's side */
	struct track track;
	bool in_use;
};

static struct seen table[FLOWS];
static struct endpoint_counters counters;

static struct flow_key
reverse_of(const struct flow_key *k)
{
	struct flow_key r = *k;

	r.src = k->dst;
	r.dst = k->src;
	r.src_port_be = k->dst_port_be;
	r.dst_port_be = k->src_port_be;
	return r;
}

static struct seen *
find(const struct flow_key *key)
{
	uint32_t i, h = (uint32_t)(key->src.q[1] >> 32) * 31 + key->src_port_be * 2654435761u;

	for (i = 0; i < FLOWS; i++) {
		struct seen *s = &table[(h + i) % FLOWS];

		if (!s->in_use || memcmp(&s->key, key, sizeof(*key)) == 0)
			return s;
	}
	fprintf(stderr, "track_replay: more than %u flows\n", FLOWS);
	exit(1);
}

static void
client_packet(const struct flow_key *key, const struct track_packet *p, struct track_time now)
{
	struct seen *s = find(key);
	bool syn = (p->tcp_flags & 0x12) == 0x02;

	if (s->in_use && p->protocol == IPPROTO_TCP && track_is_reuse(&s->track, p)) {
		track_end(&s->track, p->protocol, &counters);
		s->in_use = false;
	}
	if (!s->in_use) {
		*s = (struct seen){.key = *key, .in_use = true};
		track_begin(&s->track, p->protocol, !syn, now, &counters);
	}
	track_from_client(&s->track, p, now, &counters);
}

static void
frame(const uint8_t *data, uint32_t len, uint64_t us, uint16_t port_be)
{
	struct track_time now = {.ms = (uint32_t)(us / 1000), .us = (uint32_t)us};
	struct flow_key key, reverse;
	struct track_packet t;
	struct packet p;
	struct seen *s;

	if (parse_frame(data, len, &p) != PARSE_SEGMENT)
		return;
	memset(&key, 0, sizeof(key));
	parse_key(data, &p, &key);
	t = (struct track_packet){.protocol = p.protocol,
			.tcp_flags = p.tcp_flags,
			.window = p.window,
			.seq = p.seq,
			.ack = p.ack,
			.payload_len = p.payload_len,
			.frame_len = len};
	if (key.dst_port_be == port_be) {
		client_packet(&key, &t, now);
		return;
	}
	reverse = reverse_of(&key);
	s = find(&reverse);
	if (s->in_use)
		track_from_server(&s->track, &t, now, &counters);
}

static void
print_legs(void)
{
	struct leg_counters server, client;

	leg_read(&counters, LEG_SERVER, &server);
	leg_read(&counters, LEG_CLIENT, &client);
	printf("%-20s %12s %12s\n", "", "server", "client");
#define X(name, text) printf("%-20s %12lu %12lu\n", #name, server.name, client.name);
	LEG_COUNTER_LIST(X)
#undef X
}

int
main(int argc, char **argv)
{
	static uint8_t data[65536];
	uint32_t record[4], i;
	FILE *f = argc == 3 ? fopen(argv[1], "re") : NULL;

	if (!f || fseek(f, 24, SEEK_SET) < 0) {
		fprintf(stderr, "usage: track_replay FILE SERVER_PORT\n");
		return 1;
	}
	while (fread(record, sizeof(record), 1, f) == 1 && record[2] <= sizeof(data) &&
			fread(data, 1, record[2], f) == record[2])
		frame(data, record[2], record[0] * 1000000ull + record[1],
				htons((uint16_t)atoi(argv[2])));
	fclose(f);
	for (i = 0; i < FLOWS; i++)
		if (table[i].in_use)
			track_end(&table[i].track, table[i].key.protocol, &counters);
	print_legs();
	return 0;
}
