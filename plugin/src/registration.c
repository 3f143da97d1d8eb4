/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this plugin registers with VPP: nodes, features, commands, functions for start, end,
 * configuration and interfaces. Only data, and what turns VPP's calling conventions into those
 * of include/flowmeter.h; what is registered is there, in Rust.
 */

#include "observing_node.h"

#include <vlibapi/api.h>
#include <vnet/ip/ip4.h>
#include <vnet/ip/ip6.h>

OBSERVING_NODE (flowmeter_input_ip4, "flowmeter-input-ip4", flowmeter_errors);
OBSERVING_NODE (flowmeter_input_ip6, "flowmeter-input-ip6", flowmeter_errors);
OBSERVING_NODE (flowmeter_input_l2, "flowmeter-input-l2", flowmeter_errors);
OBSERVING_NODE (flowmeter_output_ip4, "flowmeter-output-ip4", flowmeter_errors);
OBSERVING_NODE (flowmeter_output_ip6, "flowmeter-output-ip6", flowmeter_errors);
OBSERVING_NODE (flowmeter_output_l2, "flowmeter-output-l2", flowmeter_errors);

VLIB_REGISTER_NODE (flowmeter_node_expire) = {
  .name = "flowmeter-expire",
  .function = (vlib_node_function_t *) flowmeter_expire,
  .type = VLIB_NODE_TYPE_INPUT,
  .state = VLIB_NODE_STATE_INTERRUPT,
};

VLIB_REGISTER_NODE (flowmeter_node_process) = {
  .name = "flowmeter-process",
  .function = (vlib_node_function_t *) flowmeter_process,
  .type = VLIB_NODE_TYPE_PROCESS,
  .process_log2_n_stack_bytes = 17,
};

VNET_FEATURE_INIT (flowmeter_input_ip4_unicast, static) = {
  .arc_name = "ip4-unicast",
  .node_name = "flowmeter-input-ip4",
  .runs_before = VNET_FEATURES ("ip4-inacl", "ip4-lookup"),
};

VNET_FEATURE_INIT (flowmeter_input_ip4_multicast, static) = {
  .arc_name = "ip4-multicast",
  .node_name = "flowmeter-input-ip4",
  .runs_before = VNET_FEATURES ("ip4-mfib-forward-lookup"),
};

VNET_FEATURE_INIT (flowmeter_input_ip6_unicast, static) = {
  .arc_name = "ip6-unicast",
  .node_name = "flowmeter-input-ip6",
  .runs_before = VNET_FEATURES ("ip6-inacl", "ip6-lookup"),
};

VNET_FEATURE_INIT (flowmeter_input_ip6_multicast, static) = {
  .arc_name = "ip6-multicast",
  .node_name = "flowmeter-input-ip6",
  .runs_before = VNET_FEATURES ("ip6-mfib-forward-lookup"),
};

VNET_FEATURE_INIT (flowmeter_input_l2_device, static) = {
  .arc_name = "device-input",
  .node_name = "flowmeter-input-l2",
  .runs_before = VNET_FEATURES ("ethernet-input"),
};

VNET_FEATURE_INIT (flowmeter_output_ip4_feature, static) = {
  .arc_name = "ip4-output",
  .node_name = "flowmeter-output-ip4",
  .runs_before = VNET_FEATURES ("interface-output"),
};

VNET_FEATURE_INIT (flowmeter_output_ip6_feature, static) = {
  .arc_name = "ip6-output",
  .node_name = "flowmeter-output-ip6",
  .runs_before = VNET_FEATURES ("interface-output"),
};

VNET_FEATURE_INIT (flowmeter_output_l2_interface, static) = {
  .arc_name = "interface-output",
  .node_name = "flowmeter-output-l2",
  .runs_before = VNET_FEATURES ("interface-output-arc-end"),
};

typedef void *(main_function_t) (struct vlib_main_t *vm, const uint8_t *text, uint32_t length);

static clib_error_t *
call (main_function_t *function, vlib_main_t *vm, u8 *text)
{
  clib_error_t *error = function (vm, text, vec_len (text));
  vec_free (text);
  return error;
}

#define COMMAND(suffix, words, help)                                                               \
  static clib_error_t *cli_##suffix (vlib_main_t *vm, unformat_input_t *input,                     \
				     vlib_cli_command_t *command)                                  \
  {                                                                                                \
    return call (flowmeter_cli_##suffix, vm, vpp_shim_unformat_line (input));                      \
  }                                                                                                \
  /* Each takes the barrier where it needs it, and for as long. */                                 \
  VLIB_CLI_COMMAND (flowmeter_cli_##suffix##_command, static) = {                                  \
    .path = words,                                                                                 \
    .short_help = words " " help,                                                                  \
    .function = cli_##suffix,                                                                      \
    .is_mp_safe = 1,                                                                               \
  }

COMMAND (interface, "flowmeter interface",
	 "<interface>|<glob> [ip4|ip6|l2|all] [rx|tx|both] [disable]");
COMMAND (flush, "flowmeter flush", "");
/* With the exporter in the same command: VPP tries the shorter path too where the longer one's
   function finds fault, and would print what that makes of it. */
COMMAND (set, "set flowmeter",
	 "[active-timeout <seconds>] [idle-timeout <seconds>] [flows-per-worker <n>] [default] | "
	 "exporter collector <ip> [port <n>] src <ip> [fib <table>] [path-mtu <n>] "
	 "[template-interval <seconds>] | exporter disable");
COMMAND (show, "show flowmeter",
	 "[interfaces|exporter|statistics|memory] | flows [top <n>] [by packets|octets] "
	 "[ip4|ip6|l2] [match <ip>]");
COMMAND (clear, "clear flowmeter", "[statistics|flows]");

static clib_error_t *
config (vlib_main_t *vm, unformat_input_t *input)
{
  return call (flowmeter_config, vm, vpp_shim_unformat_rest (input));
}

VLIB_CONFIG_FUNCTION (config, "flowmeter");

static clib_error_t *
interface_add_del (vnet_main_t *vnm, u32 sw_if_index, u32 is_add)
{
  flowmeter_interface_add_del (sw_if_index, is_add);
  return 0;
}

/* After VPP's own: an interface has its tables then. */
VNET_SW_INTERFACE_ADD_DEL_FUNCTION_PRIO (interface_add_del, VNET_ITF_FUNC_PRIORITY_HIGH);

static void
ip4_table_bind (ip4_main_t *im, uword opaque, u32 sw_if_index, u32 new_fib, u32 old_fib)
{
  flowmeter_interface_table (sw_if_index);
}

static void
ip6_table_bind (ip6_main_t *im, uword opaque, u32 sw_if_index, u32 new_fib, u32 old_fib)
{
  flowmeter_interface_table (sw_if_index);
}

/* VPP has no hook for an exporter that is set; after each message and command it calls this. */

static void
after_message (api_main_t *am, u32 id, int is_after)
{
  if (is_after && vlib_get_thread_index () == 0)
    flowmeter_after_request ();
}

static void
after_command (vlib_cli_main_t *cm, u32 id, int is_after)
{
  if (is_after && vlib_get_thread_index () == 0)
    flowmeter_after_request ();
}

static clib_error_t *
init (vlib_main_t *vm)
{
  ip4_table_bind_callback_t bind4 = { .function = ip4_table_bind };
  ip6_table_bind_callback_t bind6 = { .function = ip6_table_bind };

  vec_add1 (ip4_main.table_bind_callbacks, bind4);
  vec_add1 (ip6_main.table_bind_callbacks, bind6);
  vec_add1 (vlibapi_get_main ()->perf_counter_cbs, after_message);
  vec_add1 (vlib_get_global_main ()->cli_main.perf_counter_cbs, after_command);
  return flowmeter_init (vm);
}

VLIB_INIT_FUNCTION (init);

static clib_error_t *
main_loop_exit (vlib_main_t *vm)
{
  return flowmeter_exit (vm);
}

VLIB_MAIN_LOOP_EXIT_FUNCTION (main_loop_exit);
