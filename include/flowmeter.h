/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C symbols that flowmeter_plugin.so exports: what VPP's registrations, in
 * plugin/src/registration.c, point to. All of them are called by VPP, on the thread that each
 * group names; none is for anyone else to call.
 *
 * Types of VPP are only named here, so that this header needs none of VPP's.
 */
#ifndef included_flowmeter_h
#define included_flowmeter_h

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vlib_main_t;
struct vlib_node_runtime_t;
struct vlib_frame_t;

/* Observing nodes, on any thread. Each meters the packets of a frame and hands them on to their
   next feature; returns how many there were. */

uint64_t flowmeter_input_ip4 (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
			      struct vlib_frame_t *frame);
uint64_t flowmeter_input_ip6 (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
			      struct vlib_frame_t *frame);
uint64_t flowmeter_input_l2 (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
			     struct vlib_frame_t *frame);
uint64_t flowmeter_output_ip4 (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
			       struct vlib_frame_t *frame);
uint64_t flowmeter_output_ip6 (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
			       struct vlib_frame_t *frame);
uint64_t flowmeter_output_l2 (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
			      struct vlib_frame_t *frame);

/* The node that makes records of flows that are due, on any thread, when it is interrupted;
   returns 0, since no packet comes in by it. */

uint64_t flowmeter_expire (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
			   struct vlib_frame_t *frame);

/* The process that interrupts it, on the main thread; never returns. */

uint64_t flowmeter_process (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
			    struct vlib_frame_t *frame);

/* Names and descriptions of the observing nodes' error counters: index and what to write it
   into. */

#define FLOWMETER_N_ERRORS 9

/* How the trace of a packet reads. Writes at most size octets of text, returns how many. */

uint32_t flowmeter_format_trace (const void *trace, uint8_t *text, uint32_t size);

/* The main thread's: start, end, startup.conf, commands, interfaces. A text is that of a line or
   stanza behind the words that chose the function, and of length octets. A function that
   returns a pointer returns a clib_error_t, null where all went well. */

void *flowmeter_early_init (struct vlib_main_t *vm, void *plugin);
void *flowmeter_init (struct vlib_main_t *vm);
void *flowmeter_exit (struct vlib_main_t *vm);
void *flowmeter_config (struct vlib_main_t *vm, const uint8_t *text, uint32_t length);
void *flowmeter_cli_interface (struct vlib_main_t *vm, const uint8_t *text, uint32_t length);
void *flowmeter_cli_flush (struct vlib_main_t *vm, const uint8_t *text, uint32_t length);
void *flowmeter_cli_set (struct vlib_main_t *vm, const uint8_t *text, uint32_t length);
void *flowmeter_cli_show (struct vlib_main_t *vm, const uint8_t *text, uint32_t length);
void *flowmeter_cli_clear (struct vlib_main_t *vm, const uint8_t *text, uint32_t length);
void flowmeter_interface_add_del (uint32_t sw_if_index, uint32_t is_add);
void flowmeter_interface_table (uint32_t sw_if_index);

#ifdef __cplusplus
}
#endif

#endif /* included_flowmeter_h */
