/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C symbols that flowmeter_plugin.so exports to serve flowprobe's API and commands: what
 * plugin/src/flowprobe/registration.c calls. As of flowmeter.h otherwise.
 */
#ifndef included_flowmeter_flowprobe_h
#define included_flowmeter_flowprobe_h

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vlib_main_t;
struct vlib_node_runtime_t;
struct vlib_frame_t;

/* Observing nodes, on any thread. */

uint64_t flowmeter_record_input_ip4 (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
				     struct vlib_frame_t *frame);
uint64_t flowmeter_record_input_ip6 (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
				     struct vlib_frame_t *frame);
uint64_t flowmeter_record_input_l2 (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
				    struct vlib_frame_t *frame);
uint64_t flowmeter_record_output_ip4 (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
				      struct vlib_frame_t *frame);
uint64_t flowmeter_record_output_ip6 (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
				      struct vlib_frame_t *frame);
uint64_t flowmeter_record_output_l2 (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
				     struct vlib_frame_t *frame);

/* Commands, on the main thread. */

void *flowmeter_flowprobe_cli_params (struct vlib_main_t *vm, const uint8_t *text, uint32_t length);
void *flowmeter_flowprobe_cli_feature (struct vlib_main_t *vm, const uint8_t *text,
				       uint32_t length);
void *flowmeter_flowprobe_cli_show_params (struct vlib_main_t *vm, const uint8_t *text,
					   uint32_t length);
void *flowmeter_flowprobe_cli_show_feature (struct vlib_main_t *vm, const uint8_t *text,
					    uint32_t length);
void *flowmeter_flowprobe_cli_show_table (struct vlib_main_t *vm, const uint8_t *text,
					  uint32_t length);
void *flowmeter_flowprobe_cli_show_statistics (struct vlib_main_t *vm, const uint8_t *text,
					       uint32_t length);

/* Messages, on the main thread: numbers in the machine's byte order. An int32_t is what a reply's
   retval says. */

int32_t flowmeter_flowprobe_set_params (uint8_t layers, uint32_t active, uint32_t passive,
					uint8_t check);
void flowmeter_flowprobe_get_params (uint32_t (*parameters)[3]);
int32_t flowmeter_flowprobe_interface_add_del (uint32_t sw_if_index, uint8_t which,
					       uint8_t direction, uint8_t is_add);
int32_t flowmeter_flowprobe_tx_interface_add_del (uint32_t sw_if_index, uint8_t which,
						  uint8_t is_add);
/* What each returns says whether it took that one: 0 not now, below 0 never. */
void flowmeter_flowprobe_interfaces (uint32_t sw_if_index,
				     int32_t (*each) (void *context, uint32_t sw_if_index,
						   uint8_t which, uint8_t direction),
				     void *context);

/* Says in the log that flowprobe, or another copy of this, is there. */

void flowmeter_flowprobe_stands_back (void);

#ifdef __cplusplus
}
#endif

#endif /* included_flowmeter_flowprobe_h */
