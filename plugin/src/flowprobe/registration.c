/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in flowprobe's place is registered here: nodes and features of names of our own
 * always; flowprobe's messages and commands when VPP's loop begins, and only where nobody else
 * has registered them by then. What is asked for is done in Rust.
 */

#include "observing_node.h"
#include "flowmeter_flowprobe.h"
#include "messages.h"

/* VPP writes counters' numbers into the descriptions, so each kind of node has its own. */
static vlib_error_desc_t errors[FLOWMETER_N_ERRORS];

static void __clib_constructor
copy_errors (void)
{
  clib_memcpy (errors, flowmeter_errors, sizeof (errors));
}

OBSERVING_NODE (flowmeter_record_input_ip4, "flowmeter-record-input-ip4", errors);
OBSERVING_NODE (flowmeter_record_input_ip6, "flowmeter-record-input-ip6", errors);
OBSERVING_NODE (flowmeter_record_input_l2, "flowmeter-record-input-l2", errors);
OBSERVING_NODE (flowmeter_record_output_ip4, "flowmeter-record-output-ip4", errors);
OBSERVING_NODE (flowmeter_record_output_ip6, "flowmeter-record-output-ip6", errors);
OBSERVING_NODE (flowmeter_record_output_l2, "flowmeter-record-output-l2", errors);

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
  if (flowprobe_messages_are_taken ())
    {
      flowmeter_flowprobe_stands_back ();
      return 0;
    }
  flowprobe_messages_register ();
  for (u32 i = 0; i < ARRAY_LEN (commands); i++)
    {
      clib_error_t *error = vlib_cli_register (vm, &commands[i]);
      if (error)
	return error;
    }
  return 0;
}

VLIB_MAIN_LOOP_ENTER_FUNCTION (flowprobe_enter);
