/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the plugin registers with VPP: nodes, features, commands, and functions for init, exit,
 * configuration and interface events. It has only data and adapters from VPP's calling conventions
 * to those of include/flowmeter.h; the lists of observing nodes, features and commands are in Rust.
 */

#include "vpp_shim.h"
#include "flowmeter.h"
#include "registration.h"

#include <vlibapi/api.h>
#include <vnet/ip/ip4.h>
#include <vnet/ip/ip6.h>

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

/* An observing node. VPP writes the indices of its error counters into their descriptions, so each
   node has its own copy of them. */
typedef struct observing_node
{
  struct observing_node *next;
  vlib_error_desc_t errors[FLOWMETER_N_ERRORS];
  vlib_node_registration_t registration;
} observing_node_t;

typedef struct feature
{
  struct feature *next;
  u32 index;
  vnet_feature_registration_t registration;
} feature_t;

static observing_node_t *nodes;
static feature_t *features;

static void
register_node (const flowmeter_node_t *description)
{
  vlib_node_registration_t **registrations = &vlib_get_global_main ()->node_registrations;
  observing_node_t *node = calloc (1, sizeof (*node));

  if (!node)
    return;
  clib_memcpy (node->errors, flowmeter_errors, sizeof (node->errors));
  node->registration.name = (char *) description->name;
  node->registration.function = (vlib_node_function_t *) description->function;
  node->registration.type = VLIB_NODE_TYPE_INTERNAL;
  node->registration.vector_size = sizeof (u32);
  node->registration.format_trace = format_trace;
  node->registration.n_errors = FLOWMETER_N_ERRORS;
  node->registration.error_counters = node->errors;
  node->registration.next_registration = *registrations;
  *registrations = &node->registration;
  node->next = nodes;
  nodes = node;
}

static void
register_feature (u32 index, const flowmeter_feature_t *description)
{
  feature_t *feature = calloc (1, sizeof (*feature));

  if (!feature)
    return;
  feature->index = index;
  feature->registration.arc_name = (char *) description->arc;
  feature->registration.node_name = (char *) description->node;
  feature->registration.next = feature_main.next_feature;
  feature_main.next_feature = &feature->registration;
  feature->next = features;
  features = feature;
}

static void __clib_constructor
register_observing_nodes (void)
{
  flowmeter_node_t node;
  flowmeter_feature_t feature;

  for (u32 i = 0; flowmeter_node (i, &node); i++)
    register_node (&node);
  for (u32 i = 0; flowmeter_feature (i, &feature); i++)
    register_feature (i, &feature);
}

/* Called after all plugins are loaded and before VPP orders features. Its stanza is not for use. */
static clib_error_t *
order_features (vlib_main_t *vm, unformat_input_t *input)
{
  flowmeter_order_t order;

  for (feature_t *feature = features; feature; feature = feature->next)
    if (flowmeter_order (feature->index, &order))
      {
	feature->registration.runs_before = (char **) order.runs_before;
	feature->registration.runs_after = (char **) order.runs_after;
      }
  return 0;
}

VLIB_EARLY_CONFIG_FUNCTION (order_features, "flowmeter-features");

/* VPP unloads a library whose early_init fails: none of its registrations may remain. */
static void __attribute__ ((__destructor__))
unregister_observing_nodes (void)
{
  vlib_global_main_t *vgm = vlib_get_global_main ();

  for (observing_node_t *node = nodes; node; node = node->next)
    VLIB_REMOVE_FROM_LINKED_LIST (vgm->node_registrations, &node->registration, next_registration);
  for (feature_t *feature = features; feature; feature = feature->next)
    VLIB_REMOVE_FROM_LINKED_LIST (feature_main.next_feature, &feature->registration, next);
  while (nodes)
    {
      observing_node_t *node = nodes;
      nodes = node->next;
      free (node);
    }
  while (features)
    {
      feature_t *feature = features;
      features = feature->next;
      free (feature);
    }
}

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

typedef void *(main_function_t) (struct vlib_main_t *vm, const uint8_t *text, uint32_t length);

static clib_error_t *
call (main_function_t *function, vlib_main_t *vm, u8 *text)
{
  clib_error_t *error = function (vm, text, vec_len (text));
  vec_free (text);
  return error;
}

static clib_error_t *
run_command (vlib_main_t *vm, unformat_input_t *input, vlib_cli_command_t *command)
{
  return call ((main_function_t *) command->function_arg, vm, vpp_shim_unformat_line (input));
}

clib_error_t *
register_commands (vlib_main_t *vm, u32 list)
{
  flowmeter_command_t description;
  clib_error_t *error = 0;

  for (u32 i = 0; !error && flowmeter_command (list, i, &description); i++)
    {
      vlib_cli_command_t command = {
	.path = (char *) description.path,
	.short_help = (char *) description.short_help,
	.function = run_command,
	.function_arg = (uword) description.function,
	/* Each command takes the barrier where it needs it. */
	.is_mp_safe = 1,
      };
      error = vlib_cli_register (vm, &command);
    }
  return error;
}

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

/* Runs after VPP's own functions, which set the interface's tables. */
VNET_SW_INTERFACE_ADD_DEL_FUNCTION_PRIO (interface_add_del, VNET_ITF_FUNC_PRIORITY_HIGH);

/* VPP calls these before it binds the interface to its new table. */

static void
ip4_table_bind (ip4_main_t *im, uword opaque, u32 sw_if_index, u32 new_fib, u32 old_fib)
{
  flowmeter_interface_table (sw_if_index, 0, fib_table_get_table_id (new_fib, FIB_PROTOCOL_IP4));
}

static void
ip6_table_bind (ip6_main_t *im, uword opaque, u32 sw_if_index, u32 new_fib, u32 old_fib)
{
  flowmeter_interface_table (sw_if_index, 1, fib_table_get_table_id (new_fib, FIB_PROTOCOL_IP6));
}

/* VPP has no hook for a changed exporter. These are called after each message and command. */

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
  clib_error_t *error = flowmeter_init (vm);
  return error ? error : register_commands (vm, FLOWMETER_COMMANDS);
}

VLIB_INIT_FUNCTION (init);

static clib_error_t *
main_loop_exit (vlib_main_t *vm)
{
  return flowmeter_exit (vm);
}

VLIB_MAIN_LOOP_EXIT_FUNCTION (main_loop_exit);
