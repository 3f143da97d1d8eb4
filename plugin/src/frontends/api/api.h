/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of send.c that Rust calls on the main thread to send messages. A message is dropped if
 * api_room returns 0 or less for the client.
 */
#ifndef included_flowmeter_api_h
#define included_flowmeter_api_h

#include "flowmeter.h"

/* The number of processes that answer requests, and so of clients that are served concurrently. */
enum
{
  API_N_PROCESSES = 4,
};

/* Whether a client can receive a message: above 0 now, 0 not now, below 0 never. */
int32_t api_room (uint32_t client);

/* The same for a reply that is either sent now or dropped. */
int32_t api_room_for_reply (uint32_t client);

/* Whether there is memory for lists. A client such as vat2 may read messages from shared memory and
   free none, and VPP aborts when that memory is exhausted. Lists use at most half of it. */
uint8_t api_has_memory (uint32_t client);

/* Sends a reply with this retval; all other fields are 0. */
void api_reply (const flowmeter_caller_t *caller, int32_t retval);
/* The same for an operation in progress. */
void api_reply_operation (const flowmeter_caller_t *caller, int32_t retval, uint32_t operation);
void api_reply_parameters (const flowmeter_caller_t *caller,
			   const flowmeter_parameters_t *parameters);
void api_reply_exporter (const flowmeter_caller_t *caller,
			 const flowmeter_exporter_state_t *state);
void api_reply_flows (const flowmeter_caller_t *caller, uint64_t matched);

void api_send_interface (const flowmeter_caller_t *caller, const flowmeter_watch_t *watch);
void api_send_rule (const flowmeter_caller_t *caller, const flowmeter_watch_t *watch);
void api_send_statistics (const flowmeter_caller_t *caller,
			  const flowmeter_statistics_t *statistics);
void api_send_flow (const flowmeter_caller_t *caller, const flowmeter_flow_t *flow);

void api_send_operation (const flowmeter_caller_t *caller, const flowmeter_operation_t *operation);

void api_send_table_full (uint32_t client, uint32_t pid, const flowmeter_table_full_t *event);
void api_send_exporter (uint32_t client, uint32_t pid, uint8_t reachable,
			const flowmeter_address_t *collector, uint16_t collector_port);

void api_send_operation_end (uint32_t client, uint32_t pid, uint32_t operation, int32_t retval);

#endif /* included_flowmeter_api_h */
