/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How observing nodes are registered, of both kinds: registration.c's and flowprobe/'s. Included
 * once in each, since VPP's registrations are static.
 */
#ifndef included_flowmeter_observing_node_h
#define included_flowmeter_observing_node_h

#include "vpp_shim.h"
#include "flowmeter.h"

/* Counters of the observing nodes; their names are Rust's (src/errors.rs). */
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

#define OBSERVING_NODE(f, text, errors)                                                            \
  VLIB_REGISTER_NODE (f##_node) = {                                                                \
    .name = text,                                                                                  \
    .function = (vlib_node_function_t *) f,                                                        \
    .vector_size = sizeof (u32),                                                                   \
    .format_trace = format_trace,                                                                  \
    .type = VLIB_NODE_TYPE_INTERNAL,                                                               \
    .n_errors = FLOWMETER_N_ERRORS,                                                                \
    .error_counters = errors,                                                                      \
  }

#endif /* included_flowmeter_observing_node_h */
