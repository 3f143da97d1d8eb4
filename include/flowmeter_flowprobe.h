/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C symbols that flowmeter_plugin.so exports to serve flowprobe's API: what
 * the C of plugin/src/frontends/flowprobe/ calls. As of flowmeter.h otherwise.
 */
#ifndef included_flowmeter_flowprobe_h
#define included_flowmeter_flowprobe_h

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

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

void flowmeter_flowprobe_disabled (void);

#ifdef __cplusplus
}
#endif

#endif /* included_flowmeter_flowprobe_h */
