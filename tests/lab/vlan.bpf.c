/* SPDX-License-Identifier: Apache-2.0 */
/* A host in VLAN 100 where the kernel has no 8021q devices: tags what leaves, untags what comes. tc, direct action. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VLAN_ID 100

SEC("tc/push")
int
push(struct __sk_buff *skb)
{
	bpf_skb_vlan_push(skb, bpf_htons(0x8100), VLAN_ID);
	return TC_ACT_OK;
}

SEC("tc/pop")
int
pop(struct __sk_buff *skb)
{
	if (skb->vlan_present && (skb->vlan_tci & 0xfff) == VLAN_ID)
		bpf_skb_vlan_pop(skb);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
