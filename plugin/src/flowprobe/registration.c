/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in flowprobe's place is registered here: nodes and features of names of our own
 * always; flowprobe's messages and commands when VPP's loop begins, and only where nobody else
 * has registered them by then. What is asked for is done in Rust.
 *
 * Messages are those of the headers that VPP's -dev package has for flowprobe.
 */

#include "vpp_shim.h"
#include "flowmeter.h"
#include "flowmeter_flowprobe.h"

#include <vlibapi/api.h>
#include <vlibmemory/api.h>
#include <vnet/format_fns.h>

#include <vpp_plugins/flowprobe/flowprobe.api_enum.h>
#include <vpp_plugins/flowprobe/flowprobe.api_types.h>

#define vl_endianfun
#include <vpp_plugins/flowprobe/flowprobe.api.h>
#undef vl_endianfun
#define vl_calcsizefun
#include <vpp_plugins/flowprobe/flowprobe.api.h>
#undef vl_calcsizefun
#define vl_msg_name_crc_list
#include <vpp_plugins/flowprobe/flowprobe.api.h>
#undef vl_msg_name_crc_list

/* Clients such as vpp_api_test ask for the messages by the name of the file and its CRC. */
#define vl_api_version(file, crc) static const u32 file_crc = crc;
#include <vpp_plugins/flowprobe/flowprobe.api.h>
#undef vl_api_version

static u16 message_base;

#define REPLY_MSG_ID_BASE message_base
#include <vlibapi/api_helper_macros.h>

/* As in ../registration.c. */
extern vlib_error_desc_t flowmeter_errors[FLOWMETER_N_ERRORS];

static u8 *
format_trace (u8 *s, va_list *args)
{
  CLIB_UNUSED (vlib_main_t *vm) = va_arg (*args, vlib_main_t *);
  CLIB_UNUSED (vlib_node_t *node) = va_arg (*args, vlib_node_t *);
  const void *trace = va_arg (*args, const void *);
  u8 text[256];

  vec_add (s, text, flowmeter_format_trace (trace, text, sizeof (text)));
  return s;
}

/* VPP writes counters' numbers into the descriptions, so each kind of node has its own. */
static vlib_error_desc_t errors[FLOWMETER_N_ERRORS];

static void __clib_constructor
copy_errors (void)
{
  clib_memcpy (errors, flowmeter_errors, sizeof (errors));
}

#define OBSERVING_NODE(suffix, text)                                                               \
  VLIB_REGISTER_NODE (flowmeter_record_node_##suffix) = {                                          \
    .name = text,                                                                                  \
    .function = (vlib_node_function_t *) flowmeter_record_##suffix,                                \
    .vector_size = sizeof (u32),                                                                   \
    .format_trace = format_trace,                                                                  \
    .type = VLIB_NODE_TYPE_INTERNAL,                                                               \
    .n_errors = FLOWMETER_N_ERRORS,                                                                \
    .error_counters = errors,                                                                      \
  }

OBSERVING_NODE (input_ip4, "flowmeter-record-input-ip4");
OBSERVING_NODE (input_ip6, "flowmeter-record-input-ip6");
OBSERVING_NODE (input_l2, "flowmeter-record-input-l2");
OBSERVING_NODE (output_ip4, "flowmeter-record-output-ip4");
OBSERVING_NODE (output_ip6, "flowmeter-record-output-ip6");
OBSERVING_NODE (output_l2, "flowmeter-record-output-l2");

#define FEATURE(id, arc, node, ...)                                                                \
  VNET_FEATURE_INIT (flowmeter_record_##id, static) = {                                            \
    .arc_name = arc,                                                                               \
    .node_name = node,                                                                             \
    .runs_before = VNET_FEATURES (__VA_ARGS__),                                                    \
  }

FEATURE (ip4_unicast, "ip4-unicast", "flowmeter-record-input-ip4", "ip4-inacl", "ip4-lookup");
FEATURE (ip4_multicast, "ip4-multicast", "flowmeter-record-input-ip4", "ip4-mfib-forward-lookup");
FEATURE (ip6_unicast, "ip6-unicast", "flowmeter-record-input-ip6", "ip6-inacl", "ip6-lookup");
FEATURE (ip6_multicast, "ip6-multicast", "flowmeter-record-input-ip6", "ip6-mfib-forward-lookup");
FEATURE (device, "device-input", "flowmeter-record-input-l2", "ethernet-input");
FEATURE (ip4_output, "ip4-output", "flowmeter-record-output-ip4", "interface-output");
FEATURE (ip6_output, "ip6-output", "flowmeter-record-output-ip6", "interface-output");
FEATURE (interface_output, "interface-output", "flowmeter-record-output-l2",
	 "interface-output-arc-end");

/* Messages. */

#define HANDLER(message, id, call)                                                                 \
  static void vl_api_##message##_t_handler (vl_api_##message##_t *mp)                              \
  {                                                                                                \
    vl_api_##message##_reply_t *rmp;                                                               \
    int rv = call;                                                                                 \
                                                                                                   \
    REPLY_MACRO (id);                                                                              \
  }

HANDLER (flowprobe_tx_interface_add_del, VL_API_FLOWPROBE_TX_INTERFACE_ADD_DEL_REPLY,
	 flowmeter_flowprobe_tx_interface_add_del (clib_net_to_host_u32 (mp->sw_if_index),
						   mp->which, mp->is_add))

HANDLER (flowprobe_interface_add_del, VL_API_FLOWPROBE_INTERFACE_ADD_DEL_REPLY,
	 flowmeter_flowprobe_interface_add_del (clib_net_to_host_u32 (mp->sw_if_index), mp->which,
						mp->direction, mp->is_add))

HANDLER (flowprobe_params, VL_API_FLOWPROBE_PARAMS_REPLY,
	 flowmeter_flowprobe_set_params (mp->record_flags, clib_net_to_host_u32 (mp->active_timer),
					 clib_net_to_host_u32 (mp->passive_timer), 0))

HANDLER (flowprobe_set_params, VL_API_FLOWPROBE_SET_PARAMS_REPLY,
	 flowmeter_flowprobe_set_params (mp->record_flags, clib_net_to_host_u32 (mp->active_timer),
					 clib_net_to_host_u32 (mp->passive_timer), 1))

static void
vl_api_flowprobe_get_params_t_handler (vl_api_flowprobe_get_params_t *mp)
{
  vl_api_flowprobe_get_params_reply_t *rmp;
  u32 parameters[3] = {};
  int rv = 0;

  flowmeter_flowprobe_get_params (&parameters);
  REPLY_MACRO2 (VL_API_FLOWPROBE_GET_PARAMS_REPLY, ({
		  rmp->record_flags = parameters[0];
		  rmp->active_timer = clib_host_to_net_u32 (parameters[1]);
		  rmp->passive_timer = clib_host_to_net_u32 (parameters[2]);
		}));
}

typedef struct
{
  vl_api_registration_t *client;
  u32 context;
} dump_t;

static void
send_details (void *context, u32 sw_if_index, u8 which, u8 direction)
{
  const dump_t *dump = context;
  vl_api_flowprobe_interface_details_t *mp = vl_msg_api_alloc_zero (sizeof (*mp));

  mp->_vl_msg_id = clib_host_to_net_u16 (VL_API_FLOWPROBE_INTERFACE_DETAILS + message_base);
  mp->context = dump->context;
  mp->which = which;
  mp->direction = direction;
  mp->sw_if_index = clib_host_to_net_u32 (sw_if_index);
  vl_api_send_msg (dump->client, (u8 *) mp);
}

static void
vl_api_flowprobe_interface_dump_t_handler (vl_api_flowprobe_interface_dump_t *mp)
{
  dump_t dump = {
    .client = vl_api_client_index_to_registration (mp->client_index),
    .context = mp->context,
  };

  if (dump.client)
    flowmeter_flowprobe_interfaces (clib_net_to_host_u32 (mp->sw_if_index), send_details, &dump);
}

static void
configure (u16 number, char *name, void *handler, void *endian, void *calc_size)
{
  vl_msg_api_msg_config_t config = {
    .id = message_base + number,
    .name = name,
    .handler = handler,
    .endian = endian,
    .calc_size = calc_size,
    .traced = 1,
    .replay = 1,
  };

  vl_msg_api_config (&config);
  /* Who is asked takes the barrier where it needs it, and for as long. */
  vl_api_set_msg_thread_safe (vlibapi_get_main (), config.id, 1);
}

static void
register_messages (void)
{
  u8 *name = format (0, "flowprobe_%08x%c", file_crc, 0);

  message_base = vl_msg_api_get_msg_ids ((char *) name, VL_MSG_FLOWPROBE_LAST);
  vec_free (name);

#define _(number, name, crc)                                                                       \
  vl_msg_api_add_msg_name_crc (vlibapi_get_main (), #name "_" #crc, message_base + number);
  foreach_vl_msg_name_crc_flowprobe
#undef _

#define REQUEST(number, name)                                                                      \
  configure (number, #name, vl_api_##name##_t_handler, vl_api_##name##_t_endian,                   \
	     vl_api_##name##_t_calc_size)
#define ANSWER(number, name)                                                                       \
  configure (number, #name, 0, vl_api_##name##_t_endian, vl_api_##name##_t_calc_size)

  REQUEST (VL_API_FLOWPROBE_TX_INTERFACE_ADD_DEL, flowprobe_tx_interface_add_del);
  ANSWER (VL_API_FLOWPROBE_TX_INTERFACE_ADD_DEL_REPLY, flowprobe_tx_interface_add_del_reply);
  REQUEST (VL_API_FLOWPROBE_INTERFACE_ADD_DEL, flowprobe_interface_add_del);
  ANSWER (VL_API_FLOWPROBE_INTERFACE_ADD_DEL_REPLY, flowprobe_interface_add_del_reply);
  REQUEST (VL_API_FLOWPROBE_INTERFACE_DUMP, flowprobe_interface_dump);
  ANSWER (VL_API_FLOWPROBE_INTERFACE_DETAILS, flowprobe_interface_details);
  REQUEST (VL_API_FLOWPROBE_PARAMS, flowprobe_params);
  ANSWER (VL_API_FLOWPROBE_PARAMS_REPLY, flowprobe_params_reply);
  REQUEST (VL_API_FLOWPROBE_SET_PARAMS, flowprobe_set_params);
  ANSWER (VL_API_FLOWPROBE_SET_PARAMS_REPLY, flowprobe_set_params_reply);
  REQUEST (VL_API_FLOWPROBE_GET_PARAMS, flowprobe_get_params);
  ANSWER (VL_API_FLOWPROBE_GET_PARAMS_REPLY, flowprobe_get_params_reply);
}

/* Commands. */

typedef void *(main_function_t) (struct vlib_main_t *vm, const uint8_t *text, uint32_t length);

static clib_error_t *
run (vlib_main_t *vm, unformat_input_t *input, vlib_cli_command_t *command)
{
  main_function_t *function = (main_function_t *) command->function_arg;
  u8 *text = vpp_shim_unformat_line (input);
  clib_error_t *error = function (vm, text, vec_len (text));

  vec_free (text);
  return error;
}

#define COMMAND(words, help, f)                                                                    \
  {                                                                                                \
    .path = words, .short_help = words help, .function = run, .function_arg = (uword) f,           \
    .is_mp_safe = 1,                                                                               \
  }

static vlib_cli_command_t commands[] = {
  COMMAND ("flowprobe params", " record [l2] [l3] [l4] [active <timer>] [passive <timer>]",
	   flowmeter_flowprobe_cli_params),
  COMMAND ("flowprobe feature add-del", " <interface-name> [(l2|ip4|ip6)] [(rx|tx|both)] [disable]",
	   flowmeter_flowprobe_cli_feature),
  COMMAND ("show flowprobe params", "", flowmeter_flowprobe_cli_show_params),
  COMMAND ("show flowprobe feature", "", flowmeter_flowprobe_cli_show_feature),
  COMMAND ("show flowprobe table", "", flowmeter_flowprobe_cli_show_table),
  COMMAND ("show flowprobe statistics", "", flowmeter_flowprobe_cli_show_statistics),
};

/* All plugins have started: whoever else has these messages has them by now. */
static clib_error_t *
flowprobe_enter (vlib_main_t *vm)
{
#define _(number, name, crc)                                                                       \
  if (vl_msg_api_get_msg_index ((u8 *) #name "_" #crc) != ~0)                                      \
    {                                                                                              \
      flowmeter_flowprobe_stands_back ();                                                          \
      return 0;                                                                                    \
    }
  foreach_vl_msg_name_crc_flowprobe
#undef _

  register_messages ();
  for (u32 i = 0; i < ARRAY_LEN (commands); i++)
    {
      clib_error_t *error = vlib_cli_register (vm, &commands[i]);
      if (error)
	return error;
    }
  return 0;
}

VLIB_MAIN_LOOP_ENTER_FUNCTION (flowprobe_enter);
