/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of VPP is a macro, an inline function or takes a variable number of arguments, as
 * functions that another language can call. One function for each, and no logic: where one
 * here loops, it is because a call for each packet would cost more than what it does.
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

/* Where a buffer's data begin, and how much of that is headroom. */
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
  /* vnet_buffer (b)->l2_hdr_offset, an i16: where the link layer's header begins, as current_data
     counts; if VNET_BUFFER_F_L2_HDR_OFFSET_VALID says that it is known. */
  VPP_SHIM_L2_HDR_OFFSET = STRUCT_OFFSET_OF (vlib_buffer_t, opaque) +
			   STRUCT_OFFSET_OF (vnet_buffer_opaque_t, l2_hdr_offset),
};

/* A buffer's beginning, with all that is read of it. VPP's own vlib_buffer_t has unions without a
   name, which bindgen confuses with structs of this one, and others in each release. */
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
/* Hands n buffers to a node, or frees them where it can't. */
void vpp_shim_send (vlib_main_t *vm, u32 node_index, const u32 *buffer_indices, u32 n);
/* Makes a buffer's first length octets from its data on a packet of VPP's own, for FIB fib_index. */
void vpp_shim_make_own (vlib_main_t *vm, u32 buffer_index, u16 length, u32 fib_index);
u32 vpp_shim_buffer_length_in_chain (vlib_main_t *vm, vlib_buffer_t *buffer);
u32 vpp_shim_buffer_alloc (vlib_main_t *vm, u32 *buffer_index);

/* What the buffers of a frame have in common. */
typedef struct
{
  /* The flags of all of them, or'ed. */
  u32 flags;
  /* Where a bit is set, their receiving or their sending interfaces differ in it. */
  u64 interfaces_differ;
  /* The same of where their data start. */
  u16 start_differs;
  /* Where those of the first do: current_data. */
  i16 start;
  /* Octets in the first buffer of that packet which has fewest there. */
  u16 shortest;
  /* Where they go next, if that is one place. */
  u16 next;
  u8 one_next;
} vpp_shim_common_t;

/* The next feature of each buffer, whose place on its arc moves on by one. They are written to
   nexts unless one is for all. */
vpp_shim_common_t vpp_shim_feature_next (vlib_main_t *vm, const u32 *buffer_indices, u16 *nexts,
					 u32 n);
void vpp_shim_enqueue_to_next (vlib_main_t *vm, vlib_node_runtime_t *node, u32 *buffer_indices,
			       u16 *nexts, u32 n);
void vpp_shim_enqueue_to_single_next (vlib_main_t *vm, vlib_node_runtime_t *node,
				      u32 *buffer_indices, u16 next, u32 n);

/* Nodes, processes, threads. */

vlib_main_t *vpp_shim_main (u16 thread_index);
u32 vpp_shim_n_threads (void);
u16 vpp_shim_thread_index (const vlib_main_t *vm);
/* How many threads VPP has placed, those without a vlib_main_t among them. */
u32 vpp_shim_n_placed_threads (void);
/* The CPU that a thread is pinned to, and its NUMA node; negative where there is none. */
i32 vpp_shim_thread_cpu (u32 thread_index);
i32 vpp_shim_thread_numa_node (u32 thread_index);
/* Seconds since VPP's start, as the thread's main loop last read the clock. */
f64 vpp_shim_time_of_loop (const vlib_main_t *vm);
/* Seconds since VPP's start; reads the clock. */
f64 vpp_shim_time_now (vlib_main_t *vm);
f64 vpp_shim_clocks_per_second (const vlib_main_t *vm);
u64 vpp_shim_cpu_time_now (void);
u64 vpp_shim_unix_milliseconds (void);
/* The version of the VPP that runs. */
const char *vpp_shim_version (void);
/* How many nodes of a name plugins have asked for, before VPP makes them. */
u32 vpp_shim_registered_nodes (const char *name);
u32 vpp_shim_node_index (vlib_main_t *vm, const char *name);
void vpp_shim_node_interrupt (vlib_main_t *vm, u32 node_index);
void vpp_shim_node_increment (vlib_main_t *vm, u32 node_index, u32 counter, u64 n);
u8 vpp_shim_is_traced (const vlib_node_runtime_t *node);
u32 vpp_shim_process_suspends (vlib_main_t *vm, u32 node_index);
/* Both suspend the calling process. The second returns before its time when an event comes. */
void vpp_shim_process_suspend (vlib_main_t *vm, f64 seconds);
void vpp_shim_process_wait (vlib_main_t *vm, f64 seconds);
void vpp_shim_process_signal (vlib_main_t *vm, u32 node_index);
/* Whether the caller is a process that holds no barrier, for itself or for who called it. */
u8 vpp_shim_may_suspend (vlib_main_t *vm);
void vpp_shim_barrier_sync (vlib_main_t *vm);
void vpp_shim_barrier_release (vlib_main_t *vm);
void *vpp_shim_add_trace (vlib_main_t *vm, vlib_node_runtime_t *node, vlib_buffer_t *buffer,
			  u32 octets);
/* Dispatches what the nodes of the main thread have pending, where its loop runs no more. */
void vpp_shim_dispatch_pending (vlib_main_t *vm);

/* Command line, errors, log. */

/* The rest of a command's line, or of a configuration's stanza: a vector, freed by the next. */
u8 *vpp_shim_unformat_line (unformat_input_t *input);
u8 *vpp_shim_unformat_rest (unformat_input_t *input);
u32 vpp_shim_vec_len (const u8 *vector);
void vpp_shim_vec_free (u8 *vector);
void vpp_shim_cli_output (vlib_main_t *vm, const u8 *text, u32 length);
clib_error_t *vpp_shim_error (const u8 *text, u32 length);
u32 vpp_shim_log_class (const char *name);
void vpp_shim_log_warning (u32 log_class, const u8 *text, u32 length);
void vpp_shim_log_notice (u32 log_class, const u8 *text, u32 length);
u8 *vpp_shim_format_append (u8 *s, const u8 *text, u32 length);

/* Interfaces. */

/* How an interface receives and sends. */
typedef enum
{
  /* Frames from a driver, by device-input or port-rx-eth. */
  VPP_SHIM_KIND_DEVICE,
  /* Frames that its members have received. */
  VPP_SHIM_KIND_BOND,
  /* Loopbacks and bridges' virtual interfaces: what goes out by it comes in. */
  VPP_SHIM_KIND_LOOP,
  /* Frames of a bridge or cross-connect, or packets: a part of another interface, a pipe, or a tunnel. */
  VPP_SHIM_KIND_LOGICAL,
  /* Packets only. */
  VPP_SHIM_KIND_IP,
} vpp_shim_kind_t;

typedef struct
{
  u32 sw_if_index;
  u32 sup_sw_if_index;
  /* The bond that it is a member of; itself if it is none. */
  u32 bond_sw_if_index;
  /* The outermost VLAN of a sub-interface that stands for one; else 0. */
  u16 vlan;
  /* A vpp_shim_kind_t. */
  u8 kind;
  u8 is_hardware;
  u8 is_ethernet;
  u8 zeros[3];
} vpp_shim_interface_t;

typedef void (vpp_shim_interface_fn_t) (void *context, const vpp_shim_interface_t *interface);

void vpp_shim_interfaces (vpp_shim_interface_fn_t *each, void *context);
/* One interface; 0 where there is none of this number. */
u8 vpp_shim_interface (u32 sw_if_index, vpp_shim_interface_t *interface);
typedef void (vpp_shim_number_fn_t) (void *context, u32 sw_if_index);
/* The members of a bond. */
void vpp_shim_bond_members (u32 sw_if_index, vpp_shim_number_fn_t *each, void *context);
/* The parts of an interface: sub-interfaces, ends of a pipe. */
void vpp_shim_sub_interfaces (u32 sw_if_index, vpp_shim_number_fn_t *each, void *context);
/* As vnet_feature_enable_disable, on the arcs of bridges too. VPP exports it, and does not install the
   header that declares it, l2_in_out_feat_arc.h. */
int vnet_l2_feature_enable_disable (const char *arc_name, const char *node_name, u32 sw_if_index,
				    int enable_disable, void *feature_config,
				    u32 n_feature_config_bytes);
/* Whether frames that the interface has in a bridge visit their feature arcs, in the one direction
   or the other; and has them do so, where features are enabled. */
u8 vpp_shim_has_bridged_arcs (u32 sw_if_index, u8 is_output);
void vpp_shim_restore_bridged_arcs (u32 sw_if_index, u8 is_output);
/* Writes at most size octets, tells how many. */
u32 vpp_shim_interface_name (u32 sw_if_index, u8 *name, u32 size);
/* The id of the table that the interface's packets are looked up in; 0 where it has none yet. */
u32 vpp_shim_interface_table (u32 sw_if_index, u8 is_ip6);
u32 vpp_shim_interface_tag (u32 sw_if_index, u8 *tag, u32 size);

/* The interface of a name; ~0 where there is none. */
u32 vpp_shim_interface_find (const u8 *name, u32 length);
/* Writes the first IPv4 or IPv6 address of an interface, its own or of the one it borrows from; 0
   where it has none. */
u8 vpp_shim_interface_address (u32 sw_if_index, u8 is_ip6, u8 *address);

/* Gauges of the statistics segment. The main thread's. */

u32 vpp_shim_gauge_add (const char *name);
void vpp_shim_gauge_set (u32 index, u64 value);
/* Features that are registered, before VPP orders them. */

/* Called for each feature, with later null, and for each two that are to come in this order. */
typedef void (vpp_shim_feature_fn_t) (void *context, const char *name, const char *later);

void vpp_shim_features (const char *arc, vpp_shim_feature_fn_t *each, void *context);

/* VPP's own exporter: the first that is set, by `set ipfix exporter` or its API. */

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

/* 0 where none is set. */
u8 vpp_shim_exporter (vpp_shim_exporter_t *exporter);
u32 vpp_shim_flow_report_process (void);

typedef enum
{
  VPP_SHIM_ROUTE_NONE,
  VPP_SHIM_ROUTE_UNRESOLVED,
  VPP_SHIM_ROUTE_RESOLVED,
} vpp_shim_route_t;

/* The FIB of a table, kept from being deleted until it is unlocked; ~0 where there is no table. */
u32 vpp_shim_fib_lock (u32 table_id, u8 is_ip6);
void vpp_shim_fib_unlock (u32 fib_index, u8 is_ip6);

/* What the FIB does with packets to an address. Where a neighbour is not resolved, writes its
   adjacency, and asks for it where ask is not 0. */
vpp_shim_route_t vpp_shim_route (u32 fib_index, u8 is_ip6, const u8 *address, u8 ask,
				 u32 *adjacency);

/* Static asserts for what the other side takes for granted. */

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
