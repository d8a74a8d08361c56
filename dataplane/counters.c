/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

static const char *const names[] = {
#define X(name, text) #name,
		PACKET_END_LIST(X)
#undef X
};

static const char *const texts[] = {
#define X(name, text) text,
		PACKET_END_LIST(X)
#undef X
};

const char *
packet_end_name(enum packet_end e)
{
	return names[e];
}

const char *
packet_end_text(enum packet_end e)
{
	return texts[e];
}

static void
mirror_of_server(const struct leg_counters *server, struct leg_counters *client)
{
	client->flows_new = counter_read(&server->flows_new);
	client->flows_closed = counter_read(&server->flows_closed);
	client->packets_to = counter_read(&server->packets_from);
	client->packets_from = counter_read(&server->packets_to);
	client->bytes_to = counter_read(&server->bytes_from);
	client->bytes_from = counter_read(&server->bytes_to);
	client->segments_to = counter_read(&server->segments_from);
	client->segments_from = counter_read(&server->segments_to);
	client->retransmitted_to = counter_read(&server->retransmitted_from);
	client->retransmitted_from = counter_read(&server->retransmitted_to);
}

void
leg_read(const struct endpoint_counters *c, enum leg leg, struct leg_counters *out)
{
	const struct leg_counters *l = &c->leg[leg];

#define X(name, text) out->name = counter_read(&l->name);
	LEG_COUNTER_LIST(X)
#undef X
	if (leg == LEG_CLIENT)
		mirror_of_server(&c->leg[LEG_SERVER], out);
}
