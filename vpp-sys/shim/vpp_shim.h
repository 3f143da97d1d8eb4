/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VPP's macros, inline functions and variadic functions as functions that another language can
 * call. There is one function for each, without logic. A function loops over packets only where a
 * call for each packet would cost more than its work.
 */
#ifndef included_vpp_shim_h
#define included_vpp_shim_h

#include <vlib/vlib.h>
#include <vlib/unix/plugin.h>
#include <vlib/stats/stats.h>
#include <vnet/vnet.h>
#include <vnet/api_errno.h>
#include <vnet/buffer.h>
#include <vnet/feature/feature.h>
#include <vnet/fib/fib_table.h>
#include <vnet/ip/ip.h>
#include <vnet/ipfix-export/flow_report.h>
#include <vpp/app/version.h>

/* Frames and buffers. */

/* The offset of a buffer's data area, the size of the headroom before it, and other offsets. */
enum
{
  VPP_SHIM_BUFFER_DATA = 128 + VLIB_BUFFER_PRE_DATA_SIZE,
  VPP_SHIM_BUFFER_PRE_DATA = VLIB_BUFFER_PRE_DATA_SIZE,
  /* vnet_buffer2 (b)->gso_size, two octets. */
  VPP_SHIM_GSO_SIZE =
    STRUCT_OFFSET_OF (vlib_buffer_t, opaque2) + STRUCT_OFFSET_OF (vnet_buffer_opaque2_t, gso_size),
  /* vnet_buffer (b)->ip.save_rewrite_length, an octet. */
  VPP_SHIM_SAVE_REWRITE_LENGTH = STRUCT_OFFSET_OF (vlib_buffer_t, opaque) +
				 STRUCT_OFFSET_OF (vnet_buffer_opaque_t, ip.save_rewrite_length),
  /* vnet_buffer (b)->l2_hdr_offset, an i16: the start of the link-layer header, with the same base
     as current_data. Valid if VNET_BUFFER_F_L2_HDR_OFFSET_VALID is set. */
  VPP_SHIM_L2_HDR_OFFSET = STRUCT_OFFSET_OF (vlib_buffer_t, opaque) +
			   STRUCT_OFFSET_OF (vnet_buffer_opaque_t, l2_hdr_offset),
};

/* The first part of a buffer's header, with all fields that are read. bindgen cannot be used for
   vlib_buffer_t: it confuses its anonymous unions, which also differ between releases. */
typedef struct
{
  i16 current_data;
  u16 current_length;
  u32 flags;
  u8 others[16];
  u32 opaque[10];
} vpp_shim_buffer_t;

u32 *vpp_shim_frame_args (vlib_frame_t *frame);
uword vpp_shim_buffer_memory (vlib_main_t *vm);
u32 vpp_shim_buffer_data_size (vlib_main_t *vm);
/* Sends n buffers, at most one frame, to a node. */
void vpp_shim_send (vlib_main_t *vm, u32 node_index, const u32 *buffer_indices, u32 n);
/* Turns the first length octets of a buffer's data area into a locally originated packet, to be
   looked up in fib_index. */
void vpp_shim_make_own (vlib_main_t *vm, u32 buffer_index, u16 length, u32 fib_index);
u32 vpp_shim_buffer_length_in_chain (vlib_main_t *vm, vlib_buffer_t *buffer);
u32 vpp_shim_buffer_alloc (vlib_main_t *vm, u32 *buffer_index);

/* What the packets of a frame have in common. */
typedef struct
{
  /* The union of their flags. */
  u32 flags;
  /* Not 0 if their rx or tx interfaces differ. */
  u64 interfaces_differ;
  /* Not 0 if their current_data differ. */
  u16 start_differs;
  /* The first packet's current_data. */
  i16 start;
  /* The smallest current_length of all packets. */
  u16 shortest;
  /* The next node of all packets, if one_next is set. */
  u16 next;
  u8 one_next;
} vpp_shim_common_t;

/* Advances each buffer to its next feature. Writes the buffers' current_length to lengths and the
   next nodes to nexts, unless all packets have the same one. */
vpp_shim_common_t vpp_shim_feature_next (vlib_main_t *vm, const u32 *buffer_indices, u16 *nexts,
					 u16 *lengths, u32 n);
void vpp_shim_enqueue_to_next (vlib_main_t *vm, vlib_node_runtime_t *node, u32 *buffer_indices,
			       u16 *nexts, u32 n);
void vpp_shim_enqueue_to_single_next (vlib_main_t *vm, vlib_node_runtime_t *node,
				      u32 *buffer_indices, u16 next, u32 n);

/* Nodes, processes, threads. */

vlib_main_t *vpp_shim_main (u16 thread_index);
u32 vpp_shim_n_threads (void);
u16 vpp_shim_thread_index (const vlib_main_t *vm);
/* The number of threads that VPP has placed, including those without a vlib_main_t. */
u32 vpp_shim_n_placed_threads (void);
/* The CPU that a thread is pinned to, and its NUMA node; negative if there is none. */
i32 vpp_shim_thread_cpu (u32 thread_index);
i32 vpp_shim_thread_numa_node (u32 thread_index);
/* Seconds since VPP's start when the thread's main loop last read the clock. */
f64 vpp_shim_time_of_loop (const vlib_main_t *vm);
/* Seconds since VPP's start; reads the clock. */
f64 vpp_shim_time_now (vlib_main_t *vm);
f64 vpp_shim_clocks_per_second (const vlib_main_t *vm);
u64 vpp_shim_cpu_time_now (void);
u64 vpp_shim_unix_milliseconds (void);
/* The version of the running VPP. */
const char *vpp_shim_version (void);
/* The number of registered nodes with this name, before VPP creates them. */
u32 vpp_shim_registered_nodes (const char *name);
u32 vpp_shim_node_index (vlib_main_t *vm, const char *name);
void vpp_shim_node_interrupt (vlib_main_t *vm, u32 node_index);
void vpp_shim_node_increment (vlib_main_t *vm, u32 node_index, u32 counter, u64 n);
u32 vpp_shim_process_suspends (vlib_main_t *vm, u32 node_index);
/* Both suspend the calling process. The second one returns early when an event is signalled. */
void vpp_shim_process_suspend (vlib_main_t *vm, f64 seconds);
void vpp_shim_process_wait (vlib_main_t *vm, f64 seconds);
void vpp_shim_process_signal (vlib_main_t *vm, u32 node_index);
/* Whether the caller is a process and the barrier is not held. */
u8 vpp_shim_may_suspend (vlib_main_t *vm);
void vpp_shim_barrier_sync (vlib_main_t *vm);
void vpp_shim_barrier_release (vlib_main_t *vm);
void *vpp_shim_add_trace (vlib_main_t *vm, vlib_node_runtime_t *node, vlib_buffer_t *buffer,
			  u32 octets);
/* Dispatches the pending frames of the main thread, after its main loop has ended. */
void vpp_shim_dispatch_pending (vlib_main_t *vm);

/* Command line, errors, log. */

/* The rest of a command's line, or of a configuration stanza, as a vector that the caller frees. */
u8 *vpp_shim_unformat_line (unformat_input_t *input);
u8 *vpp_shim_unformat_rest (unformat_input_t *input);
void vpp_shim_cli_output (vlib_main_t *vm, const u8 *text, u32 length);
clib_error_t *vpp_shim_error (const u8 *text, u32 length);
u32 vpp_shim_log_class (const char *name);
void vpp_shim_log_warning (u32 log_class, const u8 *text, u32 length);
void vpp_shim_log_notice (u32 log_class, const u8 *text, u32 length);

/* Interfaces. */

/* How an interface receives and sends. */
typedef enum
{
  /* Frames from a driver, by device-input or port-rx-eth. */
  VPP_SHIM_KIND_DEVICE,
  /* Frames that the bond's members have received. */
  VPP_SHIM_KIND_BOND,
  /* It receives what it sends: loopbacks and bridge virtual interfaces. */
  VPP_SHIM_KIND_LOOP,
  /* Packets, or frames while in a bridge or cross-connect: sub-interfaces, pipes and tunnels. */
  VPP_SHIM_KIND_LOGICAL,
  /* IP packets only. */
  VPP_SHIM_KIND_IP,
} vpp_shim_kind_t;

typedef struct
{
  u32 sw_if_index;
  u32 sup_sw_if_index;
  /* The bond that it is a member of; itself if it is not a member. */
  u32 bond_sw_if_index;
  /* The outer VLAN id that a sub-interface matches; else 0. */
  u16 vlan;
  /* A vpp_shim_kind_t. */
  u8 kind;
  u8 is_hardware;
  u8 is_ethernet;
  u8 zeros[3];
} vpp_shim_interface_t;

typedef void (vpp_shim_interface_fn_t) (void *context, const vpp_shim_interface_t *interface);

void vpp_shim_interfaces (vpp_shim_interface_fn_t *each, void *context);
/* Reads one interface; returns 0 if it does not exist. */
u8 vpp_shim_interface (u32 sw_if_index, vpp_shim_interface_t *interface);
typedef void (vpp_shim_number_fn_t) (void *context, u32 sw_if_index);
/* The members of a bond. */
void vpp_shim_bond_members (u32 sw_if_index, vpp_shim_number_fn_t *each, void *context);
/* The sub-interfaces of an interface, or the ends of a pipe. */
void vpp_shim_sub_interfaces (u32 sw_if_index, vpp_shim_number_fn_t *each, void *context);
/* As vnet_feature_enable_disable, but also for the arcs of bridges. VPP exports it, but does not
   install the header that declares it, l2_in_out_feat_arc.h. */
int vnet_l2_feature_enable_disable (const char *arc_name, const char *node_name, u32 sw_if_index,
				    int enable_disable, void *feature_config,
				    u32 n_feature_config_bytes);
/* Whether bridged frames of an interface visit their feature arcs in one direction, and a function
   that makes them do so. */
u8 vpp_shim_has_bridged_arcs (u32 sw_if_index, u8 is_output);
void vpp_shim_restore_bridged_arcs (u32 sw_if_index, u8 is_output);
/* Writes at most size octets, and returns their number. */
u32 vpp_shim_interface_name (u32 sw_if_index, u8 *name, u32 size);
/* The id of the interface's FIB table; 0 if it has none yet. */
u32 vpp_shim_interface_table (u32 sw_if_index, u8 is_ip6);
u32 vpp_shim_interface_tag (u32 sw_if_index, u8 *tag, u32 size);

/* The interface with this name; ~0 if there is none. */
u32 vpp_shim_interface_find (const u8 *name, u32 length);
/* Writes the first IPv4 or IPv6 address of an interface, its own or, if it is unnumbered, that of
   the other interface. Returns 0 if there is none. */
u8 vpp_shim_interface_address (u32 sw_if_index, u8 is_ip6, u8 *address);

/* Gauges of the statistics segment, for the main thread. */

u32 vpp_shim_gauge_add (const char *name);
void vpp_shim_gauge_set (u32 index, u64 value);
/* Registered features, before VPP orders them. */

/* Called for each feature, with later null, and for each pair of features that have an order. */
typedef void (vpp_shim_feature_fn_t) (void *context, const char *name, const char *later);

void vpp_shim_features (const char *arc, vpp_shim_feature_fn_t *each, void *context);

/* VPP's exporter: the first one that is set, by `set ipfix exporter` or by VPP's API. */

typedef struct
{
  u8 collector[16];
  u8 source[16];
  u32 fib_index;
  u32 path_mtu;
  u32 template_interval;
  u16 port;
  u8 is_ip6;
  u8 udp_checksum;
} vpp_shim_exporter_t;

/* Returns 0 if none is set. */
u8 vpp_shim_exporter (vpp_shim_exporter_t *exporter);
u32 vpp_shim_flow_report_process (void);

typedef enum
{
  VPP_SHIM_ROUTE_NONE,
  VPP_SHIM_ROUTE_UNRESOLVED,
  VPP_SHIM_ROUTE_RESOLVED,
} vpp_shim_route_t;

/* Locks a table against deletion, and returns its FIB index; ~0 if there is no such table. */
u32 vpp_shim_fib_lock (u32 table_id, u8 is_ip6);
void vpp_shim_fib_unlock (u32 fib_index, u8 is_ip6);

/* How the FIB forwards packets to an address. If the next hop is not resolved, writes the
   adjacency, and sends an ARP or neighbour solicitation if ask is not 0. */
vpp_shim_route_t vpp_shim_route (u32 fib_index, u8 is_ip6, const u8 *address, u8 ask,
				 u32 *adjacency);

/* Static asserts for what the Rust code relies on. */

STATIC_ASSERT (sizeof (vpp_shim_interface_t) == 20, "vpp_shim_interface_t");
STATIC_ASSERT (sizeof (vpp_shim_exporter_t) == 48, "vpp_shim_exporter_t");
STATIC_ASSERT (STRUCT_OFFSET_OF (vlib_buffer_t, data) == VPP_SHIM_BUFFER_DATA,
	       "packet data follows two cache lines and the headroom");
#define VPP_SHIM_SAME_PLACE(field)                                                                 \
  STATIC_ASSERT (STRUCT_OFFSET_OF (vpp_shim_buffer_t, field) ==                                    \
		     STRUCT_OFFSET_OF (vlib_buffer_t, field) &&                                    \
		   STRUCT_SIZE_OF (vpp_shim_buffer_t, field) == STRUCT_SIZE_OF (vlib_buffer_t, field), \
		 "vpp_shim_buffer_t's " #field " is vlib_buffer_t's")
VPP_SHIM_SAME_PLACE (current_data);
VPP_SHIM_SAME_PLACE (current_length);
VPP_SHIM_SAME_PLACE (flags);
VPP_SHIM_SAME_PLACE (opaque);
STATIC_ASSERT (sizeof (vnet_buffer_opaque_t) <= STRUCT_SIZE_OF (vlib_buffer_t, opaque),
	       "vnet_buffer_opaque_t fits");
STATIC_ASSERT (STRUCT_OFFSET_OF (vnet_buffer_opaque_t, sw_if_index) == 0 && VLIB_RX == 0 &&
		 VLIB_TX == 1,
	       "interfaces are the first two words of the opaque part");

#endif /* included_vpp_shim_h */
