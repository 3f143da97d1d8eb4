/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flowprobe's messages and commands are registered when VPP's loop begins, and only where no other
 * plugin has registered them by then.
 */

#include "flowmeter_flowprobe.h"
#include "messages.h"
#include "registration.h"
#include "flowmeter.h"

/* All plugins have started: another one that has these messages has registered them by now. */
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
