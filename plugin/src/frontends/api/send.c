/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends replies, details and events to clients, converted from the structures of
 * include/flowmeter.h.
 */

#include "vpp_shim.h"
#include "api.h"

#include <vlibapi/api.h>
#include <vlibmemory/api.h>
#include <vnet/ethernet/ethernet_types_api.h>
#include <vnet/ip/ip_types_api.h>

#include "flowmeter.api_enum.h"
#include "flowmeter.api_types.h"

/* The most octets of queued output for a client's socket. */
#define OUTPUT_OCTETS (64 << 10)

/* The same for a reply that cannot wait: a client may send all its requests before it reads. */
#define REPLIES_OCTETS (4 << 20)

/* The number of messages between two checks of the shared memory. A check is slow, and this many
   messages need some hundred kilobytes. */
#define MESSAGES_PER_CHECK 1024

/* The id of the first message, set in api.c. */
extern u16 api_message_base;

static vl_api_registration_t *
registration (u32 client)
{
  vl_api_registration_t *rp = vl_api_client_index_to_registration (client);
  return rp && !rp->is_being_removed ? rp : 0;
}

static int32_t
room (u32 client, u32 octets)
{
  vl_api_registration_t *rp = registration (client);

  if (rp == 0)
    return -1;
  if (rp->registration_type > REGISTRATION_TYPE_SHMEM)
    return vec_len (rp->output_vector) < octets;
  /* VPP's main thread would wait for space in a full queue. */
  return rp->vl_input_queue->cursize + 2 < rp->vl_input_queue->maxsize;
}

int32_t
api_room (uint32_t client)
{
  return room (client, OUTPUT_OCTETS);
}

int32_t
api_room_for_reply (uint32_t client)
{
  return room (client, REPLIES_OCTETS);
}

uint8_t
api_has_memory (uint32_t client)
{
  static u32 left;
  static u8 is_short;
  vl_api_registration_t *rp = registration (client);
  clib_mem_usage_t usage;
  void *heap;

  /* Messages for a socket are freed as soon as they are written. */
  if (rp == 0 || rp->registration_type > REGISTRATION_TYPE_SHMEM)
    return 1;
  if (left-- && !is_short)
    return 1;
  left = MESSAGES_PER_CHECK;
  heap = vl_msg_push_heap ();
  clib_mem_get_heap_usage (clib_mem_get_heap (), &usage);
  vl_msg_pop_heap (heap);
  is_short = usage.bytes_used > usage.bytes_total / 2;
  return !is_short;
}

/* A message of zeros; null if the client cannot receive it. */
static void *
new_message (u32 client, u16 id, u32 octets)
{
  u16 *message;

  if (api_room (client) <= 0)
    return 0;
  message = vl_msg_api_alloc_or_null (octets);
  if (message == 0)
    return 0;
  clib_memset (message, 0, octets);
  message[0] = id;
  return message;
}

static void
send_to (u32 client, void *message)
{
  u16 id = *(u16 *) message;

  vlibapi_get_main ()->msg_data[id].endian_handler (message, 1);
  vl_api_send_msg (registration (client), message);
}

#define NEW_REPLY(name, caller)                                                                    \
  vl_api_##name##_t *message =                                                                     \
    new_message ((caller)->client, (caller)->reply, sizeof (vl_api_##name##_t));                   \
  if (message == 0)                                                                                \
    return;                                                                                        \
  message->context = (caller)->context

#define NEW_DETAILS(name, id, caller)                                                              \
  vl_api_##name##_t *message =                                                                     \
    new_message ((caller)->client, api_message_base + (id), sizeof (vl_api_##name##_t));                \
  if (message == 0)                                                                                \
    return;                                                                                        \
  message->context = (caller)->context

static vl_api_address_t
address_to_wire (const flowmeter_address_t *address)
{
  vl_api_address_t wire = { .af = address->family };

  clib_memcpy (&wire.un, address->octets, sizeof (wire.un));
  return wire;
}

void
api_reply (const flowmeter_caller_t *caller, int32_t retval)
{
  /* All replies begin with the same fields. */
  vl_api_flowmeter_flush_reply_t *message =
    new_message (caller->client, caller->reply, caller->reply_octets);

  if (message == 0)
    return;
  message->context = caller->context;
  message->retval = retval;
  send_to (caller->client, message);
}

void
api_reply_operation (const flowmeter_caller_t *caller, int32_t retval, uint32_t operation)
{
  /* Replies to operations all have the same fields. */
  NEW_REPLY (flowmeter_flush_reply, caller);
  STATIC_ASSERT (sizeof (vl_api_flowmeter_flush_reply_t) ==
		     sizeof (vl_api_flowmeter_interface_add_del_reply_t) &&
		   sizeof (vl_api_flowmeter_flush_reply_t) ==
		     sizeof (vl_api_flowmeter_rule_add_del_reply_t) &&
		   sizeof (vl_api_flowmeter_flush_reply_t) ==
		     sizeof (vl_api_flowmeter_set_parameters_reply_t),
		 "replies to operations have the same size");
  message->retval = retval;
  message->operation = operation;
  send_to (caller->client, message);
}

void
api_reply_parameters (const flowmeter_caller_t *caller, const flowmeter_parameters_t *parameters)
{
  NEW_REPLY (flowmeter_get_parameters_reply, caller);
  message->active_timeout = parameters->active_timeout;
  message->idle_timeout = parameters->idle_timeout;
  message->flows_per_worker = parameters->flows_per_worker;
  message->observation_domain = parameters->observation_domain;
  send_to (caller->client, message);
}

void
api_reply_exporter (const flowmeter_caller_t *caller, const flowmeter_exporter_state_t *state)
{
  NEW_REPLY (flowmeter_get_exporter_reply, caller);
  message->origin = state->origin;
  message->reachable = state->reachable;
  message->collector = address_to_wire (&state->exporter.collector);
  message->source = address_to_wire (&state->exporter.source);
  message->source_interface = state->exporter.source_interface;
  message->collector_port = state->exporter.collector_port;
  message->table_id = state->exporter.table_id;
  message->path_mtu = state->exporter.path_mtu;
  message->template_interval = state->exporter.template_interval;
  message->messages = state->messages;
  message->records = state->records;
  send_to (caller->client, message);
}

void
api_reply_flows (const flowmeter_caller_t *caller, uint64_t matched)
{
  NEW_REPLY (flowmeter_flow_dump_reply, caller);
  message->matched = matched;
  send_to (caller->client, message);
}

void
api_send_interface (const flowmeter_caller_t *caller, const flowmeter_watch_t *watch)
{
  NEW_DETAILS (flowmeter_interface_details, VL_API_FLOWMETER_INTERFACE_DETAILS, caller);
  message->sw_if_index = watch->sw_if_index;
  message->variant = watch->variant;
  message->direction = watch->direction;
  clib_memcpy (message->interface_name, watch->name, sizeof (message->interface_name) - 1);
  send_to (caller->client, message);
}

void
api_send_rule (const flowmeter_caller_t *caller, const flowmeter_watch_t *watch)
{
  NEW_DETAILS (flowmeter_rule_details, VL_API_FLOWMETER_RULE_DETAILS, caller);
  message->variant = watch->variant;
  message->direction = watch->direction;
  clib_memcpy (message->pattern, watch->name, sizeof (message->pattern) - 1);
  send_to (caller->client, message);
}

#define TALLY_TO_WIRE(to, from)                                                                    \
  do                                                                                               \
    {                                                                                              \
      (to).packets = (from).packets;                                                               \
      (to).octets = (from).octets;                                                                 \
    }                                                                                              \
  while (0)

#define RECORDS_TO_WIRE(to, from)                                                                  \
  do                                                                                               \
    {                                                                                              \
      (to).records = (from).records;                                                               \
      TALLY_TO_WIRE (to, from);                                                                    \
    }                                                                                              \
  while (0)

void
api_send_statistics (const flowmeter_caller_t *caller, const flowmeter_statistics_t *statistics)
{
  NEW_DETAILS (flowmeter_statistics_details, VL_API_FLOWMETER_STATISTICS_DETAILS, caller);
  STATIC_ASSERT (ARRAY_LEN (message->ignored) == ARRAY_LEN (statistics->ignored) &&
		   ARRAY_LEN (message->exported) == ARRAY_LEN (statistics->exported) &&
		   ARRAY_LEN (message->lost) == ARRAY_LEN (statistics->lost),
		 "the numbers of reasons are equal");
  message->thread_index = statistics->thread_index;
  message->flows = statistics->flows;
  message->live_flows = statistics->live_flows;
  message->table_octets = statistics->table_octets;
  message->messages = statistics->messages;
  message->records = statistics->records;
  TALLY_TO_WIRE (message->observed, statistics->observed);
  TALLY_TO_WIRE (message->metered, statistics->metered);
  TALLY_TO_WIRE (message->live, statistics->live);
  for (u32 i = 0; i < ARRAY_LEN (statistics->ignored); i++)
    TALLY_TO_WIRE (message->ignored[i], statistics->ignored[i]);
  for (u32 i = 0; i < ARRAY_LEN (statistics->exported); i++)
    RECORDS_TO_WIRE (message->exported[i], statistics->exported[i]);
  for (u32 i = 0; i < ARRAY_LEN (statistics->lost); i++)
    RECORDS_TO_WIRE (message->lost[i], statistics->lost[i]);
  send_to (caller->client, message);
}

void
api_send_flow (const flowmeter_caller_t *caller, const flowmeter_flow_t *flow)
{
  NEW_DETAILS (flowmeter_flow_details, VL_API_FLOWMETER_FLOW_DETAILS, caller);
  message->family = flow->family;
  message->direction = flow->direction;
  message->protocol = flow->protocol;
  message->type_of_service = flow->type_of_service;
  message->tcp_flags = flow->tcp_flags;
  message->ether_type = flow->ether_type;
  message->vlan_id = flow->vlan_id;
  message->source_port = flow->source_port;
  message->destination_port = flow->destination_port;
  message->source = address_to_wire (&flow->source);
  message->destination = address_to_wire (&flow->destination);
  clib_memcpy (message->source_mac, flow->source_mac, sizeof (flow->source_mac));
  clib_memcpy (message->destination_mac, flow->destination_mac, sizeof (flow->destination_mac));
  message->ingress_interface = flow->ingress_interface;
  message->egress_interface = flow->egress_interface;
  message->vrf_id = flow->vrf_id;
  message->packets = flow->packets;
  message->octets = flow->octets;
  message->start_milliseconds = flow->start_milliseconds;
  message->end_milliseconds = flow->end_milliseconds;
  send_to (caller->client, message);
}

void
api_send_operation (const flowmeter_caller_t *caller, const flowmeter_operation_t *operation)
{
  NEW_DETAILS (flowmeter_operation_details, VL_API_FLOWMETER_OPERATION_DETAILS, caller);
  message->operation = operation->operation;
  message->in_progress = operation->in_progress;
  message->retval = operation->retval;
  clib_memcpy (message->request, operation->request, sizeof (message->request) - 1);
  send_to (caller->client, message);
}

void
api_send_table_full (uint32_t client, uint32_t pid, const flowmeter_table_full_t *event)
{
  vl_api_flowmeter_table_full_event_t *message =
    new_message (client, api_message_base + VL_API_FLOWMETER_TABLE_FULL_EVENT, sizeof (*message));

  if (message == 0)
    return;
  message->client_index = client;
  message->pid = pid;
  message->exported = event->exported;
  message->lost = event->lost;
  message->live_flows = event->live_flows;
  message->enough = event->enough;
  send_to (client, message);
}

void
api_send_exporter (uint32_t client, uint32_t pid, uint8_t reachable,
		   const flowmeter_address_t *collector, uint16_t collector_port)
{
  vl_api_flowmeter_exporter_event_t *message =
    new_message (client, api_message_base + VL_API_FLOWMETER_EXPORTER_EVENT, sizeof (*message));

  if (message == 0)
    return;
  message->client_index = client;
  message->pid = pid;
  message->reachable = reachable;
  message->collector = address_to_wire (collector);
  message->collector_port = collector_port;
  send_to (client, message);
}

void
api_send_operation_end (uint32_t client, uint32_t pid, uint32_t operation, int32_t retval)
{
  vl_api_flowmeter_operation_event_t *message =
    new_message (client, api_message_base + VL_API_FLOWMETER_OPERATION_EVENT, sizeof (*message));

  if (message == 0)
    return;
  message->client_index = client;
  message->pid = pid;
  message->operation = operation;
  message->retval = retval;
  send_to (client, message);
}
