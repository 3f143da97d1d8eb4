/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What registration.c provides to the C code of the frontends.
 */
#ifndef included_flowmeter_registration_h
#define included_flowmeter_registration_h

#include "vpp_shim.h"

/* Counters of the observing nodes, defined in src/dataplane/errors.rs. */
extern vlib_error_desc_t flowmeter_errors[];

/* Registers the commands of one of the lists in include/flowmeter.h. */
clib_error_t *register_commands (vlib_main_t *vm, u32 list);

#endif /* included_flowmeter_registration_h */
