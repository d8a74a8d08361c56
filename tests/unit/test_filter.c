/* SPDX-License-Identifier: Apache-2.0 */
/* The filter's ladder, run by the kernel (BPF_PROG_TEST_RUN) on hand-built frames, with maps filled from a
 * configuration. */
#include "filter_hook.h"
#include "filter_set.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char configuration[] =
		"gateway: {lcores: [1], main_lcore: 0}\n"
		"ports:\n"
		"  - {name: lan, device: 'net_af_xdp0,iface=usf0', addresses: [10.0.0.2/24, "
		"'fd00::2/64'], "
		"gateways: [10.0.0.1, 'fd00::1']}\n"
		"local_addresses: [10.0.0.3, 'fd00::3']\n"
		"services:\n"
		"  - name: web\n"
		"    address: 10.0.0.100\n"
		"    protocol: tcp\n"
		"    port: 80\n"
		"    forward: fullnat\n"
		"    endpoints: [{name: w1, address: 10.0.0.11, port: 8080}]\n"
		"  - name: dns\n"
		"    address: 10.0.0.101\n"
		"    protocol: udp\n"
		"    port: 53\n"
		"    forward: nat\n"
		"    endpoints: [{name: d1, address: 10.0.0.12}]\n"
		"  - name: game\n"
		"    address: 10.0.0.101\n"
		"    protocol: udp\n"
		"    port: 5000-5010\n"
		"    forward: nat\n"
		"    endpoints: [{name: g1, address: 10.0.0.13}]\n"
		"  - name: web6\n"
		"    address: 'fd00::100'\n"
		"    protocol: tcp\n"
		"    port: 80\n"
		"    forward: nat\n"
		"    endpoints: [{name: w6, address: 'fd00::11', port: 8080}]\n";

enum frame_kind {
	IP,
	ARP,
	OTHER,
};

/* Addresses as text; IPv6 if they hold a colon. */
struct ip_part {
	const char *src, *dst;
	uint8_t protocol;
	uint16_t sport, dport;
	uint16_t fragment; /* IPv4: the field; IPv6: a fragment header with it, unless 0 */
	uint8_t options; /* IPv4: words of options; IPv6: hop-by-hop headers */
	uint8_t type; /* ICMP */
	const char *target; /* ND */
};

struct frame_case {
	const char *name;
	enum frame_kind kind;
	unsigned vlans;
	struct ip_part outer,
			inner; /* ARP: src and dst are the sender's and the target's address */
	size_t cut; /* length of the frame, unless 0 */
	enum filter_verdict verdict;
};

struct frame {
	uint8_t b[400];
	size_t len;
};

static bool unprivileged; /* no CAP_BPF: what runs the programs is skipped */
static struct filter_hook xdp = {.kind = FILTER_HOOK_XDP}, tc = {.kind = FILTER_HOOK_TC};

static void
put(struct frame *f, const void *bytes, size_t len)
{
	assert_true(f->len + len <= sizeof(f->b));
	memcpy(f->b + f->len, bytes, len);
	f->len += len;
}

static void
put16(struct frame *f, uint16_t v)
{
	v = htons(v);
	put(f, &v, sizeof(v));
}

static void
put_address(struct frame *f, const char *text)
{
	uint8_t b[16];
	bool v6 = strchr(text, ':') != NULL;

	assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, text, b), 1);
	put(f, b, v6 ? 16 : 4);
}

static void
put_ipv4(struct frame *f, const struct ip_part *p)
{
	static const uint8_t zero[64];
	uint8_t head[2] = {(uint8_t)(0x45 + p->options), 0}, ttl[2] = {64, p->protocol};

	put(f, head, 2);
	put16(f, 100);
	put16(f, 1);
	put16(f, p->fragment);
	put(f, ttl, 2);
	put16(f, 0);
	put_address(f, p->src);
	put_address(f, p->dst);
	put(f, zero, p->options * 4u);
}

static void
put_ipv6(struct frame *f, const struct ip_part *p)
{
	uint8_t last = p->fragment != 0 ? 44 : p->protocol;
	uint8_t head[8] = {0x60, 0, 0, 0, 0, 100, p->options > 0 ? 0 : last, 64};

	put(f, head, sizeof(head));
	put_address(f, p->src);
	put_address(f, p->dst);
	for (unsigned i = p->options; i > 0; i--) {
		uint8_t hop[8] = {i > 1 ? 0 : last};

		put(f, hop, sizeof(hop));
	}
	if (p->fragment != 0) {
		uint8_t fragment[8] = {p->protocol, 0, p->fragment >> 8, p->fragment & 0xff};

		put(f, fragment, sizeof(fragment));
	}
}

static void
put_l4(struct frame *f, const struct ip_part *p)
{
	static const uint8_t zero[16];
	uint8_t icmp[8] = {p->type};

	if (p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6) {
		put(f, icmp, sizeof(icmp));
		if (p->target != NULL)
			put_address(f, p->target);
		return;
	}
	put16(f, p->sport);
	put16(f, p->dport);
	put(f, zero, sizeof(zero));
}

static void
put_ip(struct frame *f, const struct ip_part *p)
{
	if (strchr(p->src, ':') != NULL)
		put_ipv6(f, p);
	else
		put_ipv4(f, p);
	put_l4(f, p);
}

static void
put_arp(struct frame *f, const struct ip_part *p)
{
	static const uint8_t head[8] = {0, 1, 8, 0, 6, 4, 0, 1}, mac[6];

	put(f, head, sizeof(head));
	put(f, mac, sizeof(mac));
	put_address(f, p->src);
	put(f, mac, sizeof(mac));
	put_address(f, p->dst);
}

static uint16_t
ether_type(const struct frame_case *c)
{
	if (c->kind == ARP)
		return 0x0806;
	if (c->kind == OTHER)
		return 0x88cc;
	return strchr(c->outer.src, ':') != NULL ? 0x86dd : 0x0800;
}

static void
build(struct frame *f, const struct frame_case *c)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, zero[64];

	f->len = 0;
	put(f, macs, sizeof(macs));
	for (unsigned i = 0; i < c->vlans; i++) {
		put16(f, i == 0 && c->vlans > 1 ? 0x88a8 : 0x8100);
		put16(f, 100 + i);
	}
	put16(f, ether_type(c));
	if (c->kind == ARP)
		put_arp(f, &c->outer);
	if (c->kind == IP)
		put_ip(f, &c->outer);
	if (c->inner.src != NULL)
		put_ip(f, &c->inner);
	if (c->kind == OTHER)
		put(f, zero, 46);
	if (c->cut != 0)
		f->len = c->cut;
}

#define TCP IPPROTO_TCP
#define UDP IPPROTO_UDP
#define ICMP IPPROTO_ICMP
#define ICMP6 IPPROTO_ICMPV6
#define CLIENT "192.0.2.7"
#define CLIENT6 "2001:db8::7"

static const struct frame_case cases[] = {
		{"LLDP is the kernel's", OTHER, .verdict = FILTER_kernel_other},
		{"a request for a service address is ours", ARP,
				.outer = {"10.0.0.1", "10.0.0.100"}, .verdict = FILTER_gateway_arp},
		{"a request for our own address is ours", ARP, .outer = {"10.0.0.1", "10.0.0.2"},
				.verdict = FILTER_gateway_arp},
		{"a request for a local address is ours", ARP, .outer = {"10.0.0.1", "10.0.0.3"},
				.verdict = FILTER_gateway_arp},
		{"a request for the host's address is the kernel's", ARP,
				.outer = {"10.0.0.1", "10.0.0.9"}, .verdict = FILTER_kernel_arp},
		{"ARP with a VLAN tag is read", ARP, .vlans = 1, .outer = {"10.0.0.1", "10.0.0.2"},
				.verdict = FILTER_gateway_arp},
		{"ARP cut short is the kernel's", ARP, .outer = {"10.0.0.1", "10.0.0.2"}, .cut = 41,
				.verdict = FILTER_kernel_malformed},
		{"TCP to a service is ours", IP, .outer = {CLIENT, "10.0.0.100", TCP, 4000, 80},
				.verdict = FILTER_gateway_address},
		{"TCP to another port of a service address is ours", IP,
				.outer = {CLIENT, "10.0.0.100", TCP, 4000, 22},
				.verdict = FILTER_gateway_address},
		{"an answer to a local address is ours", IP,
				.outer = {"10.0.0.11", "10.0.0.3", TCP, 8080, 1024},
				.verdict = FILTER_gateway_address},
		{"an echo request to our own address is ours", IP,
				.outer = {CLIENT, "10.0.0.2", ICMP, .type = 8},
				.verdict = FILTER_gateway_address},
		{"SSH to the host is the kernel's", IP,
				.outer = {CLIENT, "10.0.0.9", TCP, 4000, 22},
				.verdict = FILTER_kernel_host},
		{"a nat endpoint talking to the host is the kernel's", IP,
				.outer = {"10.0.0.12", "10.0.0.9", UDP, 53, 4000},
				.verdict = FILTER_kernel_host},
		{"options are skipped", IP,
				.outer = {"10.0.0.12", CLIENT, UDP, 53, 4000, .options = 10},
				.verdict = FILTER_gateway_endpoint},
		{"two VLAN tags are read", IP, .vlans = 2,
				.outer = {CLIENT, "10.0.0.100", TCP, 4000, 80},
				.verdict = FILTER_gateway_address},
		{"three VLAN tags are the kernel's", IP, .vlans = 3,
				.outer = {CLIENT, "10.0.0.100", TCP, 4000, 80},
				.verdict = FILTER_kernel_other},
		{"a nat endpoint's reply is ours", IP,
				.outer = {"10.0.0.12", CLIENT, UDP, 53, 4000},
				.verdict = FILTER_gateway_endpoint},
		{"a nat endpoint's other port is the kernel's", IP,
				.outer = {"10.0.0.12", CLIENT, UDP, 54, 4000},
				.verdict = FILTER_kernel_ip},
		{"a nat endpoint's other protocol is the kernel's", IP,
				.outer = {"10.0.0.12", CLIENT, TCP, 53, 4000},
				.verdict = FILTER_kernel_ip},
		{"a fullnat endpoint's other traffic is the kernel's", IP,
				.outer = {"10.0.0.11", CLIENT, TCP, 8080, 4000},
				.verdict = FILTER_kernel_ip},
		{"the first port of a range is ours", IP,
				.outer = {"10.0.0.13", CLIENT, UDP, 5000, 4000},
				.verdict = FILTER_gateway_endpoint},
		{"the last port of a range is ours", IP,
				.outer = {"10.0.0.13", CLIENT, UDP, 5010, 4000},
				.verdict = FILTER_gateway_endpoint},
		{"the port past a range is the kernel's", IP,
				.outer = {"10.0.0.13", CLIENT, UDP, 5011, 4000},
				.verdict = FILTER_kernel_ip},
		{"a first fragment from a nat endpoint is ours", IP,
				.outer = {"10.0.0.12", CLIENT, UDP, 53, 4000, .fragment = 0x2000},
				.verdict = FILTER_gateway_fragment},
		{"a later fragment from a nat endpoint is ours", IP,
				.outer = {"10.0.0.12", CLIENT, UDP, 0, 0, .fragment = 0x00b9},
				.verdict = FILTER_gateway_fragment},
		{"a fragment of another protocol is the kernel's", IP,
				.outer = {"10.0.0.12", CLIENT, TCP, 0, 0, .fragment = 0x00b9},
				.verdict = FILTER_kernel_ip},
		{"don't-fragment is no fragment", IP,
				.outer = {"10.0.0.12", CLIENT, UDP, 54, 4000, .fragment = 0x4000},
				.verdict = FILTER_kernel_ip},
		{"an error about a packet to a nat endpoint is ours", IP,
				.outer = {"10.0.0.1", CLIENT, ICMP, .type = 3},
				.inner = {CLIENT, "10.0.0.12", UDP, 4000, 53},
				.verdict = FILTER_gateway_icmp},
		{"an error about a packet from our local address is ours", IP,
				.outer = {"10.0.0.1", CLIENT, ICMP, .type = 11},
				.inner = {"10.0.0.3", "10.0.0.11", TCP, 1024, 8080},
				.verdict = FILTER_gateway_icmp},
		{"an error about another packet is the kernel's", IP,
				.outer = {"10.0.0.1", CLIENT, ICMP, .type = 3},
				.inner = {CLIENT, "10.0.0.12", UDP, 4000, 54},
				.verdict = FILTER_kernel_ip},
		{"an echo is no error", IP, .outer = {"10.0.0.1", CLIENT, ICMP, .type = 8},
				.inner = {CLIENT, "10.0.0.12", UDP, 4000, 53},
				.verdict = FILTER_kernel_ip},
		{"IPv4 without ports is the kernel's", IP,
				.outer = {CLIENT, "198.51.100.1", TCP, 1, 2}, .cut = 36,
				.verdict = FILTER_kernel_malformed},
		{"a header cut short is the kernel's", IP,
				.outer = {CLIENT, "10.0.0.100", TCP, 1, 2}, .cut = 33,
				.verdict = FILTER_kernel_malformed},
		{"GRE through us is the kernel's", IP, .outer = {CLIENT, "198.51.100.1", 47, 1, 2},
				.verdict = FILTER_kernel_ip},
		{"IPv6 to a service is ours", IP, .outer = {CLIENT6, "fd00::100", TCP, 4000, 80},
				.verdict = FILTER_gateway_address},
		{"IPv6 to a local address is ours", IP,
				.outer = {"fd00::11", "fd00::3", TCP, 80, 4000},
				.verdict = FILTER_gateway_address},
		{"IPv6 to the host is the kernel's", IP,
				.outer = {CLIENT6, "fd00::9", TCP, 4000, 22},
				.verdict = FILTER_kernel_host},
		{"an IPv6 nat endpoint's reply is ours", IP,
				.outer = {"fd00::11", CLIENT6, TCP, 8080, 4000},
				.verdict = FILTER_gateway_endpoint},
		{"an IPv6 nat endpoint's other port is the kernel's", IP,
				.outer = {"fd00::11", CLIENT6, TCP, 22, 4000},
				.verdict = FILTER_kernel_ip},
		{"two extension headers are skipped", IP,
				.outer = {"fd00::11", CLIENT6, TCP, 8080, 4000, .options = 2},
				.verdict = FILTER_gateway_endpoint},
		{"seven extension headers are too many", IP,
				.outer = {"fd00::11", CLIENT6, TCP, 8080, 4000, .options = 7},
				.verdict = FILTER_kernel_malformed},
		{"an IPv6 fragment from a nat endpoint is ours", IP,
				.outer = {"fd00::11", CLIENT6, TCP, 0, 0, .fragment = 0x0100},
				.verdict = FILTER_gateway_fragment},
		{"an IPv6 fragment from elsewhere is the kernel's", IP,
				.outer = {"fd00::12", CLIENT6, TCP, 0, 0, .fragment = 0x0100},
				.verdict = FILTER_kernel_ip},
		{"a solicitation for a service address is ours", IP,
				.outer = {"fd00::1", "ff02::1:ff00:100", ICMP6, .type = 135,
						.target = "fd00::100"},
				.verdict = FILTER_gateway_discovery},
		{"a solicitation for the host is the kernel's", IP,
				.outer = {"fd00::1", "ff02::1:ff00:9", ICMP6, .type = 135,
						.target = "fd00::9"},
				.verdict = FILTER_kernel_ip},
		{"an advertisement to our own address is ours", IP,
				.outer = {"fd00::11", "fd00::2", ICMP6, .type = 136,
						.target = "fd00::11"},
				.verdict = FILTER_gateway_address},
		{"an advertisement to all is the kernel's", IP,
				.outer = {"fd00::11", "ff02::1", ICMP6, .type = 136,
						.target = "fd00::11"},
				.verdict = FILTER_kernel_ip},
		{"an IPv6 error about a packet to a nat endpoint is ours", IP,
				.outer = {"fd00::1", CLIENT6, ICMP6, .type = 2},
				.inner = {CLIENT6, "fd00::11", TCP, 4000, 8080},
				.verdict = FILTER_gateway_icmp},
		{"a router advertisement is the kernel's", IP,
				.outer = {"fe80::1", "ff02::1", ICMP6, .type = 134},
				.verdict = FILTER_kernel_ip},
};

static void
fill_maps(const struct filter_set *s)
{
	for (size_t i = 0; i < s->address_count; i++)
		assert_int_equal(bpf_map_update_elem(xdp.addresses, &s->address[i].key,
						 &s->address[i].flags, 0),
				0);
	for (size_t i = 0; i < s->endpoint_count; i++)
		assert_int_equal(bpf_map_update_elem(xdp.endpoints, &s->endpoint[i].key,
						 &s->endpoint[i].ports, 0),
				0);
}

static void
fill_host(const char *text)
{
	struct ip_addr a;
	uint32_t flags = FILTER_HOST;

	assert_int_equal(ip_parse(text, &a), 0);
	assert_int_equal(bpf_map_update_elem(xdp.addresses, a.b, &flags, 0), 0);
}

static struct registry *
make_registry(void)
{
	struct config_errors errors = {0};
	struct config *config =
			config_parse(configuration, sizeof(configuration) - 1, "test", &errors);

	if (config == NULL)
		fail_msg("%s", errors.count > 0 ? errors.line[0] : "no reason");
	config_errors_free(&errors);
	return registry_create(config, 1);
}

static int
set_up(void **state)
{
	struct registry *r = make_registry();
	struct filter_set set = {0};
	char error[600];
	int ret = filter_hook_load(&xdp, NULL, error, sizeof(error));

	if (ret == 0)
		ret = filter_hook_load(&tc, &xdp, error, sizeof(error));
	if (ret < 0) {
		print_message("# %s\n", error);
		registry_free(r);
		unprivileged = ret == -EPERM || ret == -EACCES;
		return unprivileged ? 0 : -1;
	}
	assert_int_equal(filter_set_add_registry(&set, r), 0);
	filter_set_sort(&set);
	fill_maps(&set);
	fill_host("10.0.0.9");
	fill_host("fd00::9");
	filter_set_fini(&set);
	registry_free(r);
	return 0;
}

static int
tear_down(void **state)
{
	filter_hook_close(&tc);
	filter_hook_close(&xdp);
	return 0;
}

/* Runs the frame; what the program returned. The verdict is the counter that moved. */
static int
run(const struct filter_hook *h, const char *program, struct frame *f, enum filter_verdict *verdict)
{
	uint64_t before[FILTER_VERDICT_COUNT], after[FILTER_VERDICT_COUNT];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->b, .data_size_in = (uint32_t)f->len,
			.repeat = 1);
	int fd = bpf_program__fd(bpf_object__find_program_by_name(h->object, program));

	assert_int_equal(filter_hook_verdicts(h, before), 0);
	assert_int_equal(bpf_prog_test_run_opts(fd, &opts), 0);
	assert_int_equal(filter_hook_verdicts(h, after), 0);
	*verdict = FILTER_VERDICT_COUNT;
	for (int v = 0; v < FILTER_no_socket; v++)
		if (after[v] == before[v] + 1)
			*verdict = v;
	if (h->kind == FILTER_HOOK_XDP)
		assert_int_equal(after[FILTER_no_socket] - before[FILTER_no_socket],
				*verdict >= FILTER_FIRST_GATEWAY);
	return (int)opts.retval;
}

static void
each_frame_gets_its_verdict_from_xdp(void **state)
{
	if (unprivileged)
		skip();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum filter_verdict verdict;
		struct frame f;

		build(&f, &cases[i]);
		/* Without a socket, ours go to the kernel too. */
		assert_int_equal(run(&xdp, "xsk_def_prog", &f, &verdict), XDP_PASS);
		if (verdict != cases[i].verdict)
			fail_msg("%s: verdict %d, not %d", cases[i].name, verdict,
					cases[i].verdict);
	}
}

static void
each_frame_gets_its_verdict_from_tc(void **state)
{
	if (unprivileged)
		skip();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum filter_verdict verdict;
		struct frame f;
		int action;

		if (cases[i].cut != 0) /* the kernel's test run refuses such an skb */
			continue;
		build(&f, &cases[i]);
		action = run(&tc, "filter_tc", &f, &verdict);
		if (verdict != cases[i].verdict)
			fail_msg("%s: verdict %d, not %d", cases[i].name, verdict,
					cases[i].verdict);
		assert_int_equal(action, verdict >= FILTER_FIRST_GATEWAY ? TC_ACT_SHOT : TC_ACT_OK);
	}
}

static void
every_cut_of_a_frame_is_survived(void **state)
{
	if (unprivileged)
		skip();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum filter_verdict verdict;
		struct frame f;

		build(&f, &cases[i]);
		for (; f.len >= 14; f.len--) {
			run(&xdp, "xsk_def_prog", &f, &verdict);
			assert_true(verdict < FILTER_no_socket);
		}
	}
}

static void
ranges_of_one_endpoint_become_their_hull(void **state)
{
	struct filter_set s = {0};
	struct filter_endpoint key = {
			.protocol = UDP, .address.b = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 13}};
	struct registry *r = make_registry();
	const struct filter_set_endpoint *e;

	assert_int_equal(filter_set_add_registry(&s, r), 0);
	s.endpoint[1].ports.first = 5000;
	filter_set_sort(&s);
	e = filter_set_endpoint_or_null(&s, &key);
	assert_non_null(e);
	assert_int_equal(e->ports.first, 5000);
	assert_int_equal(e->ports.last, 5010);
	key.port = htons(5000);
	assert_null(filter_set_endpoint_or_null(&s, &key));
	filter_set_fini(&s);
	registry_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(each_frame_gets_its_verdict_from_xdp),
			cmocka_unit_test(each_frame_gets_its_verdict_from_tc),
			cmocka_unit_test(every_cut_of_a_frame_is_survived),
			cmocka_unit_test(ranges_of_one_endpoint_become_their_hull),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
