/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers the binary API, and converts messages from clients to the structures of
 * include/flowmeter.h. Rust validates and interprets them.
 */

#include "vpp_shim.h"
#include "api.h"

#include <vlibapi/api.h>
#include <vlibmemory/api.h>
#include <vnet/ethernet/ethernet_types_api.h>
#include <vnet/ip/ip_types_api.h>
#include <vnet/format_fns.h>

#include "flowmeter.api_enum.h"
#include "flowmeter.api_types.h"

u16 api_message_base;

/* Messages are already in host byte order. */

static flowmeter_address_t
address_from_wire (const vl_api_address_t *wire)
{
  flowmeter_address_t address = { .family = wire->af };

  clib_memcpy (address.octets, &wire->un, sizeof (address.octets));
  return address;
}

#define CALLER(mp, NAME, name)                                                                     \
  {                                                                                                \
    .client = (mp)->client_index,                                                                  \
    .context = (mp)->context,                                                                      \
    .reply = api_message_base + VL_API_##NAME##_REPLY,                                             \
    .reply_octets = sizeof (vl_api_##name##_reply_t),                                              \
  }

#define SIMPLE_HANDLER(NAME, name, hook, ...)                                                      \
  static void vl_api_##name##_t_handler (vl_api_##name##_t *mp)                                    \
  {                                                                                                \
    const flowmeter_caller_t caller = CALLER (mp, NAME, name);                                     \
    hook (&caller, ##__VA_ARGS__);                                                                 \
  }

SIMPLE_HANDLER (FLOWMETER_INTERFACE_DUMP, flowmeter_interface_dump, flowmeter_api_interface_dump,
		mp->sw_if_index)
SIMPLE_HANDLER (FLOWMETER_RULE_DUMP, flowmeter_rule_dump, flowmeter_api_rule_dump)
SIMPLE_HANDLER (FLOWMETER_GET_PARAMETERS, flowmeter_get_parameters, flowmeter_api_get_parameters)
SIMPLE_HANDLER (FLOWMETER_GET_EXPORTER, flowmeter_get_exporter, flowmeter_api_get_exporter)
SIMPLE_HANDLER (FLOWMETER_FLUSH, flowmeter_flush, flowmeter_api_flush)
SIMPLE_HANDLER (FLOWMETER_CLEAR_STATISTICS, flowmeter_clear_statistics,
		flowmeter_api_clear_statistics)
SIMPLE_HANDLER (FLOWMETER_STATISTICS_DUMP, flowmeter_statistics_dump,
		flowmeter_api_statistics_dump, mp->thread_index)
SIMPLE_HANDLER (FLOWMETER_OPERATION_DUMP, flowmeter_operation_dump, flowmeter_api_operation_dump,
		mp->operation)
SIMPLE_HANDLER (WANT_FLOWMETER_EVENTS, want_flowmeter_events, flowmeter_api_want_events,
		*(u8 *) &mp->enable, mp->pid)

static void
vl_api_flowmeter_interface_add_del_t_handler (vl_api_flowmeter_interface_add_del_t *mp)
{
  const flowmeter_caller_t caller =
    CALLER (mp, FLOWMETER_INTERFACE_ADD_DEL, flowmeter_interface_add_del);
  const flowmeter_watch_t watch = {
    .sw_if_index = mp->sw_if_index,
    .variant = mp->variant,
    .direction = mp->direction,
  };

  flowmeter_api_interface_add_del (&caller, *(u8 *) &mp->is_add, &watch);
}

static void
vl_api_flowmeter_rule_add_del_t_handler (vl_api_flowmeter_rule_add_del_t *mp)
{
  const flowmeter_caller_t caller = CALLER (mp, FLOWMETER_RULE_ADD_DEL, flowmeter_rule_add_del);
  flowmeter_watch_t watch = {
    .sw_if_index = ~0,
    .variant = mp->variant,
    .direction = mp->direction,
  };

  STATIC_ASSERT (sizeof (mp->pattern) == sizeof (watch.name), "names have the same size");
  clib_memcpy (watch.name, mp->pattern, sizeof (watch.name));
  flowmeter_api_rule_add_del (&caller, *(u8 *) &mp->is_add, &watch);
}

static void
vl_api_flowmeter_set_parameters_t_handler (vl_api_flowmeter_set_parameters_t *mp)
{
  const flowmeter_caller_t caller =
    CALLER (mp, FLOWMETER_SET_PARAMETERS, flowmeter_set_parameters);
  const flowmeter_parameters_t parameters = {
    .active_timeout = mp->active_timeout,
    .idle_timeout = mp->idle_timeout,
    .flows_per_worker = mp->flows_per_worker,
    .observation_domain = mp->observation_domain,
  };

  flowmeter_api_set_parameters (&caller, &parameters);
}

static void
vl_api_flowmeter_set_exporter_t_handler (vl_api_flowmeter_set_exporter_t *mp)
{
  const flowmeter_caller_t caller = CALLER (mp, FLOWMETER_SET_EXPORTER, flowmeter_set_exporter);
  const flowmeter_exporter_t exporter = {
    .collector = address_from_wire (&mp->collector),
    .source = address_from_wire (&mp->source),
    .source_interface = mp->source_interface,
    .collector_port = mp->collector_port,
    .table_id = mp->table_id,
    .path_mtu = mp->path_mtu,
    .template_interval = mp->template_interval,
  };

  flowmeter_api_set_exporter (&caller, *(u8 *) &mp->is_add, &exporter);
}

static void
vl_api_flowmeter_flow_dump_t_handler (vl_api_flowmeter_flow_dump_t *mp)
{
  const flowmeter_caller_t caller = CALLER (mp, FLOWMETER_FLOW_DUMP, flowmeter_flow_dump);
  const flowmeter_query_t query = {
    .order = mp->order,
    .families = mp->families,
    .is_match = *(u8 *) &mp->is_match,
    .top = mp->top,
    .match = address_from_wire (&mp->match),
  };

  flowmeter_api_flow_dump (&caller, &query);
}

static clib_error_t *
client_left (u32 client)
{
  flowmeter_api_client_left (client);
  return 0;
}

VL_MSG_API_REAPER_FUNCTION (client_left);

/* VPP's macro does not unregister the function when the library (a second copy) is unloaded. */
static void __attribute__ ((__destructor__))
unregister_client_left (void)
{
  _vl_msg_api_function_list_elt_t **each = &vlibapi_get_main ()->reaper_function_registrations;

  for (; *each; each = &(*each)->next_init_function)
    if ((*each)->f == client_left)
      {
	*each = (*each)->next_init_function;
	return;
      }
}

#define API_PROCESS(number)                                                                        \
  VLIB_REGISTER_NODE (flowmeter_node_api_##number) = {                                             \
    .name = "flowmeter-api-" #number,                                                              \
    .function = (vlib_node_function_t *) flowmeter_api_process,                                    \
    .type = VLIB_NODE_TYPE_PROCESS,                                                                \
    .process_log2_n_stack_bytes = 17,                                                              \
  }

API_PROCESS (0);
API_PROCESS (1);
API_PROCESS (2);
API_PROCESS (3);

#include "flowmeter.api.c"

/* The generated code configures requests, replies and details, but not events. VPP cannot send a
   message that is not configured. */
#define CONFIGURE_EVENT(NAME, event)                                                               \
  do                                                                                               \
    {                                                                                              \
      vl_msg_api_msg_config_t config = {                                                           \
	.id = VL_API_##NAME + api_message_base,                                                    \
	.name = #event,                                                                            \
	.endian = vl_api_##event##_t_endian,                                                       \
	.format_fn = vl_api_##event##_t_format,                                                    \
	.traced = 1,                                                                               \
	.tojson = vl_api_##event##_t_tojson,                                                       \
	.fromjson = vl_api_##event##_t_fromjson,                                                   \
	.calc_size = vl_api_##event##_t_calc_size,                                                 \
      };                                                                                           \
      vl_msg_api_config (&config);                                                                 \
    }                                                                                              \
  while (0)

static clib_error_t *
api_init (vlib_main_t *vm)
{
  api_main_t *am = vlibapi_get_main ();

  api_message_base = setup_message_id_table ();
  CONFIGURE_EVENT (FLOWMETER_TABLE_FULL_EVENT, flowmeter_table_full_event);
  CONFIGURE_EVENT (FLOWMETER_EXPORTER_EVENT, flowmeter_exporter_event);
  CONFIGURE_EVENT (FLOWMETER_OPERATION_EVENT, flowmeter_operation_event);
  /* Handlers only queue a request, which needs no barrier. */
  for (u16 id = 0; id < VL_MSG_FLOWMETER_LAST; id++)
    vl_api_set_msg_thread_safe (am, api_message_base + id, 1);
  return 0;
}

VLIB_API_INIT_FUNCTION (api_init);
