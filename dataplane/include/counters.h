/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the forwarding cores count. Every struct here has one writer, its lcore; any other thread may
 * read it at any time with counter_read() and takes differences: nothing is ever reset.
 */
#pragma once

#include <stdint.h>

/* How the life of a received packet can end other than by being sent. X(name, text)
 * Every received packet is either sent, or counted under exactly one of these:
 *     received = forwarded + the sum over all of these
 * The first group are no faults: the packet did its job without leaving again. */
#define PACKET_END_LIST(X)                                                                       \
	X(punted, "given to the control thread: ARP, ND, echo, our own addresses, the kernel's") \
	X(not_ours, "neither to a service nor a reply: not for the gateway")                     \
	X(shadow_reply, "a shadow's answer to a mirrored request: counted, never forwarded")     \
	X(fragment_held, "an IP fragment that became part of a reassembled packet")              \
	X(short_frame, "frame shorter than its headers")                                         \
	X(vlan_unknown, "VLAN tag, or its absence, that no port is configured for")              \
	X(bad_ip_header, "bad version, header length or header checksum")                        \
	X(bad_ip_length, "IP length beyond the frame")                                           \
	X(bad_ip_source,                                                                         \
			"source address that cannot be a source: multicast, loopback, the "      \
			"destination itself")                                                    \
	X(bad_ipv6_extension,                                                                    \
			"IPv6 extension headers that are malformed, too many or not allowed")    \
	X(bad_l4_header, "TCP or UDP header malformed, or longer than the packet")               \
	X(bad_tcp_flags, "TCP flags that no stack sends together")                               \
	X(bad_icmp, "ICMP error whose inner packet is malformed or not ours")                    \
	X(bad_fragment, "fragments that overlap or exceed the size of a packet")                 \
	X(fragment_timeout, "fragments whose packet never became complete")                      \
	X(fragment_limit, "fragments beyond the table's limit")                                  \
	X(ttl_expired, "TTL or hop limit ran out here")                                          \
	X(too_big, "larger than the next hop's MTU and not to be fragmented")                    \
	X(no_endpoint, "no endpoint of the service can take a new flow")                         \
	X(no_flow, "a TCP segment in mid-stream, or a reply, that belongs to no flow")           \
	X(flow_limit, "flow table full")                                                         \
	X(no_local_port, "no local address and port has rested long enough")                     \
	X(reply_collision, "a nat flow whose replies could not be told from another's")          \
	X(no_neighbour, "the next hop's link-layer address is not known")                        \
	X(endpoint_gone, "flow whose endpoint left: the flow ended")                             \
	X(protocol_unknown, "a protocol that a service address does not serve")                  \
	X(handover_full, "ring to the owning lcore full")                                        \
	X(punt_full, "ring to the control thread full")                                          \
	X(no_mbuf, "no buffer for a packet that had to be made")                                 \
	X(tx_full, "the port's transmit queue did not take it")

enum packet_end {
#define X(name, text) END_##name,
	PACKET_END_LIST(X)
#undef X
	PACKET_END_COUNT
};

/* Other counters of an lcore. X(name, text) */
#define LCORE_COUNTER_LIST(X)                                                                    \
	X(received, "packets received from ports")                                               \
	X(received_bytes, "bytes received from ports")                                           \
	X(forwarded, "received packets sent on to a client or an endpoint")                      \
	X(forwarded_bytes, "bytes of these")                                                     \
	X(generated,                                                                             \
			"packets made here and sent: resets, ICMP errors, fragments beyond the " \
			"first")                                                                 \
	X(injected, "packets of the control thread sent")                                        \
	X(mirrored, "copies sent to shadows")                                                    \
	X(mirrored_bytes, "bytes of these")                                                      \
	X(mirror_wanted, "copies that the mirror settings asked for")                            \
	X(mirror_over_budget, "copies not made: token bucket empty")                             \
	X(mirror_no_buffer, "copies not made: no buffer or no local port")                       \
	X(mirror_too_big, "copies not made: larger than the shadow's next hop takes")            \
	X(mirror_shadow_down, "copies not made: shadow down or its neighbour unknown")           \
	X(mirror_tx_full, "copies made and not sent: transmit queue full")                       \
	X(handed_over_out, "packets given to the lcore that owns the flow")                      \
	X(handed_over_in, "packets taken from other lcores")                                     \
	X(reassembled, "packets put together from fragments")                                    \
	X(fragmented, "packets sent in fragments")                                               \
	X(flows_created, "flows created")                                                        \
	X(flows_expired, "flows ended by a timeout")                                             \
	X(flows_closed, "flows ended by FIN, RST or their answer (per_request)")                 \
	X(flows_reset, "flows ended because their endpoint went down or left")                   \
	X(flows_moved, "UDP flows decided anew because their endpoint went down")                \
	X(flows_adopted, "flows adopted in mid-stream")                                          \
	X(flows_evicted, "half-open flows ended early because the table was nearly full")        \
	X(polls, "polls of the receive queues")                                                  \
	X(polls_empty, "polls that found nothing")                                               \
	X(cycles_busy, "TSC cycles in iterations that found packets")                            \
	X(cycles_idle, "TSC cycles in iterations that found none")                               \
	X(views_seen, "tables taken into use")                                                   \
	X(events_lost, "events not told to the control thread: ring full")

struct lcore_counters {
#define X(name, text) uint64_t name;
	LCORE_COUNTER_LIST(X)
#undef X
	uint64_t end[PACKET_END_COUNT];
	uint64_t view_generation; /* of the newest view seen */
} __attribute__((aligned(64)));

/* The sides of a flow that are measured apart, for each endpoint. */
enum leg {
	LEG_SERVER, /* gateway <-> endpoint that serves the flow */
	LEG_CLIENT, /* gateway <-> clients of the flows that this endpoint serves */
	LEG_SHADOW, /* gateway <-> endpoint that gets copies */
	LEG_COUNT
};

/* What is counted for each leg of each endpoint. "to": sent by the gateway on this leg; "from": received
 * from its far end. Times in microseconds. X(name, text) */
#define LEG_COUNTER_LIST(X)                                                                        \
	X(flows_new, "flows begun")                                                                \
	X(flows_closed, "flows ended, for whatever reason")                                        \
	X(packets_to, "packets to the far end")                                                    \
	X(bytes_to, "bytes to the far end, Ethernet header included")                              \
	X(packets_from, "packets from the far end")                                                \
	X(bytes_from, "bytes from the far end")                                                    \
	X(handshakes, "TCP: SYN answered by SYN-ACK; client leg: SYN-ACK answered by ACK")         \
	X(handshake_us, "sum of the times these took, from the first SYN")                         \
	X(connects_refused, "TCP: SYN answered by a reset")                                        \
	X(connects_unanswered, "TCP: half-open flow that timed out without any answer")            \
	X(requests,                                                                                \
			"requests begun: UDP datagrams; TCP: first data towards the server after " \
			"data from it")                                                            \
	X(replies, "requests of which the first byte of the reply came")                           \
	X(replies_timed,                                                                           \
			"of replies, those whose time is known: all but some of overlapping UDP "  \
			"requests")                                                                \
	X(reply_us, "sum of these times, from request to first byte of reply")                     \
	X(jitter_us,                                                                               \
			"sum of |difference| between consecutive timed replies of the endpoint "   \
			"(RFC 3550, 6.4.1)")                                                       \
	X(unanswered, "requests given up without a reply")                                         \
	X(segments_to, "TCP segments with data, SYN or FIN to the far end")                        \
	X(segments_from, "TCP segments with data, SYN or FIN from the far end")                    \
	X(retransmitted_to,                                                                        \
			"of segments_to, those sent before: lost beyond the gateway on this leg")  \
	X(retransmitted_from, "of segments_from, those seen before: lost on the other leg")        \
	X(gaps_from,                                                                               \
			"TCP segments missing from the far end, by the holes in its numbers: "     \
			"lost before the gateway")                                                 \
	X(resets_from, "TCP resets from the far end")                                              \
	X(zero_windows_from, "TCP segments from the far end that close its window")                \
	X(unreachable, "ICMP unreachable about packets to the far end")                            \
	X(replies_failed,                                                                          \
			"of replies, those that say that the server failed, where the service "    \
			"says what they look like (replies)")                                      \
	X(answers_same, "shadow leg: copies answered as the primary answered, byte for byte")      \
	X(answers_different, "shadow leg: copies answered otherwise")

struct leg_counters {
#define X(name, text) uint64_t name;
	LEG_COUNTER_LIST(X)
#undef X
} __attribute__((aligned(64)));

/* Histogram of times in microseconds: exact below 4 us, then four buckets per octave to 2^32 us, so a
 * bucket's width is at most 25 % of its value. Counts wrap; readers take differences mod 2^32. */
#define HISTOGRAM_BUCKETS 128

struct histogram {
	uint32_t count[HISTOGRAM_BUCKETS];
};

static inline uint32_t
histogram_bucket(uint32_t us)
{
	uint32_t log2;

	if (us < 4)
		return us;
	log2 = 31u - (uint32_t)__builtin_clz(us);
	return (log2 - 1) * 4 + ((us >> (log2 - 2)) & 3);
}

/* Smallest value of a bucket, in microseconds. histogram_bucket(histogram_lower(i)) == i for i < 124. */
static inline uint64_t
histogram_lower(uint32_t bucket)
{
	if (bucket < 4)
		return bucket;
	return (uint64_t)(4 + (bucket & 3)) << (bucket / 4 - 1);
}

enum leg_histogram {
	HISTOGRAM_HANDSHAKE,
	HISTOGRAM_REPLY,
	HISTOGRAM_COUNT
};

/* All that one lcore keeps for one endpoint. What LEG_CLIENT has in common with LEG_SERVER (flows, packets,
 * bytes, segments, retransmissions: what came from one went to the other) is counted on LEG_SERVER alone:
 * read legs with leg_read(). */
struct endpoint_counters {
	struct leg_counters leg[LEG_COUNT];
	struct histogram histogram[LEG_COUNT][HISTOGRAM_COUNT];
	uint32_t last_reply_us[LEG_COUNT]; /* for jitter; the lcore's own */
};

/* One logical port, as one lcore counts it. */
struct port_counters {
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t tx_full;
} __attribute__((aligned(64)));

/* A single-writer counter: a plain add for the writer that another thread may read whole. */
static inline void
counter_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline uint64_t
counter_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* How many there are of something: up and down, by one writer, read like a counter. */
static inline void
gauge_add(uint32_t *gauge, int32_t n)
{
	__atomic_store_n(gauge, *gauge + (uint32_t)n, __ATOMIC_RELAXED);
}

static inline void
histogram_add(struct histogram *h, uint32_t us)
{
	uint32_t *c = &h->count[histogram_bucket(us)];

	__atomic_store_n(c, *c + 1, __ATOMIC_RELAXED);
}

/* One leg as another thread may see it, LEG_CLIENT completed from LEG_SERVER. */
void leg_read(const struct endpoint_counters *c, enum leg leg, struct leg_counters *out);

/* Names and explanations of the above, in the order of the lists; they are the names that the API, the
 * telemetry and /metrics use. */
const char *packet_end_name(enum packet_end e);
const char *packet_end_text(enum packet_end e);
