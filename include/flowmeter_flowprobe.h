/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C symbols that flowmeter_plugin.so exports to serve flowprobe's API. The C code in
 * plugin/src/frontends/flowprobe/ calls them on the main thread.
 */
#ifndef included_flowmeter_flowprobe_h
#define included_flowmeter_flowprobe_h

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Messages, with numbers in host byte order. The result is the retval of the reply. */

int32_t flowmeter_flowprobe_set_params (uint8_t layers, uint32_t active, uint32_t passive,
					uint8_t check);
void flowmeter_flowprobe_get_params (uint32_t (*parameters)[3]);
int32_t flowmeter_flowprobe_interface_add_del (uint32_t sw_if_index, uint8_t which,
					       uint8_t direction, uint8_t is_add);
int32_t flowmeter_flowprobe_tx_interface_add_del (uint32_t sw_if_index, uint8_t which,
						  uint8_t is_add);
/* each returns above 0 if it took the item, 0 if it cannot now, and below 0 if it never can. */
void flowmeter_flowprobe_interfaces (uint32_t sw_if_index,
				     int32_t (*each) (void *context, uint32_t sw_if_index,
						   uint8_t which, uint8_t direction),
				     void *context);

/* Logs that flowprobe's messages are already registered. */

void flowmeter_flowprobe_disabled (void);

#ifdef __cplusplus
}
#endif

#endif /* included_flowmeter_flowprobe_h */
