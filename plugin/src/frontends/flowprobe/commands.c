/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers flowprobe's messages and commands when VPP's main loop starts, unless another plugin
 * has registered them.
 */

#include "flowmeter_flowprobe.h"
#include "messages.h"
#include "registration.h"
#include "flowmeter.h"

/* Runs after the init functions of all plugins, which register their messages. */
static clib_error_t *
flowprobe_enter (vlib_main_t *vm)
{
  if (flowprobe_messages_are_taken ())
    {
      flowmeter_flowprobe_disabled ();
      return 0;
    }
  flowprobe_messages_register ();
  return register_commands (vm, FLOWMETER_FLOWPROBE_COMMANDS);
}

VLIB_MAIN_LOOP_ENTER_FUNCTION (flowprobe_enter);
