/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C symbols that flowmeter_plugin.so exports for its registrations in
 * plugin/src/ffi/registration.c. Only VPP calls them, on the thread that each group names.
 *
 * VPP's types are only declared here, so that this header does not include VPP's headers.
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

/* Lists of what is registered, by index. Each function returns 0 after the end of its list. */

/* An observing node. Its function runs on any thread, meters the packets of a frame and enqueues
   them to their next features. It returns the number of packets. */
typedef struct
{
  const char *name;
  uint64_t (*function) (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
			struct vlib_frame_t *frame);
} flowmeter_node_t;

/* A node that is a feature on an arc. */
typedef struct
{
  const char *arc;
  const char *node;
} flowmeter_feature_t;

/* The order of a feature on its arc: lists of other features that end with a null pointer. */
typedef struct
{
  const char *const *runs_before;
  const char *const *runs_after;
} flowmeter_order_t;

/* A command. Its function runs on the main thread; text is the line after the path. It returns a
   clib_error_t, or null on success. */
typedef struct
{
  const char *path;
  const char *short_help;
  void *(*function) (struct vlib_main_t *vm, const uint8_t *text, uint32_t length);
} flowmeter_command_t;

/* The lists of commands: the flow meter's, and flowprobe's. */
#define FLOWMETER_COMMANDS 0
#define FLOWMETER_FLOWPROBE_COMMANDS 1

uint32_t flowmeter_node (uint32_t index, flowmeter_node_t *node);
uint32_t flowmeter_feature (uint32_t index, flowmeter_feature_t *feature);
/* Called on the main thread after all plugins are loaded. */
uint32_t flowmeter_order (uint32_t index, flowmeter_order_t *order);
uint32_t flowmeter_command (uint32_t list, uint32_t index, flowmeter_command_t *command);

/* The input node that exports due flows, on any thread, when it is interrupted. It returns 0,
   because it receives no packets. */

uint64_t flowmeter_expire (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
			   struct vlib_frame_t *frame);

/* The process node on the main thread that interrupts it. Never returns. */

uint64_t flowmeter_process (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
			    struct vlib_frame_t *frame);

/* The number of error counters of an observing node. */

#define FLOWMETER_N_ERRORS 9

/* Formats a trace record: writes at most size octets of text, and returns their number. */

uint32_t flowmeter_format_trace (const void *trace, uint8_t *text, uint32_t size);

/* Called on the main thread: init, exit, startup.conf, interface events. text is the content of the
   stanza, of length octets. A function that returns a pointer returns a clib_error_t, or null on
   success. */

void *flowmeter_early_init (struct vlib_main_t *vm, void *plugin);
void *flowmeter_init (struct vlib_main_t *vm);
void *flowmeter_exit (struct vlib_main_t *vm);
void *flowmeter_config (struct vlib_main_t *vm, const uint8_t *text, uint32_t length);
void flowmeter_interface_add_del (uint32_t sw_if_index, uint32_t is_add);
void flowmeter_interface_table (uint32_t sw_if_index, uint32_t is_ip6, uint32_t table_id);

/* Called after each API message and command of any client. */

void flowmeter_after_request (void);

/* The binary API (plugin/src/frontends/api/flowmeter.api): the content of its messages in host byte
   order. Enumeration values are those of the message and are not validated. In
   plugin/src/frontends/api/, api.c converts messages to these structures, send.c converts back. */

#define FLOWMETER_NAME_OCTETS 64

/* The client of a request, and the id and size of the reply, which has a retval. */
typedef struct
{
  uint32_t client;
  uint32_t context;
  uint16_t reply;
  uint16_t reply_octets;
} flowmeter_caller_t;

typedef struct
{
  uint8_t family;
  uint8_t octets[16];
} flowmeter_address_t;

/* What to meter on an interface, or on all that match a rule. The name is padded with zeros. */
typedef struct
{
  uint32_t sw_if_index;
  uint8_t variant;
  uint8_t direction;
  uint8_t name[FLOWMETER_NAME_OCTETS];
} flowmeter_watch_t;

typedef struct
{
  uint32_t active_timeout;
  uint32_t idle_timeout;
  uint32_t flows_per_worker;
  uint32_t observation_domain;
} flowmeter_parameters_t;

typedef struct
{
  flowmeter_address_t collector;
  flowmeter_address_t source;
  uint32_t source_interface;
  uint16_t collector_port;
  uint32_t table_id;
  uint32_t path_mtu;
  uint32_t template_interval;
} flowmeter_exporter_t;

typedef struct
{
  uint8_t origin;
  uint8_t reachable;
  flowmeter_exporter_t exporter;
  uint64_t messages;
  uint64_t records;
} flowmeter_exporter_state_t;

typedef struct
{
  uint64_t packets;
  uint64_t octets;
} flowmeter_tally_t;

typedef struct
{
  uint64_t records;
  uint64_t packets;
  uint64_t octets;
} flowmeter_records_t;

typedef struct
{
  uint32_t thread_index;
  uint64_t flows;
  uint64_t live_flows;
  uint64_t table_octets;
  uint64_t messages;
  uint64_t records;
  flowmeter_tally_t observed;
  flowmeter_tally_t metered;
  flowmeter_tally_t live;
  flowmeter_tally_t ignored[8];
  flowmeter_records_t exported[5];
  flowmeter_records_t lost[3];
} flowmeter_statistics_t;

typedef struct
{
  uint8_t order;
  uint8_t families;
  uint8_t is_match;
  uint32_t top;
  flowmeter_address_t match;
} flowmeter_query_t;

typedef struct
{
  uint8_t family;
  uint8_t direction;
  uint8_t protocol;
  uint8_t type_of_service;
  uint8_t tcp_flags;
  uint16_t ether_type;
  uint16_t vlan_id;
  uint16_t source_port;
  uint16_t destination_port;
  flowmeter_address_t source;
  flowmeter_address_t destination;
  uint8_t source_mac[6];
  uint8_t destination_mac[6];
  uint32_t ingress_interface;
  uint32_t egress_interface;
  uint32_t vrf_id;
  uint64_t packets;
  uint64_t octets;
  uint64_t start_milliseconds;
  uint64_t end_milliseconds;
} flowmeter_flow_t;

typedef struct
{
  uint64_t exported;
  uint64_t lost;
  uint64_t live_flows;
  uint64_t enough;
} flowmeter_table_full_t;

typedef struct
{
  uint32_t operation;
  uint8_t in_progress;
  int32_t retval;
  uint8_t request[FLOWMETER_NAME_OCTETS];
} flowmeter_operation_t;

/* Requests, on the main thread. They are queued, and answered later by the processes. */

void flowmeter_api_interface_add_del (const flowmeter_caller_t *caller, uint32_t is_add,
				      const flowmeter_watch_t *watch);
void flowmeter_api_rule_add_del (const flowmeter_caller_t *caller, uint32_t is_add,
				 const flowmeter_watch_t *watch);
void flowmeter_api_interface_dump (const flowmeter_caller_t *caller, uint32_t sw_if_index);
void flowmeter_api_rule_dump (const flowmeter_caller_t *caller);
void flowmeter_api_set_parameters (const flowmeter_caller_t *caller,
				   const flowmeter_parameters_t *parameters);
void flowmeter_api_get_parameters (const flowmeter_caller_t *caller);
void flowmeter_api_set_exporter (const flowmeter_caller_t *caller, uint32_t is_add,
				 const flowmeter_exporter_t *exporter);
void flowmeter_api_get_exporter (const flowmeter_caller_t *caller);
void flowmeter_api_flush (const flowmeter_caller_t *caller);
void flowmeter_api_clear_statistics (const flowmeter_caller_t *caller);
void flowmeter_api_statistics_dump (const flowmeter_caller_t *caller, uint32_t thread_index);
void flowmeter_api_flow_dump (const flowmeter_caller_t *caller, const flowmeter_query_t *query);
void flowmeter_api_operation_dump (const flowmeter_caller_t *caller, uint32_t operation);
void flowmeter_api_want_events (const flowmeter_caller_t *caller, uint32_t enable, uint32_t pid);

/* Called when a client has disconnected. */

void flowmeter_api_client_left (uint32_t client);

/* The process nodes on the main thread that answer requests. Never returns. */

uint64_t flowmeter_api_process (struct vlib_main_t *vm, struct vlib_node_runtime_t *node,
				struct vlib_frame_t *frame);

#ifdef __cplusplus
}
#endif

#endif /* included_flowmeter_h */
